package main

import (
	"encoding/json"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// wave is the least that a room can be: it numbers what a socket says and
// sends it to all, and stores nothing.
type wave struct {
	state *edge.State
	seq   int64
}

// Fetch accepts a socket.
func (w *wave) Fetch(req *edge.Request) (*edge.Response, error) {
	ws, ok := req.Upgrade()
	if !ok {
		return edge.Text(426, "need ws"), nil
	}
	return edge.Switch(ws, ""), w.state.AcceptWebSocket(ws)
}

// WebSocketMessage sends what a socket says to all.
func (w *wave) WebSocketMessage(_ *edge.WebSocket, msg edge.Message) error {
	var in appended
	if err := json.Unmarshal(msg.Data, &in); err != nil {
		return err
	}
	w.seq++
	frame, err := json.Marshal(appended{"event", w.seq, in.Content, w.state.Now().UnixMilli()})
	if err != nil {
		return err
	}
	w.state.Broadcast(edge.Message{Data: frame})
	return nil
}
