package engage

import (
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// The subprotocols of the live view.
const (
	protocol       = "engage.v1"
	protocolBearer = "bearer."
	protocolUser   = "user."
)

// Close codes of the contract.
const (
	closeUnauthorized = 4401
	closeForbidden    = 4403
	closeNotFound     = 4404
	closeTryAgain     = 1013
)

// upgrade accepts every upgrade of the live view: a browser sees only a close
// code, not the status of a refused upgrade.
func (s *Session) upgrade(c *call) (*edge.Response, error) {
	ws, ok := c.req.Upgrade()
	if !ok {
		return rest.Failed(rest.Refuse(426, "upgrade_required", "this path speaks WebSocket"))
	}
	token, speaks := rest.Offered(c.req, protocol, protocolBearer)
	if t := rest.Bearer(c.req); t != "" {
		token = t
	}
	if user, _ := rest.Offered(c.req, protocol, protocolUser); user != "" && c.req.Header.Get("X-User-Id") == "" && len(user) <= UserIDBytesMax {
		c.User = user
	}
	chosen := ""
	if speaks {
		chosen = protocol
	}
	refused := s.admit(c, token, nil)
	if err := s.state.AcceptWebSocket(ws); err != nil {
		if errors.Is(err, edge.ErrTooLarge) {
			return rest.Failed(rest.Refuse(503, "overloaded", "the conversation has as many connections as it may have"))
		}
		return nil, err
	}
	if refused != nil {
		p, own := refused.(*rest.Problem)
		if !own {
			return nil, refused
		}
		if s.conv != nil {
			s.commit(c.note(refused))
		}
		return edge.Switch(ws, chosen), ws.Close(closeCode(p), p.Code)
	}
	if err := ws.Send(edge.Message{Data: frame("welcome", "state", s.appendState)}); err != nil {
		return nil, err
	}
	s.sockets++
	s.commit(c.note(nil))
	return edge.Switch(ws, chosen), nil
}

func closeCode(p *rest.Problem) int {
	switch p.Status {
	case 401:
		return closeUnauthorized
	case 403:
		return closeForbidden
	case 404:
		return closeNotFound
	}
	return closeTryAgain
}

// WebSocketMessage refuses what a client sends: changes go over HTTP.
func (s *Session) WebSocketMessage(ws *edge.WebSocket, _ edge.Message) error {
	return ws.Send(edge.TextMessage(`{"type":"error","code":"bad_request","message":"the live view takes no messages but ping"}`))
}

// WebSocketClose counts sockets.
func (s *Session) WebSocketClose(*edge.WebSocket, int, string, bool) error {
	s.sockets = len(s.state.WebSockets())
	return nil
}
