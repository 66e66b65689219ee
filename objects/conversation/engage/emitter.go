package engage

import (
	"encoding/json"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

// What one submission to the ledger takes.
const (
	submitNotesMax = 100
	submitBytesMax = 256 << 10
	submitRowsMax  = 100
)

// notesPrefix is where an object keeps notes that the ledger does not have.
const notesPrefix = "o/"

// submission is what an object owes the ledger. Notes carry their places, so
// that the ledger knows which it has.
type submission struct {
	Source string `json:"source"`
	Notes  []sent `json:"notes,omitempty"`
	Rows   []row  `json:"rows,omitempty"`
}

// sent is a note with its place among its source's.
type sent struct {
	Seq uint64 `json:"n"`
	note
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
}

// open takes up what the last instance left. last is the place of the last
// note that was ever made.
func (e *emitter) open(last uint64) (err error) {
	if e.queue, err = outbox.OpenQueue(e.state.Storage.KV, notesPrefix, last); err != nil {
		return err
	}
	e.pump, err = outbox.New(outbox.Config{State: e.state, Name: "index", Pending: e.pending, Step: e.step})
	return err
}

func (e *emitter) pending() bool {
	return e.queue.Len() > 0 || e.dirty() || e.more != nil && e.more()
}

// note makes the storage entry of a note.
func (e *emitter) note(n note) (edge.Entry, error) {
	b, err := json.Marshal(n)
	if err != nil {
		return edge.Entry{}, err
	}
	return e.queue.Add(b), nil
}

// step submits once. A submission that was made before does nothing.
func (e *emitter) step() error {
	if e.first != nil {
		if worked, err := e.first(); err != nil || worked {
			return err
		}
	}
	items, err := e.queue.Peek(submitNotesMax, submitBytesMax)
	if err != nil {
		return err
	}
	sub := submission{Source: e.source}
	for _, it := range items {
		s := sent{Seq: it.Seq}
		if err := json.Unmarshal(it.Value, &s.note); err != nil {
			return err
		}
		sub.Notes = append(sub.Notes, s)
	}
	rows, done := e.rows(submitRowsMax)
	sub.Rows = rows
	if len(sub.Notes) == 0 && len(sub.Rows) == 0 {
		return nil
	}
	if _, err := edge.Call[bool](ledgerOf(e.env, e.firm), "submit", sub); err != nil {
		return err
	}
	if n := len(items); n > 0 {
		if err := e.queue.Drop(items[n-1].Seq); err != nil {
			return err
		}
	}
	return done()
}
