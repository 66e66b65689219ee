package engage

import (
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Keys of a registry's storage.
const (
	firmKey       = "firm" // firm
	notesKey      = "n"    // the last note's place
	userPrefix    = "u/"   // + user id: user
	dirtyPrefix   = "x/"   // + user id: the ledger lacks that user's row
	sessionPrefix = "s/"   // + session id
	regPrefix     = "p/"   // + party id: a registered party
	foundPrefix   = "r/"   // + party id: the conflicts that its checks found
	againstPrefix = "g/"   // + party id/conflict id: conflicts of others with it
)

// firm is a firm's credential and name.
type firm struct {
	FirmID     string `json:"firmId"`
	Name       string `json:"name"`
	KeyHash    string `json:"keyHash"`
	KeyVersion int64  `json:"keyVersion"` // rises when KeyHash or Suspended changes
	Suspended  bool   `json:"suspended,omitempty"`
	CreatedAt  int64  `json:"createdAt"`
}

// Registry is one firm: who its users and parties are, and which sessions it
// has. It lets further events in while it waits; a check is one turn.
type Registry struct {
	state *edge.State
	env   *edge.Env
	id    string
	firm  *firm // nil: there is no such firm

	emit    emitter
	batch   []edge.Entry
	dirty   map[string]bool  // users whose rows the ledger lacks
	seen    map[string]int64 // ms: when a user was last noted as logged in
	holders map[string]bool  // sessions that have a lease
	// strangers says that there may be further sessions with a lease: the
	// registry was away while sessions were not.
	strangers bool
	parties   *parties // nil: not read yet
}

// NewRegistry brings a firm back from its storage.
func NewRegistry(state *edge.State, env *edge.Env) (*Registry, error) {
	r := &Registry{state: state, env: env, id: state.ID.Name(), dirty: map[string]bool{}, seen: map[string]int64{}, holders: map[string]bool{}, strangers: true}
	f, ok, err := edge.Get[firm](r.kv(), firmKey)
	if err != nil || !ok {
		return r, err
	}
	r.firm = &f
	r.id = f.FirmID
	entries, failed := r.kv().List(edge.ListOptions{Prefix: dirtyPrefix})
	for k := range entries {
		r.dirty[k[len(dirtyPrefix):]] = true
	}
	if err := failed(); err != nil {
		return nil, err
	}
	return r, r.openEmitter()
}

func (r *Registry) kv() *edge.KV { return r.state.Storage.KV }

func (r *Registry) now() int64 { return r.state.Now().UnixMilli() }

// registrySource is the registry's name as a source of notes; no session can
// be called so.
const registrySource = "~registry"

func (r *Registry) openEmitter() error {
	last, _, err := edge.Get[int64](r.kv(), notesKey)
	if err != nil {
		return err
	}
	r.emit = emitter{state: r.state, env: r.env, firm: r.id, source: registrySource, dirty: func() bool { return len(r.dirty) > 0 }, rows: r.owedRows}
	return r.emit.open(uint64(last))
}

// commit writes what was gathered, and notes, as one. Where storage does not
// take it, the instance is discarded.
func (r *Registry) commit(notes ...note) {
	if err := r.write(notes); err != nil {
		r.state.Abort("storage does not take a change: " + err.Error())
	}
	r.emit.pump.Kick()
}

func (r *Registry) write(notes []note) error {
	for i := range notes {
		r.batch = append(r.batch, r.emit.note(&notes[i]))
	}
	if len(notes) > 0 {
		r.batch = append(r.batch, edge.Entry{Key: notesKey, Value: strconv.AppendUint(nil, r.emit.queue.Last(), 10)})
	}
	err := putAll(r.kv(), r.batch)
	r.batch = r.batch[:0]
	if err != nil {
		return err
	}
	return r.emit.pump.Due()
}

// founding is what the platform asks a registry to become.
type founding struct {
	Firm    string `json:"firm"`
	Name    string `json:"name"`
	KeyHash string `json:"keyHash"`
	Note    note   `json:"note"`
}

// Found makes the firm, or, where making it did not end before, makes it
// again with the new key.
func (r *Registry) Found(in founding) (bool, error) {
	version := int64(1)
	if r.firm != nil {
		version = r.firm.KeyVersion + 1
	}
	r.firm = &firm{FirmID: in.Firm, Name: in.Name, KeyHash: in.KeyHash, KeyVersion: version, CreatedAt: r.now()}
	r.id = in.Firm
	if r.emit.queue == nil {
		if err := r.openEmitter(); err != nil {
			return false, err
		}
	}
	if err := edge.Put(r.kv(), firmKey, *r.firm); err != nil {
		return false, err
	}
	r.commit(in.Note)
	return true, nil
}

// entrance is a call that the registry is to let in, or to note as refused.
type entrance struct {
	call     *call
	token    string
	wrong    error  // what is wrong with the call itself, if anything
	platform bool   // a call with the platform key, which the worker has checked
	quiet    bool   // note it only if it is refused: the outcome is not known yet
	session  string // to be listed, where the call is let in
}

// enter asks the registry. The error is for the client.
func enter(env *edge.Env, firmID string, e entrance) (access, error) {
	n := e.call.note(nil)
	a, err := edge.Call[access](registryOf(env, firmID), "enter", entry{
		Token: e.token, Platform: e.platform, Quiet: e.quiet, Wrong: problemOf(e.wrong), Note: n, Session: e.session,
	})
	if err != nil {
		return a, busy(err)
	}
	return a, a.Problem.err()
}

// entry is entrance on its way to the registry.
type entry struct {
	Token    string   `json:"token,omitempty"`
	Platform bool     `json:"platform,omitempty"`
	Quiet    bool     `json:"quiet,omitempty"`
	Wrong    *problem `json:"wrong,omitempty"`
	Note     note     `json:"note"`
	Session  string   `json:"session,omitempty"` // to be listed, where the call is let in
}

// access is the registry's answer.
type access struct {
	Problem   *problem `json:"problem,omitempty"`
	Name      string   `json:"name,omitempty"`
	Suspended bool     `json:"suspended,omitempty"`
	Owed      int      `json:"owed,omitempty"` // rows that the ledger lacks of the registry's own
}

// Enter checks a call's credential and notes the call.
func (r *Registry) Enter(e entry) (access, error) {
	if r.firm == nil {
		return access{Problem: problemOf(e.ofNoFirm())}, nil
	}
	var err error
	if !e.Platform {
		err = r.lent().check(e.Token)
	}
	if err == nil {
		err = e.Wrong.err()
	}
	if err == nil && e.Session != "" {
		r.batch = append(r.batch, edge.Entry{Key: sessionPrefix + e.Session, Value: []byte{'1'}})
	}
	if err == nil && !e.Platform {
		if err := r.login(e.Note.User); err != nil {
			return access{}, err
		}
	}
	if err != nil || !e.Quiet {
		e.Note.Outcome, e.Note.Details = outcomeOf(err)
		r.commit(e.Note)
	} else if len(r.batch) > 0 {
		r.commit()
	}
	return access{Problem: problemOf(err), Name: r.firm.Name, Suspended: r.firm.Suspended, Owed: r.emit.queue.Len() + len(r.dirty)}, nil
}

// ofNoFirm is what a call about a firm is told that there is not: a caller
// without a credential, or with a wrong platform key, does not learn that.
func (e *entry) ofNoFirm() error {
	switch {
	case e.Platform && e.Wrong.blocks():
		return e.Wrong.err()
	case !e.Platform && e.Token == "":
		return rest.Unauthorized()
	}
	return rest.NotFound("there is no such firm")
}

// Note notes a call that Enter let in quietly, or that failed after it.
func (r *Registry) Note(n note) (bool, error) {
	if r.firm != nil {
		r.commit(n)
	}
	return true, nil
}

func (r *Registry) lent() *lease {
	return &lease{Version: r.firm.KeyVersion, KeyHash: r.firm.KeyHash, Suspended: r.firm.Suspended}
}

// Lease tells a session the firm's credential, and remembers that it did.
func (r *Registry) Lease(session string) (lease, error) {
	if r.firm == nil {
		return lease{}, nil
	}
	r.holders[session] = true
	return *r.lent(), nil
}

// Alarm takes up what is owed to the ledger.
func (r *Registry) Alarm(edge.AlarmInfo) error {
	if r.firm == nil {
		return nil
	}
	return r.emit.pump.Alarm()
}

// Fetch is not for a registry: the worker calls its methods.
func (r *Registry) Fetch(*edge.Request) (*edge.Response, error) {
	return rest.Failed(rest.NotFound("no such path"))
}

func init() {
	edge.Register("FirmRegistry", NewRegistry, edge.Interleave())
	edge.Method("found", (*Registry).Found)
	edge.Method("enter", (*Registry).Enter)
	edge.Method("note", (*Registry).Note)
	edge.Method("lease", (*Registry).Lease)
}
