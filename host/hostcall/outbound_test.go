package hostcall_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/hostcall"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// sent is how an outbound request ended.
func sent(allowed []string, r *abi.Request) (*abi.Response, abi.Status, string) {
	resp, err := hostcall.NewOutbound(allowed).Fetch(context.Background(), r)
	if err != nil {
		st, f := object.Describe(err)
		return nil, st, f.Message
	}
	return resp, abi.OK, ""
}

func get(url string) *abi.Request { return &abi.Request{Method: "GET", URL: url} }

func TestOutbound_SendsAndReceives(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Twice"] = []string{"1", "2"}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(302)
		fmt.Fprintf(w, "%s %s %v", r.Method, r.URL.RequestURI(), r.Header["X-In"])
	}))
	defer s.Close()
	r := &abi.Request{Method: "PUT", URL: s.URL + "/a?b=c", Headers: []abi.Header{{Name: "X-In", Value: "1"}, {Name: "X-In", Value: "2"}}, Body: []byte("x")}
	resp, st, why := sent([]string{"127.0.0.1"}, r)
	if st != abi.OK {
		t.Fatalf("%v %s", st, why)
	}
	twice := 0
	for _, h := range resp.Headers {
		if h.Name == "X-Twice" {
			twice++
		}
	}
	if resp.Status != 302 || string(resp.Body) != "PUT /a?b=c [1 2]" || twice != 2 {
		t.Errorf("got %d %q %v: a redirect is the guest's to follow", resp.Status, resp.Body, resp.Headers)
	}
}

func TestOutbound_DeniesWhatIsNotListed(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		allowed string // by commas
		url     string
		st      abi.Status
	}{
		{"", s.URL, abi.Denied},
		{"example.com", s.URL, abi.Denied},
		{"127.0.0.1", s.URL, abi.OK},
		{"127.0.0.1:" + port, s.URL, abi.OK},
		{"127.0.0.1:1", s.URL, abi.Denied},
		{"localhost", "http://localhost:" + port, abi.OK},
		{"LOCALHOST", "http://LocalHost:" + port, abi.OK},
		{"127.0.0.1", "http://localhost:" + port, abi.Denied},
		{"*.example.com", "http://example.com", abi.Denied},
		{"*.example.com", "http://evilexample.com", abi.Denied},
		{"example.com", "http://example.com.evil.test", abi.Denied},
		{"example.com:443", "http://example.com", abi.Denied},
		{"example.com", "http://example.com@127.0.0.1:" + port, abi.Denied},
		{"example.com", "http://127.0.0.1:" + port + "#@example.com", abi.Denied},
		{"example.com", "http://[::ffff:127.0.0.1]:" + port, abi.Denied},
		{"127.0.0.1", "ftp://127.0.0.1/x", abi.Invalid},
		{"127.0.0.1", "file:///etc/passwd", abi.Invalid},
		{"127.0.0.1", "/relative", abi.Invalid},
		{"127.0.0.1", "http://", abi.Invalid},
		{"127.0.0.1", "http://127.0.0.1:port", abi.Invalid},
	} {
		_, st, why := sent(strings.Split(c.allowed, ","), get(c.url))
		if st != c.st {
			t.Errorf("%s with %q: %v %s, want %v", c.url, c.allowed, st, why, c.st)
		}
		if st == abi.Denied && !strings.Contains(why, "holdfast.outbound") && !strings.Contains(why, "inner address") {
			t.Errorf("%s with %q: %q does not say where to allow it", c.url, c.allowed, why)
		}
	}
	if _, st, _ := sent([]string{"127.0.0.1"}, &abi.Request{Method: "GE T", URL: s.URL}); st != abi.Invalid {
		t.Errorf("a method of two words: %v", st)
	}
}

// TestOutbound_NamesOfInnerAddresses: who lists a name has not listed the
// machine itself, whatever the name leads to.
func TestOutbound_NamesOfInnerAddresses(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{own, "ip6-localhost", "ip6-loopback", "localhost.localdomain"} {
		ips, err := net.LookupHost(name)
		if err != nil || !slices.ContainsFunc(ips, func(ip string) bool { return net.ParseIP(ip).IsLoopback() }) {
			continue
		}
		if _, st, why := sent([]string{name}, get("http://"+name+":1")); st != abi.Denied || !strings.Contains(why, "inner address") {
			t.Errorf("%s: %v %s", name, st, why)
		}
		return
	}
	t.Skip("this machine has no name of its own that leads to it")
}

func TestOutbound_UnreachableIsRetryable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = hostcall.NewOutbound([]string{"127.0.0.1"}).Fetch(context.Background(), get("http://"+addr))
	st, f := object.Describe(err)
	if st != abi.Unavailable || f.Flags&abi.FailureRetryable == 0 || !strings.Contains(f.Message, addr) {
		t.Errorf("%v %+v", st, f)
	}
}

func TestOutbound_EndsWithItsContext(t *testing.T) {
	asked := make(chan bool, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := hostcall.NewOutbound([]string{"127.0.0.1"}).Fetch(ctx, get(s.URL))
		ended <- err
	}()
	<-asked
	cancel()
	select {
	case err := <-ended:
		if st, _ := object.Describe(err); st != abi.Unavailable {
			t.Errorf("%v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on without anybody who waits")
	}
}

func TestOutbound_BoundsTheResponse(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 1<<20)
		for range hostcall.OutboundBytesMax>>20 + 1 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	if _, st, why := sent([]string{"127.0.0.1"}, get(s.URL)); st != abi.TooLarge || !strings.Contains(why, "32 MiB") {
		t.Errorf("%v %s", st, why)
	}
}
