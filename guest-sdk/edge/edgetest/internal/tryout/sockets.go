package tryout

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// show writes rows as text.
func show(rows [][]abi.Value) string {
	var out []string
	for _, row := range rows {
		var cells []string
		for _, v := range row {
			switch v.Kind {
			case abi.ValueNull:
				cells = append(cells, "null")
			case abi.ValueInteger:
				cells = append(cells, fmt.Sprint(v.Int))
			case abi.ValueFloat:
				cells = append(cells, fmt.Sprint(v.Float))
			default:
				cells = append(cells, string(v.Bytes))
			}
		}
		out = append(out, strings.Join(cells, ","))
	}
	return strings.Join(out, ";")
}

// upgrade accepts a socket with the tags of the query, and welcomes it.
func upgrade(o *One, r *edge.Request, q url.Values) (*edge.Response, error) {
	ws, ok := r.Upgrade()
	if !ok {
		return edge.Text(426, "no upgrade"), nil
	}
	if q.Has("refuse") {
		return edge.Text(403, "refused"), nil
	}
	err := errors.Join(o.state.AcceptWebSocket(ws, strings.Fields(q.Get("tags"))...), ws.SerializeAttachment(q.Get("as")),
		o.state.SetWebSocketAutoResponse("ping", "pong"), ws.Send(edge.TextMessage("welcome "+q.Get("as"))))
	if q.Has("abort") {
		o.state.Abort("after an accept")
	}
	return edge.Switch(ws, q.Get("protocol")), err
}

// say broadcasts the query's text, to a tag or all.
func say(o *One, _ *edge.Request, q url.Values) (*edge.Response, error) {
	var opts []edge.BroadcastOption
	if q.Has("tag") {
		opts = append(opts, edge.WithTag(q.Get("tag")))
	}
	return text(fmt.Sprintf("%d of %d", o.state.Broadcast(edge.TextMessage(q.Get("text")), opts...), len(o.state.WebSockets()))), nil
}

// WebSocketOpen tells the socket that it is open.
func (o *One) WebSocketOpen(ws *edge.WebSocket) error { return ws.Send(edge.TextMessage("open")) }

// WebSocketMessage echoes, and does what some texts say.
func (o *One) WebSocketMessage(ws *edge.WebSocket, m edge.Message) error {
	switch string(m.Data) {
	case "close":
		return errors.Join(ws.Send(edge.TextMessage("closing")), ws.Close(4001, "as you wish"))
	case "panic":
		_ = ws.Send(edge.TextMessage("not sent"))
		panic("a message")
	case "who":
		var as string
		err := ws.DeserializeAttachment(&as)
		tags, terr := ws.Tags()
		return errors.Join(err, terr, ws.Send(edge.TextMessage(as+" "+strings.Join(tags, ","))))
	}
	return ws.Send(m)
}

// WebSocketClose notes how it closed under "closes".
func (o *One) WebSocketClose(ws *edge.WebSocket, code int, reason string, clean bool) error {
	var as string
	if err := ws.DeserializeAttachment(&as); err != nil {
		return err
	}
	kv := o.state.Storage.KV
	old, _, err := kv.Get("closes")
	return errors.Join(err, kv.Put("closes", append(old, fmt.Sprintf("%s %d %s %v\n", as, code, reason, clean)...)))
}

// own serves a socket of the instance's own: it echoes, and does what some
// texts say.
func own(r *edge.Request) (*edge.Response, error) {
	ws, ok := r.Upgrade()
	if !ok {
		return edge.Text(426, "no upgrade"), nil
	}
	err := ws.Serve(func(c *edge.Conn) error {
		if err := c.Send(edge.TextMessage("welcome")); err != nil {
			return err
		}
		for {
			m, err := c.Receive()
			switch {
			case err != nil:
				return err
			case string(m.Data) == "return":
				return nil
			case string(m.Data) == "fail":
				return errors.New("as you wish")
			case string(m.Data) == "close":
				err = errors.Join(c.Close(4001, "as you wish"), c.Send(edge.TextMessage("too late")))
				if err == nil {
					return errors.New("sent after the close")
				}
			default:
				err = c.Send(m)
			}
			if err != nil && string(m.Data) != "close" {
				return err
			}
		}
	})
	return edge.Switch(ws, ""), err
}
