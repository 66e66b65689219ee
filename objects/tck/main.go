// Command tck is a guest that uses the host rightly and wrongly: tests drive
// it over HTTP to hold the host to the ABI. Each operation is a path of a
// probe, /tck/probe/NAME/OPERATION; OpenProbe is the same class interleaving.
package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

func init() {
	edge.Register("Probe", newProbe)
	edge.Register("OpenProbe", func(s *edge.State, env *edge.Env) (*OpenProbe, error) {
		p, err := newProbe(s, env)
		return &OpenProbe{p}, err
	}, edge.Interleave())
	edge.RegisterWorker(edge.Worker{Fetch: worker, Scheduled: scheduled})
	edge.Method("echo", func(_ *Probe, in string) (string, error) { return in, nil })
	edge.Method("call", func(p *Probe, chain []string) (string, error) { return p.call(chain) })
	edge.Method("call", func(p *OpenProbe, chain []string) (string, error) { return p.call(chain) })
	edge.Method("fail", func(_ *Probe, in string) (string, error) { return "", errors.New(in) })
}

func main() {}

// Probe is one object of the kit.
type Probe struct {
	state *edge.State
	env   *edge.Env
	runs  int // since the constructor
}

// OpenProbe takes further events while one waits.
type OpenProbe struct{ *Probe }

func newProbe(s *edge.State, env *edge.Env) (*Probe, error) {
	n, _, err := edge.Get[int](s.Storage.KV, "constructed")
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(s.ID.Name(), "slow") { // one whose constructor waits
		if err := s.Storage.Sync(); err != nil {
			return nil, err
		}
	}
	return &Probe{state: s, env: env}, edge.Put(s.Storage.KV, "constructed", n+1)
}

type operation func(p *Probe, r *edge.Request, arg string) (*edge.Response, error)

var operations = map[string]operation{}

func op(name string, fn operation) { operations[name] = fn }

// Fetch runs the operation that the path names; ?arg= is its argument.
func (p *Probe) Fetch(r *edge.Request) (*edge.Response, error) {
	p.runs++
	path := r.Path()
	fn := operations[path[strings.LastIndexByte(path, '/')+1:]]
	if fn == nil {
		return edge.Text(404, "no such operation"), nil
	}
	q, err := r.Query()
	if err != nil {
		return edge.Text(400, err.Error()), nil
	}
	return fn(p, r, q.Get("arg"))
}

func text(format string, args ...any) (*edge.Response, error) {
	return edge.Text(200, fmt.Sprintf(format, args...)), nil
}

// call goes through the objects of a chain: "probe:NAME" or "open:NAME".
func (p *Probe) call(chain []string) (string, error) {
	if len(chain) == 0 {
		return "end", nil
	}
	kind, name, _ := strings.Cut(chain[0], ":")
	binding := map[string]string{"probe": "TCK", "open": "OPEN"}[kind]
	out, err := edge.Call[string](p.env.Namespace(binding).GetByName(name), "call", chain[1:])
	if errors.Is(err, edge.ErrCallCycle) {
		return "cycle", nil
	}
	if err != nil {
		return "", err
	}
	return p.state.ID.Name() + ">" + out, nil
}

// Alarm does what the key "alarm" says: "fail N" fails N times.
func (p *Probe) Alarm(info edge.AlarmInfo) error {
	kv := p.state.Storage.KV
	n, _, err := edge.Get[int](kv, "alarms")
	if err != nil {
		return err
	}
	if err := edge.Put(kv, "alarms", n+1); err != nil {
		return err
	}
	at, set, err := p.state.Storage.GetAlarm()
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d/%v/%v", info.RetryCount, info.IsRetry, set && !at.IsZero())
	if err := edge.Put(kv, "alarm-note", note); err != nil {
		return err
	}
	plan, _, err := edge.Get[string](kv, "alarm")
	if err != nil {
		return err
	}
	kind, arg, _ := strings.Cut(plan, " ")
	count, _ := strconv.Atoi(arg) // absent: 0
	switch {
	case kind == "fail" && n < count:
		return fmt.Errorf("alarm %d fails as asked", n+1)
	case kind == "panic" && n < count:
		panic("alarm panics as asked")
	case kind == "again" && n < count:
		return p.state.Storage.SetAlarm(p.state.Now().Add(time.Minute))
	}
	return nil
}

// WebSocketMessage echoes, and obeys "panic" and "close".
func (p *Probe) WebSocketMessage(ws *edge.WebSocket, m edge.Message) error {
	switch string(m.Data) {
	case "panic":
		panic("asked to, by a socket")
	case "close":
		return ws.Close(4000, "as asked")
	case "broadcast":
		p.state.Broadcast(edge.TextMessage("to all"), edge.Except(ws))
		return nil
	}
	return ws.Send(m)
}

// WebSocketClose counts.
func (p *Probe) WebSocketClose(_ *edge.WebSocket, code int, reason string, wasClean bool) error {
	return edge.Put(p.state.Storage.KV, "closed", fmt.Sprintf("%d %s %v", code, reason, wasClean))
}

// worker hands a request to the probe that ?name= names.
func worker(r *edge.Request, env *edge.Env) (*edge.Response, error) {
	q, err := r.Query()
	if err != nil {
		return edge.Text(400, err.Error()), nil
	}
	switch r.Path() {
	case "/tck/worker/panic":
		panic("worker panics as asked")
	case "/tck/worker/fetch":
		return env.Fetch(edge.NewRequest("GET", q.Get("url"), nil))
	case "/tck/worker/stream":
		return &edge.Response{Status: 200, Body: []byte("head "), Stream: func(w *edge.StreamWriter) error {
			for i := range 3 {
				if _, err := fmt.Fprintf(w, "part%d ", i); err != nil {
					return err
				}
			}
			return nil
		}}, nil
	case "/tck/worker/headers":
		b := ""
		for _, h := range r.Header {
			b += h.Name + ": " + h.Value + "\n"
		}
		return edge.Text(200, b), nil
	}
	return env.Namespace("TCK").GetByName(q.Get("name")).Forward(r), nil
}

// scheduled leaves a mark in an object.
func scheduled(s edge.Scheduled, env *edge.Env) error {
	_, err := env.Namespace("TCK").GetByName("cron").Fetch(edge.NewRequest("GET", "http://x/put?arg="+strconv.FormatInt(s.Time.UnixMilli(), 10), nil))
	return err
}
