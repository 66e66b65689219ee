package native

import (
	"fmt"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func respond(o *object, m *abi.RespondRequest) error {
	e, err := o.event(m.Event)
	if err != nil {
		return err
	}
	r := &m.Response
	switch {
	case e.kind != abi.EventFetch || e.answered:
		return refuse(abi.Invalid, "respond: event %d is no fetch, or has been answered", m.Event)
	case r.Status < 100 || r.Status > 999:
		return refuse(abi.Invalid, "respond: status is %d, expected 100 to 999", r.Status)
	case r.Status == 101 && (e.offer == nil || !e.offer.accepted()):
		return refuse(abi.Invalid, "respond: status 101 needs a WebSocket upgrade that an object has accepted")
	}
	e.answered = true
	tell := func() {
		if e.reply != nil {
			e.reply.respond(r)
		}
	}
	if r.Streamed {
		o.effects = append(o.effects, effect{release: tell, answers: e})
		return nil
	}
	o.finished(e, tell)
	return nil
}

func respondChunk(o *object, m *abi.RespondChunkRequest) error {
	e, err := o.event(m.Event)
	if err != nil {
		return err
	}
	if !e.answered {
		return refuse(abi.Invalid, "respond_chunk: event %d has no streamed answer", m.Event)
	}
	tell := func() {
		if e.reply != nil {
			e.reply.chunk(m.Data, m.Last)
		}
	}
	if m.Last {
		o.finished(e, tell)
		return nil
	}
	o.effects = append(o.effects, effect{release: tell, answers: e})
	return nil
}

func done(o *object, m *abi.DoneRequest) error {
	e, err := o.event(m.Event)
	if err != nil {
		return err
	}
	if len(m.Payload) > abi.CallBytesMax {
		return refuse(abi.TooLarge, "done: the result is over 32 MiB")
	}
	st, payload := abi.Status(m.Status), m.Payload
	if e.kind == abi.EventConstruct {
		o.finished(e, nil)
		if o.constructing = false; st != abi.OK {
			o.w.log(o, "ERROR constructor failed", failed(st, payload).Error())
			o.fault = &constructFailed{st, payload}
		}
		return nil
	}
	if e.kind == abi.EventAlarm {
		o.alarmDone(st, payload)
	}
	if st != abi.OK {
		payload = o.remote(e, st, payload)
	}
	o.finished(e, func() {
		if e.reply != nil {
			e.reply.done(st, payload)
		}
	})
	return nil
}

// remote marks a handler's error as the object's own.
func (o *object) remote(e *event, st abi.Status, payload []byte) []byte {
	var f abi.Failure
	if f.Decode(payload) != nil {
		f.Message = "the guest failed with " + st.String()
	}
	f.Flags |= abi.FailureRemote
	if e.kind != abi.EventCall {
		o.w.log(o, "ERROR handler of "+kindName(e.kind)+" failed", f.Message)
	}
	return f.Append(nil)
}

func waitUntil(o *object, m *abi.WaitUntilRequest) error {
	if m.Delta != 1 && m.Delta != -1 || o.background+int(m.Delta) < 0 {
		return refuse(abi.Invalid, "wait_until: delta is %d with %d running, expected 1, or -1 to end one", m.Delta, o.background)
	}
	if o.background == 0 {
		o.backgroundAt = o.w.now()
	}
	o.background += int(m.Delta)
	return nil
}

func block(o *object, m *abi.BlockRequest) error {
	e := o.events[m.Event]
	if m.On {
		if o.blocks >= blocksMax {
			return refuse(abi.Invalid, "block: nested deeper than %d", blocksMax)
		}
		o.blocks++
		if e != nil && o.class.Interleave {
			o.w.startEvent(o, e, true)
		}
		return nil
	}
	if o.blocks == 0 {
		return refuse(abi.Invalid, "block: no section is open")
	}
	o.blocks--
	if e != nil && o.class.Interleave {
		o.w.stopEvent(o, e)
	}
	return nil
}

func abort(o *object, m *abi.AbortRequest) error {
	o.abort = m
	o.fault = fmt.Errorf("aborted: %s", m.Reason)
	return nil
}

// levels are slog's, as a line shows them.
func level(n int32) string {
	switch {
	case n < 0:
		return "DEBUG"
	case n < 4:
		return "INFO"
	case n < 8:
		return "WARN"
	}
	return "ERROR"
}

func logLine(o *object, m *abi.LogRequest) error {
	var b strings.Builder
	for _, a := range m.Attrs {
		fmt.Fprintf(&b, " %s=%q", a.Name, a.Value)
	}
	o.w.log(o, level(m.Level)+" "+m.Message, strings.TrimPrefix(b.String(), " "))
	return nil
}

// log keeps a line: time, level and message, object, details.
func (w *World) log(o *object, head, details string) {
	who := "worker"
	if !o.worker() {
		who = o.class.Class + "/" + o.label()
	}
	w.logs = append(w.logs, strings.TrimSpace(fmt.Sprintf("%s %s [%s] %s", w.now().Format("15:04:05.000"), head, who, details)))
}
