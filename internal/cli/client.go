package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-run/holdfast/host/admin"
)

// client asks the admin API of a running host.
type client struct {
	addr, token *string
}

func (f *flags) client() *client {
	return &client{
		addr:  f.String("admin-addr", admin.DefaultAddr, "admin address of the host"),
		token: f.String("admin-token", "", "its token, if it wants one"),
	}
}

// clientTimeout bounds a call; a backup or an advance may be much work.
const clientTimeout = 2 * time.Hour

// call sends a request and decodes a JSON answer into out, if out is not nil.
func (c *client) call(method, path string, body, out any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "http://"+*c.addr+"/_holdfast/api/"+path, in)
	if err != nil {
		return usage("--admin-addr: %v", err)
	}
	if *c.token != "" {
		req.Header.Set("Authorization", "Bearer "+*c.token)
	}
	resp, err := (&http.Client{Timeout: clientTimeout}).Do(req)
	if err != nil {
		return fmt.Errorf("no host answers at %s: %w", *c.addr, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		var e struct {
			Error struct{ Code, Message string }
		}
		if json.Unmarshal(b, &e) == nil && e.Error.Message != "" {
			return fmt.Errorf("%s: %s", e.Error.Code, e.Error.Message)
		}
		return fmt.Errorf("the host answered %s", resp.Status)
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, out)
}

// objectVerbs are the words behind holdfast objects.
const objectVerbs = "list, show, evict, delete, clone, restore, bookmark or vacuum"

// objects is holdfast objects.
func objects(c *call) error {
	f := c.flags()
	cl := f.client()
	ns := f.String("namespace", "", "namespace, <app>.<class>")
	prefix := f.String("prefix", "", "beginning of names")
	to := f.String("to", "", "name of the clone")
	over := f.Bool("over", false, "clone over an object that is there")
	at := f.point()
	args, err := f.parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usage("expected %s", objectVerbs)
	}
	switch args[0] {
	case "list":
		return listObjects(c.out, cl, *ns, *prefix)
	case "show", "evict", "delete", "clone", "restore", "bookmark", "vacuum":
		if len(args) == 2 && *ns != "" {
			args = []string{args[0], *ns, args[1]}
		}
		if len(args) != 3 {
			return usage("expected objects %s NAMESPACE ID|name:NAME", args[0])
		}
		path := "objects/" + url.PathEscape(args[1]) + "/" + url.PathEscape(args[2])
		switch args[0] {
		case "show":
			return showObject(c.out, cl, path)
		case "evict":
			return cl.call(http.MethodPost, path+"/evict", nil, nil)
		}
		return changeObject(c, cl, args[0], path, at, *to, *over)
	}
	return usage("%q: expected %s", args[0], objectVerbs)
}

func showObject(out io.Writer, cl *client, path string) error {
	var detail json.RawMessage
	if err := cl.call(http.MethodGet, path, nil, &detail); err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, detail, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, pretty.String())
	return err
}

func listObjects(out io.Writer, cl *client, ns, prefix string) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tTIER\tBYTES\tLAST ACTIVE")
	cursor := ""
	for {
		var page struct {
			Items  []admin.Object
			Cursor string
		}
		q := url.Values{"namespace": {ns}, "prefix": {prefix}, "cursor": {cursor}, "limit": {"1000"}}
		if err := cl.call(http.MethodGet, "objects?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, o := range page.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", o.ID, strings.ReplaceAll(o.Name, "\t", " "), o.Tier, o.StorageBytes, o.LastActiveAt)
		}
		if cursor = page.Cursor; cursor == "" {
			return w.Flush()
		}
	}
}

// clockCommand is holdfast clock advance.
func clockCommand(c *call) error {
	f := c.flags()
	cl := f.client()
	args, err := f.parse()
	if err != nil {
		return err
	}
	if len(args) != 2 || args[0] != "advance" {
		return usage("expected clock advance DURATION, such as 24h")
	}
	if d, err := time.ParseDuration(args[1]); err != nil || d < 0 {
		return usage("%q: expected a duration such as 90s or 24h", args[1])
	}
	var ans struct {
		Now   string
		Fired int
	}
	if err := cl.call(http.MethodPost, "clock", map[string]string{"advance": args[1]}, &ans); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "now %s, fired %d\n", ans.Now, ans.Fired)
	return err
}
