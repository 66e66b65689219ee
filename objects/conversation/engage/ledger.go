package engage

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/chain"
)

// Keys of a ledger's storage.
const (
	ledgerKey   = "h"  // ledgerHead
	auditPrefix = "q/" // + place in the chain: auditRow, until D1 has it
	owedPrefix  = "r/" // + kind/key: the newest row that D1 lacks
	lastPrefix  = "s/" // + source: the place of the last note that was taken
	deadPrefix  = "d/" // + kind/key: deadLetter
)

// ledgerHead is the end of the chain.
type ledgerHead struct {
	Seq     uint64
	Hash    string
	AuditID string // of the last row
}

func (h *ledgerHead) record() []byte {
	return appendText(appendText(binary.AppendUvarint(nil, h.Seq), h.Hash), h.AuditID)
}

// auditRow is a row of the audit trail with its place and hashes.
type auditRow struct {
	chain.Row
	At int64 // when the ledger took it
}

// Ledger is the one writer of a firm's database. Objects submit what they owe;
// it keeps that in its own storage at once, the audit trail in its final order,
// and brings it to D1 as fast as D1 takes it.
type Ledger struct {
	state *edge.State
	env   *edge.Env
	id    string

	head    ledgerHead
	audit   *outbox.Queue
	oldest  int64           // ms: when the oldest audit row came; 0: not known
	owed    map[string]*row // by kind/key
	order   []string        // of owed, as they came; may hold keys that are gone
	last    map[string]uint64
	dead    int
	pump    *outbox.Pump
	d1      sync.Mutex // one conversation with D1 at a time
	waiting []waiter   // submissions in the order in which they came
	drains  []*drain
}

// lastMax bounds how many sources' places are kept in memory.
const lastMax = 20_000

// NewLedger takes up what the last instance left.
func NewLedger(state *edge.State, env *edge.Env) (*Ledger, error) {
	l := &Ledger{state: state, env: env, id: state.ID.Name(), owed: map[string]*row{}, last: map[string]uint64{}}
	l.head.Hash = chain.Genesis(l.id)
	h, ok, err := l.kv().Get(ledgerKey)
	if err != nil {
		return nil, err
	}
	if ok {
		r := wireReader{rest: string(h)}
		if l.head = (ledgerHead{r.number(), r.text(), r.text()}); r.err != nil {
			return nil, r.err
		}
	}
	if l.audit, err = outbox.OpenQueue(l.kv(), auditPrefix, l.head.Seq); err != nil {
		return nil, err
	}
	rows, failed := l.kv().List(edge.ListOptions{Prefix: owedPrefix})
	for k, v := range rows {
		r := wireReader{rest: string(v)}
		w := r.row()
		if r.err != nil {
			return nil, r.err
		}
		l.owe(k[len(owedPrefix):], w)
	}
	if err := failed(); err != nil {
		return nil, err
	}
	dead, failed := l.kv().List(edge.ListOptions{Prefix: deadPrefix})
	for range dead {
		l.dead++
	}
	if err := failed(); err != nil {
		return nil, err
	}
	l.pump, err = outbox.New(outbox.Config{State: state, Name: "ledger", Pending: l.pending, Step: l.step})
	return l, err
}

func (l *Ledger) kv() *edge.KV { return l.state.Storage.KV }

func (l *Ledger) db() *edge.D1 { return databaseOf(l.env, l.id) }

func (l *Ledger) now() int64 { return l.state.Now().UnixMilli() }

func (l *Ledger) pending() bool { return l.audit.Len() > 0 || len(l.owed) > 0 }

func (l *Ledger) owe(key string, w row) {
	if l.owed[key] == nil {
		l.order = append(l.order, key)
	}
	l.owed[key] = &w
}

// Open makes the firm's database, with its schema.
func (l *Ledger) Open(string) (string, error) {
	_, err := l.db().Prepare("SELECT count(*) FROM conversation_index").Run()
	if err != nil {
		return err.Error(), nil
	}
	return "", nil
}

// submit takes what an object owes. The answer comes when D1 has it too, or
// has failed: so an object that changes fast submits as fast as D1 takes it,
// and much at a time.
func (l *Ledger) submit(body []byte) error {
	entries, err := l.take(body)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	if err := putAll(l.kv(), entries); err != nil {
		l.state.Abort("storage does not take a submission: " + err.Error())
	}
	if err := l.pump.Due(); err != nil {
		return err
	}
	if l.pump.Failing() > 0 {
		l.pump.Kick()
		return nil
	}
	done := make(chan struct{})
	l.waiting = append(l.waiting, waiter{done: done})
	l.pump.Kick()
	<-done
	return nil
}

// take makes storage entries of what is new in a submission: notes get their
// place in the chain, rows replace older ones of the same key.
func (l *Ledger) take(body []byte) (entries []edge.Entry, err error) {
	r := wireReader{rest: string(body)}
	source := r.text()
	last, err := l.lastOf(source)
	if err != nil {
		return nil, err
	}
	now, was := l.now(), last
	for range r.number() {
		seq, n := r.number(), r.note()
		if r.err != nil {
			return nil, l.refuse(r.err)
		}
		if seq <= last {
			continue
		}
		last = seq
		entries = append(entries, l.chain(source, seq, &n, now))
	}
	if last != was {
		l.last[source] = last
		entries = append(entries, edge.Entry{Key: ledgerKey, Value: l.head.record()}, edge.Entry{Key: lastPrefix + source, Value: strconv.AppendUint(nil, last, 10)})
	}
	for range r.number() {
		w := r.row()
		if r.err != nil {
			return nil, l.refuse(r.err)
		}
		key := w.Kind + "/" + w.Key
		if have := l.owed[key]; have != nil && have.Version >= w.Version {
			continue
		}
		w.At = now
		entries = append(entries, edge.Entry{Key: owedPrefix + key, Value: w.appendTo(make([]byte, 0, 256))})
		l.owe(key, w)
	}
	return entries, r.err
}

// refuse discards the instance: what a damaged submission has begun to change
// in memory is not true.
func (l *Ledger) refuse(err error) error {
	l.state.Abort("a submission is damaged: " + err.Error())
	return err
}

// lastOf is the place of the last note that was taken of a source.
func (l *Ledger) lastOf(source string) (uint64, error) {
	if n, ok := l.last[source]; ok {
		return n, nil
	}
	if len(l.last) >= lastMax {
		clear(l.last)
	}
	n, _, err := edge.Get[int64](l.kv(), lastPrefix+source)
	l.last[source] = uint64(n)
	return uint64(n), err
}

// chain gives a note its place.
func (l *Ledger) chain(source string, seq uint64, n *note, now int64) edge.Entry {
	var nonce [chain.NonceBytes]byte
	l.state.Rand(nonce[:])
	a := auditRow{At: now}
	a.Entry = chain.Entry{
		Seq: int64(l.head.Seq + 1), AuditID: source + "." + strconv.FormatUint(seq, 10), Timestamp: n.At, Action: n.Action, Outcome: n.Outcome,
		ResourceType: n.ResourceType, UserID: n.User, ResourceID: n.ResourceID, IPAddress: n.IP, UserAgent: n.Agent, Details: n.Details,
	}
	a.Nonce = hex.EncodeToString(nonce[:])
	a.Digest = a.Entry.Digest(nonce[:])
	a.PrevHash = l.head.Hash
	a.Hash = a.Entry.Hash(a.PrevHash, a.Digest)
	l.head = ledgerHead{Seq: uint64(a.Seq), Hash: a.Hash, AuditID: a.AuditID}
	if l.audit.Len() == 0 {
		l.oldest = now
	}
	return l.audit.Add(a.record())
}

// lag is how far D1 is behind.
type lag struct {
	Pending     int   `json:"pending"`
	OldestMs    int64 `json:"oldestMs"`
	DeadLetters int   `json:"deadLetters"`
}

// Lag answers how far D1 is behind.
func (l *Ledger) Lag(string) (lag, error) {
	out := lag{Pending: l.audit.Len() + len(l.owed), DeadLetters: l.dead}
	oldest := int64(0)
	if l.audit.Len() > 0 {
		if l.oldest == 0 {
			items, err := l.audit.Peek(1, 1)
			if err != nil || len(items) == 0 {
				return out, err
			}
			a, err := auditRowOf(items[0].Value)
			if err != nil {
				return out, err
			}
			l.oldest = a.At
		}
		oldest = l.oldest
	}
	for _, w := range l.owed {
		if oldest == 0 || w.At < oldest {
			oldest = w.At
		}
	}
	if oldest != 0 {
		out.OldestMs = max(0, l.now()-oldest)
	}
	return out, nil
}

// Alarm takes up what is owed to D1.
func (l *Ledger) Alarm(edge.AlarmInfo) error { return l.pump.Alarm() }

// Fetch takes the submissions of other objects; no route leads here.
func (l *Ledger) Fetch(r *edge.Request) (*edge.Response, error) {
	if r.URL != submitURL {
		return rest.Failed(rest.NotFound("no such path"))
	}
	if err := l.submit(r.Body); err != nil {
		return nil, err
	}
	return &edge.Response{Status: 204}, nil
}

func init() {
	edge.Register("FirmLedger", NewLedger, edge.Interleave())
	edge.Method("open", (*Ledger).Open)
	edge.Method("lag", (*Ledger).Lag)
}
