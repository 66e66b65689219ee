package object

import (
	"runtime"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// The effects of a turn, in the order of the calls. Release runs on the gate
// and must not block.

type respondEffect struct {
	e *Event
	r *abi.Response
}

// from tells a caller's reply which object's gate releases it.
func (e *Event) from() Reply {
	reply := e.Reply
	for {
		f, ok := reply.(*forwardReply)
		if !ok {
			break
		}
		reply = f.to
	}
	if r, ok := reply.(*callReply); ok {
		r.via = e.target.Load()
	}
	return e.Reply
}

func (f *respondEffect) Release() {
	if r := f.e.from(); r != nil {
		r.Respond(f.r)
	}
}

func (f *respondEffect) Drop(err error) { f.e.fail(abi.StorageFault, lost(err)) }

type chunkEffect struct {
	e    *Event
	data []byte
	last bool
}

func (f *chunkEffect) Release() {
	if r := f.e.from(); r != nil {
		r.Chunk(f.data, f.last)
	}
}

func (f *chunkEffect) Drop(err error) { f.e.fail(abi.StorageFault, lost(err)) }

type doneEffect struct {
	e       *Event
	status  abi.Status
	payload []byte
}

func (f *doneEffect) Release() {
	if r := f.e.from(); r != nil {
		r.Done(f.status, f.payload)
	}
}

func (f *doneEffect) Drop(err error) { f.e.fail(abi.StorageFault, lost(err)) }

// lost is the failure of effects whose turn did not become durable.
func lost(err error) abi.Failure {
	return failure("the turn was lost: "+err.Error(), abi.FailureRetryable)
}

type sendEffect struct {
	o     *Object
	to    *member
	frame []byte
}

func (f *sendEffect) Release()   { f.o.outbox.send(f.to, f.frame) }
func (f *sendEffect) Drop(error) {}

type broadcastEffect struct {
	o     *Object
	list  []*member
	skip  []*member // of list, those left out
	frame []byte
}

func (f *broadcastEffect) Release()   { f.o.outbox.broadcast(f.list, f.skip, f.frame) }
func (f *broadcastEffect) Drop(error) {}

type closeEffect struct {
	o      *Object
	to     *member
	code   int
	reason string
}

func (f *closeEffect) Release() {
	f.o.outbox.flush()
	f.to.sock.Close(f.code, f.reason)
}

func (f *closeEffect) Drop(error) { f.to.sock.Close(1011, "storage failed") }

type autoEffect struct {
	list []*member
	auto abi.AutoResponse
}

func (f *autoEffect) Release() {
	for _, m := range f.list {
		m.sock.SetAutoResponse(f.auto.On, f.auto.Request, f.auto.Response)
	}
}

func (f *autoEffect) Drop(error) {}

// funcEffect is anything else.
type funcEffect struct {
	release func()
	drop    func(error)
}

func (f *funcEffect) Release() { f.release() }

func (f *funcEffect) Drop(err error) {
	if f.drop != nil {
		f.drop(err)
	}
}

// outbox joins the frames that one pass of the gate releases, so that each
// socket gets them in one write. While broadcasts go to the same list their
// frames stand in one shared text; what goes to single sockets is put in
// between for those alone. It belongs to whoever drains the object's gate.
type outbox struct {
	list    []*member
	shared  []byte
	singles map[*member][]single
}

// single is a frame for one member behind pos bytes of the shared text; or,
// with skip set, a stretch of the shared text that it does not get.
type single struct {
	pos   int
	skip  int
	frame []byte
}

func (b *outbox) send(to *member, frame []byte) {
	if b.singles == nil {
		b.singles = map[*member][]single{}
	}
	b.singles[to] = append(b.singles[to], single{pos: len(b.shared), frame: frame})
}

func same(a, b []*member) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (b *outbox) broadcast(list, skip []*member, frame []byte) {
	if len(b.shared) > 0 && !same(b.list, list) {
		b.flush()
	}
	b.list = list
	for _, m := range skip {
		if b.singles == nil {
			b.singles = map[*member][]single{}
		}
		b.singles[m] = append(b.singles[m], single{pos: len(b.shared), skip: len(frame)})
	}
	if b.shared == nil {
		b.shared = frame[:len(frame):len(frame)] // the only one as a rule: shared as it is
		return
	}
	b.shared = append(b.shared, frame...)
}

// sendsPerYield is how many sockets get a broadcast before other goroutines do.
const sendsPerYield = 256

func (b *outbox) flush() {
	if len(b.shared) > 0 {
		for i, m := range b.list {
			if i%sendsPerYield == sendsPerYield-1 {
				runtime.Gosched() // a large room lets others in
			}
			if s, ok := b.singles[m]; ok {
				if p := compose(b.shared, s); len(p) > 0 {
					m.sock.Send(p)
				}
				delete(b.singles, m)
				continue
			}
			m.sock.Send(b.shared)
		}
	}
	for m, s := range b.singles {
		if p := compose(nil, s); len(p) > 0 {
			m.sock.Send(p)
		}
	}
	b.list, b.shared, b.singles = nil, nil, nil
}

// compose lays single frames into the shared text.
func compose(shared []byte, singles []single) []byte {
	if len(shared) == 0 && len(singles) == 1 {
		return singles[0].frame
	}
	var out []byte
	at := 0
	for _, s := range singles {
		if len(shared) > 0 {
			out = append(out, shared[at:s.pos]...)
			at = s.pos + s.skip
		}
		out = append(out, s.frame...)
	}
	if len(shared) > 0 {
		out = append(out, shared[at:]...)
	}
	return out
}
