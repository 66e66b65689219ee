package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hostStub is an admin API that notes what it is asked and answers as told.
type hostStub struct {
	addr  string
	asked []string
}

func stub(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *hostStub {
	t.Helper()
	h := &hostStub{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked = append(h.asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	h.addr = strings.TrimPrefix(s.URL, "http://")
	return h
}

// lists answers two pages of objects.
func lists(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("cursor") == "" {
		fmt.Fprint(w, `{"items":[{"id":"01","name":"ann","tier":"hot","storageBytes":7,"lastActiveAt":"2026-04-07T00:00:00.000Z"}],"cursor":"c"}`)
		return
	}
	fmt.Fprint(w, `{"items":[{"id":"02","name":"tab\there","tier":"cold","storageBytes":12,"lastActiveAt":"2026-04-08T00:00:00.000Z"}]}`)
}

func TestObjects_ListReadsAllPages(t *testing.T) {
	for _, args := range []string{
		"objects list --namespace logs.LogRoom --prefix a/b --admin-addr %s",
		"objects --namespace logs.LogRoom --prefix=a/b --admin-addr %s list",
		"objects --prefix a/b list --admin-addr=%s --namespace logs.LogRoom",
	} {
		h := stub(t, lists)
		o := run(strings.Fields(fmt.Sprintf(args, h.addr)))
		want := "ID  NAME      TIER  BYTES  LAST ACTIVE\n" +
			"01  ann       hot   7      2026-04-07T00:00:00.000Z\n" +
			"02  tab here  cold  12     2026-04-08T00:00:00.000Z\n"
		if o.code != 0 || o.out != want || o.err != "" {
			t.Errorf("%s: exit %d, %q, %q", args, o.code, o.out, o.err)
		}
		query := "GET /_holdfast/api/objects?cursor=%s&limit=1000&namespace=logs.LogRoom&prefix=a%%2Fb "
		if len(h.asked) != 2 || h.asked[0] != fmt.Sprintf(query, "") || h.asked[1] != fmt.Sprintf(query, "c") {
			t.Errorf("%s asked %q", args, h.asked)
		}
	}
}

func TestObjects_ShowAndEvict(t *testing.T) {
	for _, c := range []struct{ args, asked string }{
		{"show logs.LogRoom name:a/b", "GET /_holdfast/api/objects/logs.LogRoom/name:a%2Fb "},
		{"show --namespace logs.LogRoom name:100%", "GET /_holdfast/api/objects/logs.LogRoom/name:100%25 "},
		{"show 0123 --namespace logs.LogRoom", "GET /_holdfast/api/objects/logs.LogRoom/0123 "},
		{"evict logs.LogRoom name:ann", "POST /_holdfast/api/objects/logs.LogRoom/name:ann/evict "},
	} {
		h := stub(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				w.WriteHeader(204)
				return
			}
			fmt.Fprint(w, `{"id":"01","alarm":null}`)
		})
		o := run(append([]string{"objects", "--admin-addr", h.addr}, strings.Fields(c.args)...))
		if o.code != 0 || o.err != "" || strings.Join(h.asked, "|") != c.asked {
			t.Errorf("%s: exit %d, %q, asked %q", c.args, o.code, o.err, h.asked)
		}
		if strings.HasPrefix(c.args, "show") != (o.out == "{\n  \"id\": \"01\",\n  \"alarm\": null\n}\n") {
			t.Errorf("%s: output %q", c.args, o.out)
		}
	}
}

func TestClock_Advances(t *testing.T) {
	h := stub(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"now":"2026-04-08T00:00:00.000Z","fired":3}`)
	})
	o := run([]string{"clock", "advance", "24h"}, "HOLDFAST_ADMIN_ADDR="+h.addr, "HOLDFAST_ADMIN_TOKEN=secret")
	if o.code != 0 || o.out != "now 2026-04-08T00:00:00.000Z, fired 3\n" || o.err != "" {
		t.Errorf("exit %d, %q, %q", o.code, o.out, o.err)
	}
	if len(h.asked) != 1 || h.asked[0] != "POST /_holdfast/api/clock Bearer secret" {
		t.Errorf("asked %q", h.asked)
	}
}

func TestClient_FlagsBeatVariables(t *testing.T) {
	h := stub(t, lists)
	o := run([]string{"objects", "list", "--admin-addr", h.addr, "--admin-token", "flag"}, "HOLDFAST_ADMIN_ADDR=127.0.0.1:1", "HOLDFAST_ADMIN_TOKEN=variable")
	if o.code != 0 || !strings.HasSuffix(h.asked[0], " Bearer flag") {
		t.Errorf("exit %d, %q, asked %q", o.code, o.err, h.asked)
	}
}

func TestClient_FailuresAreOneLine(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{401, `{"error":{"code":"unauthorized","message":"a bearer token is needed"}}`, "holdfast objects: unauthorized: a bearer token is needed\n"},
		{403, `{"error":{"code":"forbidden","message":"the token is not one of admin.tokens"}}`, "holdfast objects: forbidden: the token is not one of admin.tokens\n"},
		{404, `{"error":{"code":"not_found","message":"no object x"}}`, "holdfast objects: not_found: no object x\n"},
		{502, "<html>", "holdfast objects: the host answered 502 Bad Gateway\n"},
	} {
		h := stub(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		if o := run([]string{"objects", "list", "--admin-addr", h.addr}); o.code != 1 || o.out != "" || o.err != c.want {
			t.Errorf("%d: exit %d, %q, %q", c.status, o.code, o.out, o.err)
		}
	}
	closed := httptest.NewServer(nil)
	addr := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	if o := run([]string{"objects", "list", "--admin-addr", addr}); o.code != 1 || strings.Count(o.err, "\n") != 1 || !strings.Contains(o.err, "no host answers at "+addr) {
		t.Errorf("no host: exit %d, %q", o.code, o.err)
	}
	if o := run([]string{"clock", "advance", "1s", "--admin-addr", "bad host"}); o.code != 2 || !strings.Contains(o.err, "--admin-addr") {
		t.Errorf("no address: exit %d, %q", o.code, o.err)
	}
}
