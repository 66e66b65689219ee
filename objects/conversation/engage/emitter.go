package engage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

// What one submission to the ledger takes.
const (
	submitNotesMax = 100
	submitBytesMax = 256 << 10
	submitRowsMax  = 100
)

// submitURL is where a ledger takes submissions. No route leads there.
const submitURL = "http://ledger/submit"

// notesPrefix is where an object keeps notes that the ledger does not have.
const notesPrefix = "o/"

// submission is what an object owes the ledger. Notes carry their places, so
// that the ledger knows which it has.
type submission struct {
	Source string
	Notes  []outbox.Item // each a note as it was stored
	Rows   []row
}

// emitter brings an object's notes and index rows to its firm's ledger, in
// order. It runs on the object's one thread.
type emitter struct {
	state  *edge.State
	env    *edge.Env
	firm   string
	source string
	queue  *outbox.Queue
	pump   *outbox.Pump
	// dirty reports whether rows are owed; rows are they, up to a number, and
	// what is to be done in storage once the ledger has them.
	dirty func() bool
	rows  func(most int) (rows []row, done func() error)
	// first, where not nil, is work that comes before: it reports whether
	// there was any.
	first func() (bool, error)
	// more reports whether first has work.
	more func() bool
	// wake, where not nil, is a time in ms for which the object wants its
	// alarm beside; 0 is none.
	wake func() int64

	steps   int // that have begun
	flushes []*flush
}

// flush is a wait for what an object owed the ledger at one moment.
type flush struct {
	through uint64 // the last note
	steps   int    // that had begun
	done    chan struct{}
	err     error // once done is closed
}

// errOwed says that the ledger does not take what it is owed.
var errOwed = errors.New("the ledger does not take what it is owed")

// open takes up what the last instance left. last is the place of the last
// note that was ever made.
func (e *emitter) open(last uint64) (err error) {
	if e.queue, err = outbox.OpenQueue(e.state.Storage.KV, notesPrefix, last); err != nil {
		return err
	}
	e.pump, err = outbox.New(outbox.Config{State: e.state, Name: "index", Pending: e.pending, Step: e.step, Wake: e.wake})
	return err
}

func (e *emitter) pending() bool {
	return e.queue.Len() > 0 || e.dirty() || e.more != nil && e.more()
}

// note makes the storage entry of a note.
func (e *emitter) note(n *note) edge.Entry { return e.queue.Add(n.record()) }

// flush brings what is owed now to the ledger, whatever the backoff says, and
// returns when it is there. What comes later is not waited for.
func (e *emitter) flush() error {
	if !e.pending() {
		return nil
	}
	f := &flush{through: e.queue.Last(), steps: e.steps, done: make(chan struct{})}
	e.flushes = append(e.flushes, f)
	e.pump.Retry()
	e.pump.Kick()
	<-f.done
	return f.err
}

// flushed ends the flushes that a step was the last of, or failed.
func (e *emitter) flushed(failed error) {
	brought, all := e.queue.Last()-uint64(e.queue.Len()), !e.pending()
	e.flushes = slices.DeleteFunc(e.flushes, func(f *flush) bool {
		if failed != nil {
			f.err = errors.Join(errOwed, failed)
		} else if !all && (brought < f.through || e.steps == f.steps) {
			return false
		}
		close(f.done)
		return true
	})
}

func (e *emitter) step() error {
	e.steps++
	err := e.submit()
	e.flushed(err)
	return err
}

// submit submits once. A submission that was made before does nothing.
func (e *emitter) submit() error {
	if e.first != nil {
		if worked, err := e.first(); err != nil || worked {
			return err
		}
	}
	items, err := e.queue.Peek(submitNotesMax, submitBytesMax)
	if err != nil {
		return err
	}
	rows, done := e.rows(submitRowsMax)
	if len(items) == 0 && len(rows) == 0 {
		return nil
	}
	sub := submission{Source: e.source, Notes: items, Rows: rows}
	resp, err := ledgerOf(e.env, e.firm).Fetch(edge.NewRequest("POST", submitURL, sub.appendTo(make([]byte, 0, 1024))))
	if err != nil {
		return err
	}
	if resp.Status != 204 {
		return fmt.Errorf("the ledger answered %d: %.200s", resp.Status, resp.Body)
	}
	if n := len(items); n > 0 {
		if err := e.queue.Drop(items[n-1].Seq); err != nil {
			return err
		}
	}
	return done()
}
