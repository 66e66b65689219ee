// Package tryout is a guest that does, on request, what a host has to get
// right. edgetest's own tests run it in memory and compiled, and want the same
// of both.
package tryout

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

func init() {
	edge.Register("One", newOne)
	edge.Register("Many", func(s *edge.State, e *edge.Env) (*Many, error) {
		o, err := newOne(s, e)
		return &Many{o}, err
	}, edge.Interleave())
	edge.RegisterWorker(edge.Worker{Fetch: serve, Scheduled: scheduled})
	edge.Method("pass", (*One).pass)
}

// One takes one event at a time.
type One struct {
	state *edge.State
	env   *edge.Env
	cell  int // memory only
}

// Many interleaves.
type Many struct{ *One }

func newOne(s *edge.State, e *edge.Env) (*One, error) {
	o := &One{state: s, env: e}
	how, _, err := s.Storage.KV.Get("birth")
	if err != nil {
		return nil, err
	}
	switch string(how) {
	case "slow": // the constructor waits
		return o, s.Storage.Sync()
	case "fail":
		return nil, errors.New("stillborn")
	}
	return o, nil
}

func text(v any) *edge.Response { return edge.Text(200, fmt.Sprint(v)) }

// deed is one thing that a request asks for.
type deed func(o *One, r *edge.Request, q url.Values) (*edge.Response, error)

var deeds = map[string]deed{
	"get": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		v, _, err := o.state.Storage.KV.Get(q.Get("key"))
		return edge.Text(200, string(v)), err
	},
	"put": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		return text(""), o.put(q)
	},
	"cell": func(o *One, _ *edge.Request, _ url.Values) (*edge.Response, error) {
		o.cell++
		return text(o.cell), nil
	},
	"fail": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		return nil, errors.Join(o.put(q), errors.New("a reply"))
	},
	"panic": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) { _ = o.put(q); panic("on request") },
	"abort": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		_ = o.put(q)
		o.state.Abort("on request")
		return nil, nil
	},
	"synced": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		if err := errors.Join(o.put(q), o.state.Storage.Sync()); err != nil {
			return nil, err
		}
		panic("after a sync")
	},
	"sleep": sleep,
	"later": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		o.state.WaitUntil("later", func() error {
			d, err := time.ParseDuration(q.Get("for"))
			time.Sleep(d)
			return errors.Join(err, o.put(q))
		})
		return text(""), nil
	},
	"alarm": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		d, err := time.ParseDuration(q.Get("in"))
		if err != nil {
			return nil, err
		}
		return text(""), errors.Join(o.put(q), o.state.Storage.SetAlarm(o.state.Now().Add(d)))
	},
	"call": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		s, err := o.pass(strings.Fields(q.Get("to")))
		return report(s, err)
	},
	"count": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		n, err := strconv.ParseInt(q.Get("n"), 10, 64)
		o.state.Count(q.Get("name"), n)
		if q.Has("panic") {
			panic("on request")
		}
		return text(""), err
	},
	"inserts": func(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
		n, err := strconv.Atoi(q.Get("n"))
		db := o.env.D1("DB")
		for i := range n {
			o.state.WaitUntil("insert", func() error {
				_, err := db.Prepare("INSERT INTO notes (text) VALUES (?)").Bind(strconv.Itoa(i)).Run()
				return err
			})
		}
		return text(""), err
	},
	"ws":  upgrade,
	"own": func(_ *One, r *edge.Request, _ url.Values) (*edge.Response, error) { return own(r) },
	"say": say,
	"sql": sql,
	"d1":  d1,
}

func (o *One) put(q url.Values) error {
	if q.Get("key") == "" {
		return nil
	}
	return o.state.Storage.KV.Put(q.Get("key"), []byte(q.Get("value")))
}

// report answers an error as a result, so that tests see its code.
func report(v any, err error) (*edge.Response, error) {
	var e *edge.Error
	if errors.As(err, &e) {
		return text(fmt.Sprintf("%s retryable=%v remote=%v: %s", e.Code, e.Retryable, e.Remote, e.Message)), nil
	}
	if err != nil {
		return text("error: " + err.Error()), nil
	}
	return text(v), nil
}

func sleep(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
	d, err := time.ParseDuration(q.Get("for"))
	if err != nil {
		return nil, err
	}
	before := o.state.Now()
	time.Sleep(d)
	slept := o.state.Now().Sub(before)
	o.cell++
	return text(fmt.Sprint(slept, " ", o.cell)), o.put(q)
}

// pass calls from object to object, and answers the last one's name.
func (o *One) pass(names []string) (string, error) {
	if len(names) == 0 {
		return o.state.ID.Name(), nil
	}
	return edge.Call[string](o.env.Namespace("ONE").GetByName(names[0]), "pass", names[1:])
}

func sql(o *One, r *edge.Request, _ url.Values) (*edge.Response, error) {
	c, err := o.state.Storage.SQL.Exec(string(r.Body))
	if err != nil {
		return report(nil, err)
	}
	rows, err := c.Raw()
	return report(show(rows), err)
}

func d1(o *One, r *edge.Request, q url.Values) (*edge.Response, error) {
	db := o.env.D1("DB")
	if q.Has("batch") {
		var stmts []*edge.Stmt
		for _, line := range strings.Split(string(r.Body), "\n") {
			stmts = append(stmts, db.Prepare(line))
		}
		rs, err := db.Batch(stmts...)
		return report(len(rs), err)
	}
	res, err := db.Prepare(string(r.Body)).All()
	if err != nil {
		return report(nil, err)
	}
	return text(fmt.Sprint(show(res.Rows), " changes=", res.Meta.Changes, " changed=", res.Meta.ChangedDB)), nil
}

func serve(r *edge.Request, e *edge.Env) (*edge.Response, error) {
	switch r.Path() {
	case "/greet":
		return edge.Text(200, e.Var("GREETING")+" "+e.Mode()+" "+e.Var("HOLDFAST_MODE")), nil
	case "/own":
		return own(r)
	case "/through":
		return e.Namespace("ONE").GetByName("through").Fetch(edge.NewRequest("GET", "http://x/cell", nil))
	case "/ticks":
		n, err := e.D1("DB").Prepare("SELECT text FROM notes ORDER BY id").All()
		if err != nil {
			return nil, err
		}
		return text(show(n.Rows)), nil
	}
	return edge.Text(404, "no such deed"), nil
}

func scheduled(s edge.Scheduled, e *edge.Env) error {
	_, err := e.D1("DB").Prepare("INSERT INTO notes (text) VALUES (?)").Bind(s.Cron + " " + s.Time.UTC().Format("04:05.000")).Run()
	return err
}

// Fetch does what the path's last part says.
func (o *One) Fetch(r *edge.Request) (*edge.Response, error) {
	q, err := r.Query()
	if err != nil {
		return nil, err
	}
	path := r.Path()
	fn := deeds[path[strings.LastIndexByte(path, '/')+1:]]
	if fn == nil {
		return edge.Text(404, "no such deed"), nil
	}
	return fn(o, r, q)
}

// Alarm notes its run under "runs", and fails as often as "fails" says; with
// "crash" set it does so by a panic.
func (o *One) Alarm(a edge.AlarmInfo) error {
	kv := o.state.Storage.KV
	_, set, err := o.state.Storage.GetAlarm()
	if err != nil {
		return err
	}
	o.state.Log.Info("alarm", "retry", a.RetryCount, "isRetry", a.IsRetry, "late", o.state.Now().Sub(a.Scheduled).Round(time.Second).String(), "set", set)
	fails, _, err := kv.Get("fails")
	if err != nil {
		return err
	}
	if n, _ := strconv.Atoi(string(fails)); a.RetryCount < n {
		if _, crash, _ := kv.Get("crash"); crash {
			panic("an alarm")
		}
		return errors.New("an alarm")
	}
	old, _, err := kv.Get("runs")
	return errors.Join(err, kv.Put("runs", append(old, fmt.Sprintf("%d %v %v\n", a.RetryCount, a.IsRetry, set)...)))
}
