package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// room numbers events in its own SQL database, broadcasts them and writes
// each to D1 in the background.
type room struct {
	state *edge.State
	env   *edge.Env
	seq   int64
	d1    bool // events go to D1 too
}

func newRoom(s *edge.State, env *edge.Env) (*room, error) {
	r := &room{state: s, env: env, d1: env.Var("NO_D1") != "1"}
	if _, err := s.Storage.SQL.Exec("CREATE TABLE IF NOT EXISTS ev(seq INTEGER PRIMARY KEY, content TEXT NOT NULL, ts INTEGER NOT NULL)"); err != nil {
		return nil, err
	}
	c, err := s.Storage.SQL.Exec("SELECT coalesce(max(seq),0) AS m FROM ev")
	if err != nil {
		return nil, err
	}
	r.seq, err = edge.One[int64](c)
	return r, err
}

// newRoomAlone is a room that leaves D1 alone.
func newRoomAlone(s *edge.State, env *edge.Env) (*room, error) {
	r, err := newRoom(s, env)
	if err == nil {
		r.d1 = false
	}
	return r, err
}

// appended is an event, stored and live.
type appended struct {
	Type    string `json:"type,omitempty"`
	Seq     int64  `json:"seq" sql:"seq"`
	Content string `json:"content" sql:"content"`
	TS      int64  `json:"ts,omitempty"`
}

func (r *room) append(name, content string) (int64, error) {
	r.seq++
	e := appended{"event", r.seq, content, r.state.Now().UnixMilli()}
	if _, err := r.state.Storage.SQL.Exec("INSERT INTO ev(seq,content,ts) VALUES(?,?,?)", e.Seq, e.Content, e.TS); err != nil {
		return 0, err
	}
	frame, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	r.state.Broadcast(edge.Message{Data: frame})
	if r.d1 {
		r.state.WaitUntil("d1", func() error {
			_, err := r.env.D1("DB").Prepare("INSERT OR REPLACE INTO events(room,seq,content,ts) VALUES(?,?,?,?)").Bind(name, e.Seq, e.Content, e.TS).Run()
			return err
		})
	}
	return e.Seq, nil
}

// Fetch answers ws, POST events and storage.
func (r *room) Fetch(req *edge.Request) (*edge.Response, error) {
	p := strings.Split(req.Path(), "/")
	op := p[len(p)-1]
	switch {
	case op == "ws":
		ws, ok := req.Upgrade()
		if !ok {
			return edge.Text(426, "need ws"), nil
		}
		if err := r.state.AcceptWebSocket(ws); err != nil {
			return nil, err
		}
		return edge.Switch(ws, ""), ws.SerializeAttachment(p[2])
	case op == "events" && req.Method == "POST":
		var in appended
		if err := req.JSON(&in); err != nil {
			return edge.Text(400, err.Error()), nil
		}
		seq, err := r.append(p[2], in.Content)
		if err != nil {
			return nil, err
		}
		return edge.JSONBytes(200, []byte(`{"seq":`+strconv.FormatInt(seq, 10)+`}`)), nil
	case op == "storage":
		c, err := r.state.Storage.SQL.Exec("SELECT seq, content FROM ev ORDER BY seq LIMIT 100000")
		if err != nil {
			return nil, err
		}
		all, err := edge.All[appended](c)
		if err != nil {
			return nil, err
		}
		return edge.JSON(200, map[string]any{"events": all}), nil
	}
	return edge.Text(404, "not found"), nil
}

// WebSocketMessage appends what a socket sends.
func (r *room) WebSocketMessage(ws *edge.WebSocket, msg edge.Message) error {
	var in appended
	if err := json.Unmarshal(msg.Data, &in); err != nil {
		return err
	}
	if in.Type != "append" {
		return nil
	}
	var name string
	if err := ws.DeserializeAttachment(&name); err != nil {
		return err
	}
	_, err := r.append(name, in.Content)
	return err
}
