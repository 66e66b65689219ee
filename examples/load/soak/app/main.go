// Command app is the guest of the soak: a number in kv, a log in SQL whose
// lines go to sockets, an alarm, and a call that panics behind its write.
package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

func init() {
	edge.Register("Soak", func(s *edge.State, _ *edge.Env) (*soak, error) { return &soak{state: s}, nil })
}

func main() {}

// The log keeps its newest lines, so that a long run ends with no more storage
// than a short one.
const linesMax = 50

// alarmAfter is when the alarm fires that a client asks for.
const alarmAfter = 200 * time.Millisecond

type soak struct {
	state *edge.State
	table bool // the table of lines is there
}

// Fetch answers /soak/NAME/incr, append, get, alarm, panic and ws.
func (s *soak) Fetch(r *edge.Request) (*edge.Response, error) {
	path := r.Path()
	switch path[strings.LastIndexByte(path, '/')+1:] {
	case "incr":
		n, err := s.add("n")
		return edge.Text(200, strconv.Itoa(n)), err
	case "append":
		return s.append()
	case "get":
		return s.get()
	case "alarm":
		return s.arm()
	case "panic":
		if _, err := s.add("n"); err != nil {
			return nil, err
		}
		panic("as asked")
	case "ws":
		ws, ok := r.Upgrade()
		if !ok {
			return edge.Text(426, "a WebSocket is wanted"), nil
		}
		return edge.Switch(ws, ""), s.state.AcceptWebSocket(ws)
	}
	return edge.Text(404, "no such operation"), nil
}

func (s *soak) number(key string) (int, error) {
	n, _, err := edge.Get[int](s.state.Storage.KV, key)
	return n, err
}

func (s *soak) add(key string) (int, error) {
	n, err := s.number(key)
	if err != nil {
		return 0, err
	}
	return n + 1, edge.Put(s.state.Storage.KV, key, n+1)
}

// append writes a line, sends its number to all sockets and answers it.
func (s *soak) append() (*edge.Response, error) {
	sql := s.state.Storage.SQL
	if !s.table {
		if _, err := sql.Exec("CREATE TABLE IF NOT EXISTS lines(seq INTEGER PRIMARY KEY, text TEXT NOT NULL)"); err != nil {
			return nil, err
		}
		s.table = true
	}
	seq, err := s.add("seq")
	if err != nil {
		return nil, err
	}
	if _, err := sql.Exec("INSERT INTO lines(seq,text) VALUES(?,?)", seq, "a line of the soak"); err != nil {
		return nil, err
	}
	if _, err := sql.Exec("DELETE FROM lines WHERE seq<=?", seq-linesMax); err != nil {
		return nil, err
	}
	s.state.Broadcast(edge.Message{Data: strconv.AppendInt(nil, int64(seq), 10)})
	return edge.Text(200, strconv.Itoa(seq)), nil
}

// counts is what an object has.
type counts struct {
	N     int `json:"n"`
	Seq   int `json:"seq"`
	Lines int `json:"lines"`
	Fired int `json:"fired"`
}

func (s *soak) get() (*edge.Response, error) {
	var c counts
	for key, n := range map[string]*int{"n": &c.N, "seq": &c.Seq, "fired": &c.Fired} {
		var err error
		if *n, err = s.number(key); err != nil {
			return nil, err
		}
	}
	if c.Seq > 0 {
		rows, err := s.state.Storage.SQL.Exec("SELECT count(*) FROM lines WHERE seq<=?", c.Seq)
		if err != nil {
			return nil, err
		}
		if c.Lines, err = edge.One[int](rows); err != nil {
			return nil, err
		}
	}
	return edge.JSON(200, c), nil
}

// arm sets the alarm and answers how many have fired.
func (s *soak) arm() (*edge.Response, error) {
	fired, err := s.number("fired")
	if err != nil {
		return nil, err
	}
	return edge.Text(200, strconv.Itoa(fired)), s.state.Storage.SetAlarm(s.state.Now().Add(alarmAfter))
}

// Alarm counts.
func (s *soak) Alarm(edge.AlarmInfo) error {
	_, err := s.add("fired")
	return err
}
