package hostcall

import (
	"bytes"
	"log/slog"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// postNamed is every function of shape Post that is served.
var postNamed = map[string]postFunc{
	"register": func(*Calls, []byte) error {
		return &object.Error{Status: abi.WrongPhase, Message: "register is allowed only while the image is made"}
	},
	"log": func(c *Calls, req []byte) error {
		var m abi.LogRequest
		if err := m.Decode(req); err != nil {
			return err
		}
		c.line(slog.Level(m.Level), m.Message, m.Attrs)
		return nil
	},
	"respond":       respond,
	"respond_chunk": respondChunk,
	"forward":       forward,
	"done": func(c *Calls, req []byte) error {
		var m abi.DoneRequest
		if err := m.Decode(req); err != nil {
			return err
		}
		if len(m.Payload) > abi.CallBytesMax {
			return &object.Error{Status: abi.TooLarge, Message: "done: the result is over 32 MiB"}
		}
		return c.o.Done(m.Event, abi.Status(m.Status), bytes.Clone(m.Payload))
	},
	"wait_until": func(c *Calls, req []byte) error {
		var m abi.WaitUntilRequest
		if err := m.Decode(req); err != nil {
			return err
		}
		return c.o.WaitUntil(m.Event, m.Name, m.Delta)
	},
	"block": func(c *Calls, req []byte) error {
		var m abi.BlockRequest
		if err := m.Decode(req); err != nil {
			return err
		}
		return c.o.Block(m.Event, m.On)
	},
	"abort": func(c *Calls, req []byte) error {
		m := new(abi.AbortRequest)
		if err := m.Decode(req); err != nil {
			return err
		}
		return &trap{c.o.Abort(m)}
	},
	"op_cancel": func(c *Calls, req []byte) error {
		var m abi.OpRequest
		if err := m.Decode(req); err != nil {
			return err
		}
		return c.o.CancelOp(m.Op)
	},
	"metric":               metric,
	"kv_put":               kvPut,
	"delete_all":           deleteAll,
	"sql_close":            sqlClose,
	"tx_begin":             func(c *Calls, _ []byte) error { return c.stored(c.o.Begin) },
	"tx_commit":            func(c *Calls, _ []byte) error { return c.stored(c.o.Release) },
	"tx_rollback":          func(c *Calls, _ []byte) error { return c.stored(c.o.Rollback) },
	"alarm_set":            alarmSet,
	"alarm_delete":         func(c *Calls, _ []byte) error { return c.stored(c.o.DeleteAlarm) },
	"ws_accept":            wsAccept,
	"ws_send":              wsSend,
	"ws_close":             wsClose,
	"ws_attachment_set":    wsAttachmentSet,
	"ws_auto_response_set": wsAutoResponseSet,
	"ws_event_timeout_set": wsEventTimeoutSet,
}

// metric counts at once: it is no effect of the turn.
func metric(c *Calls, req []byte) error {
	var m abi.MetricRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	if !abi.CounterName(m.Name) {
		return invalid("metric: %.80q is no name of a counter: expected 1 to %d letters a-z, digits and _, a letter first", m.Name, abi.CounterNameBytesMax)
	}
	if m.Delta < 0 {
		return invalid("metric: counter %s: the delta is %d, expected 0 or more", m.Name, m.Delta)
	}
	return c.app.Counters.Count(m.Name, m.Delta)
}

// respond copies the response out of guest memory once.
func respond(c *Calls, req []byte) error {
	m := new(abi.RespondRequest)
	if err := m.DecodeShared(bytes.Clone(req)); err != nil {
		return err
	}
	return c.o.Respond(m.Event, &m.Response)
}

func respondChunk(c *Calls, req []byte) error {
	var m abi.RespondChunkRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.o.RespondChunk(m.Event, bytes.Clone(m.Data), m.Last)
}
