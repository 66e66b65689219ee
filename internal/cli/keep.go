package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/host/admin"
)

// point are the flags that name a state of an object.
type point struct{ bookmark, time *string }

func (f *flags) point() *point {
	return &point{
		bookmark: f.String("bookmark", "", "a state of the object, by its bookmark"),
		time:     f.String("time", "", "the same, by a time: 2026-01-02T15:04:05Z, or 90m for that long ago"),
	}
}

// body is the point as the admin API takes it.
func (p *point) body() (map[string]any, error) {
	switch {
	case *p.bookmark != "" && *p.time != "":
		return nil, usage("--bookmark and --time: expected at most one")
	case *p.bookmark != "":
		return map[string]any{"bookmark": *p.bookmark}, nil
	case *p.time == "":
		return map[string]any{}, nil
	}
	at, err := time.Parse(time.RFC3339, *p.time)
	if err != nil {
		ago, errAgo := time.ParseDuration(*p.time)
		if errAgo != nil || ago < 0 {
			return nil, usage("--time: %q: expected a time such as 2026-01-02T15:04:05Z, or a duration such as 90m", *p.time)
		}
		at = time.Now().Add(-ago)
	}
	return map[string]any{"time": at}, nil
}

// changeObject is what objects does beyond looking; path is the object's.
func changeObject(c *call, cl *client, verb, path string, at *point, to string, over bool) error {
	body, err := at.body()
	if err != nil {
		return err
	}
	switch verb {
	case "delete":
		return cl.call(http.MethodDelete, path, nil, nil)
	case "bookmark":
		q := url.Values{}
		if t, ok := body["time"].(time.Time); ok {
			q.Set("time", t.UTC().Format(time.RFC3339Nano))
		}
		var out struct{ Bookmark string }
		if err := cl.call(http.MethodGet, path+"/bookmark?"+q.Encode(), nil, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.out, out.Bookmark)
		return err
	case "restore":
		if len(body) == 0 {
			return usage("objects restore: expected --bookmark or --time")
		}
		var out admin.Restored
		if err := cl.call(http.MethodPost, path+"/restore", body, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.out, "restored to %s; --bookmark %s takes that back\n", out.Bookmark, out.Undo)
		return err
	case "clone":
		if to == "" {
			return usage("objects clone: expected --to NAME")
		}
		body["to"], body["over"] = to, over
		var out admin.Cloned
		if err := cl.call(http.MethodPost, path+"/clone", body, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.out, "%s %s, %d bytes\n", out.ID, out.Name, out.Bytes)
		return err
	}
	var out admin.Vacuumed
	if err := cl.call(http.MethodPost, path+"/vacuum", nil, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%d bytes, before %d\n", out.After, out.Before)
	return err
}

// alarms is holdfast alarms list|run|forget.
func alarms(c *call) error {
	f := c.flags()
	cl := f.client()
	dead := f.Bool("dead", false, "alarms that are out of retries")
	args, err := f.parse()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "list":
		return listAlarms(c.out, cl, *dead)
	case len(args) == 3 && args[0] == "run":
		return cl.call(http.MethodPost, "objects/"+url.PathEscape(args[1])+"/"+url.PathEscape(args[2])+"/alarm", nil, nil)
	case len(args) == 2 && args[0] == "run":
		return cl.call(http.MethodPost, "alarms/dead/"+url.PathEscape(args[1])+"/run", nil, nil)
	case len(args) == 2 && args[0] == "forget":
		return cl.call(http.MethodDelete, "alarms/dead/"+url.PathEscape(args[1]), nil, nil)
	}
	return usage("expected alarms list [--dead], run NAMESPACE ID|name:NAME, run KEY or forget KEY")
}

func listAlarms(out io.Writer, cl *client, dead bool) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	path, last := "alarms", "DUE"
	if dead {
		path, last = "alarms/dead", "REASON"
	}
	fmt.Fprintf(w, "NAMESPACE\tNAME OR ID\tSCHEDULED\tRETRIES\t%s\n", last)
	cursor := ""
	for {
		var page struct {
			Items  []admin.Alarm
			Cursor string
		}
		q := url.Values{"cursor": {cursor}, "limit": {"1000"}}
		if err := cl.call(http.MethodGet, path+"?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, a := range page.Items {
			name, last := strings.ReplaceAll(a.Name, "\t", " "), a.DueAt
			if name == "" {
				name = a.ID
			}
			if dead {
				last = strings.ReplaceAll(a.Reason, "\t", " ") + "\t" + a.Key
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", a.Namespace, name, a.ScheduledAt, a.Retries, last)
		}
		if cursor = page.Cursor; cursor == "" {
			return w.Flush()
		}
	}
}

// backup is holdfast backup: of everything, or of one namespace.
func backup(c *call) error {
	f := c.flags()
	cl := f.client()
	to := f.String("to", "", "directory of backups, or with --namespace a new file, on the host's machine")
	ns := f.String("namespace", "", "only this namespace, <app>.<class>")
	args, err := f.parse()
	if err != nil {
		return err
	}
	if *to == "" || len(args) > 0 {
		return usage("expected backup --to DIR, or --namespace NS --to FILE")
	}
	body := map[string]string{"to": *to}
	if *ns != "" {
		var out admin.Moved
		if err := cl.call(http.MethodPost, "namespaces/"+url.PathEscape(*ns)+"/export", body, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.out, "%s: %d objects\n", *to, out.Objects)
		return err
	}
	var out admin.BackedUp
	if err := cl.call(http.MethodPost, "backup", body, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: %d bytes in %d files, %d bytes copied\n", out.Name, out.Bytes, out.Files, out.CopiedBytes)
	return err
}

// restore is holdfast restore: a new data directory from a backup, or objects
// of a running host from an export.
func restore(c *call) error {
	f := c.flags()
	cl := f.client()
	from := f.String("from", "", "directory of backups, or with --namespace an export on the host's machine")
	name := f.String("name", "", "which backup; the latest if not given")
	data := f.String("data", "", "data directory to make; it must not exist, or be empty")
	ns := f.String("namespace", "", "put an export's objects into this namespace of a running host")
	args, err := f.parse()
	if err != nil {
		return err
	}
	if *ns == "" {
		if *from == "" || *data == "" || len(args) > 0 {
			return usage("expected restore --from DIR --data DIR, or --namespace NS --from FILE")
		}
		out, err := host.RestoreBackup(*from, *name, *data)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "%s from %s: %d bytes in %d files\n", *data, out.Name, out.Bytes, out.Files)
		return err
	}
	if *from == "" || len(args) > 0 {
		return usage("expected restore --namespace NS --from FILE")
	}
	var out admin.Moved
	err = cl.call(http.MethodPost, "namespaces/"+url.PathEscape(*ns)+"/import", map[string]string{"from": *from}, &out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: %d objects\n", *ns, out.Objects)
	return err
}

// verify is holdfast verify: of a running host, or of a directory that none
// has open.
func verify(c *call) error {
	f := c.flags()
	cl := f.client()
	data := f.String("data", "", "data directory that no host has open; a running host if not given")
	args, err := f.parse()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return usage("expected verify, or verify --data DIR")
	}
	var out struct {
		Objects, Databases, Alarms, Records, Bytes, More int64
		Problems                                         []string
	}
	if *data == "" {
		err = cl.call(http.MethodPost, "verify", nil, &out)
	} else if v, verr := host.VerifyData(context.Background(), *data); verr != nil {
		err = verr
	} else {
		out.Objects, out.Databases, out.Alarms, out.Records = v.Objects, v.Databases, v.Alarms, v.Records
		out.Bytes, out.More, out.Problems = v.Bytes, v.More, v.Problems
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d objects, %d bytes, %d SQL databases, %d alarms, %d records of history\n",
		out.Objects, out.Bytes, out.Databases, out.Alarms, out.Records)
	for _, p := range out.Problems {
		fmt.Fprintln(c.out, p)
	}
	if n := int64(len(out.Problems)) + out.More; n > 0 {
		return fmt.Errorf("%d problems", n)
	}
	return nil
}
