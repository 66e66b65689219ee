package room

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Keys of the room's storage beside its events.
const (
	metaKey  = "meta"   // Meta
	headKey  = "head"   // int64: the last seq given; never falls
	indexKey = "outbox" // index
)

// Meta is what a log is. A deleted log keeps Deleted and its namespace, so
// that its id is never given again.
type Meta struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	OwnerNamespace string `json:"ownerNamespace"`
	SecretHash     string `json:"secretHash"`
	CreatedAt      int64  `json:"createdAt"`
	RetentionDays  *int64 `json:"retentionDays"`
	Epoch          string `json:"epoch"`
	Deleted        bool   `json:"deleted,omitempty"`
	// Unordered says that an import brought times that do not rise with seq.
	Unordered bool `json:"unordered,omitempty"`
}

// How many of the newest events stay in memory, and how much their contents
// and their frames may take each.
const (
	recentMax      = 1000
	recentBytesMax = 2 << 20
)

// Room is one log. Its methods run on the object's one thread; those that
// wait let others in between.
type Room struct {
	state  *edge.State
	env    *edge.Env
	owners owners

	meta    *Meta // nil: no log was ever made here
	head    int64
	last    int64          // createdAt of the newest event: times never fall
	recent  []Event        // the newest events, the last one is head
	held    int            // bytes of recent
	missed  *edge.Recovery // their frames, for clients that come back
	index   index
	pump    *outbox.Pump
	authors map[string]*author
	behind  map[uint64]*hydration // sockets that do not have all history yet
}

// New brings a room back from its storage.
func New(s *edge.State, env *edge.Env) (*Room, error) {
	r := &Room{state: s, env: env, authors: map[string]*author{}, behind: map[uint64]*hydration{}}
	var err error
	if r.owners, err = ownersOf(env); err != nil {
		return nil, err
	}
	if err := s.SetWebSocketAutoResponse("ping", "pong"); err != nil {
		return nil, err
	}
	m, ok, err := edge.Get[Meta](s.Storage.KV, metaKey)
	if err != nil || !ok {
		return r, err
	}
	r.meta = &m
	if r.head, _, err = edge.Get[int64](s.Storage.KV, headKey); err != nil {
		return nil, err
	}
	if err := r.openIndex(); err != nil {
		return nil, err
	}
	r.forget()
	if err := r.remember(); err != nil {
		return nil, err
	}
	r.reattach()
	return r, nil
}

// forget begins to remember frames anew.
func (r *Room) forget() {
	r.missed = edge.NewRecovery(r.meta.Epoch, r.head, edge.RecoveryLimits{MessagesMax: recentMax, BytesMax: recentBytesMax})
}

// recallFirst is how many events a waking room reads; more come with time.
const recallFirst = 64

// remember reads the newest events.
func (r *Room) remember() error {
	entries, err := r.state.Storage.KV.List(edge.ListOptions{Prefix: eventPrefix, Reverse: true, Limit: recallFirst})
	for k, v := range entries {
		e, err := eventOf(k, v)
		if err != nil {
			return err
		}
		r.last = max(r.last, e.CreatedAt)
		r.recent = append(r.recent, e)
		r.held += len(e.Content)
	}
	for i, j := 0, len(r.recent)-1; i < j; i, j = i+1, j-1 {
		r.recent[i], r.recent[j] = r.recent[j], r.recent[i]
	}
	return err()
}

func (r *Room) kv() *edge.KV { return r.state.Storage.KV }

func (r *Room) alive() bool { return r.meta != nil && !r.meta.Deleted }

func (r *Room) id() string { return r.state.ID.Name() }

func init() {
	edge.Method("create", (*Room).Create)
}

// Create makes the log, unless its id has ever been one.
func (r *Room) Create(c creation) (created, error) {
	if r.meta != nil {
		return created{Taken: true}, nil
	}
	var epoch [4]byte
	r.state.Rand(epoch[:])
	m := &Meta{
		ID: c.ID, Name: c.Name, OwnerNamespace: c.OwnerNamespace, SecretHash: c.SecretHash,
		CreatedAt: r.state.Now().UnixMilli(), RetentionDays: c.RetentionDays, Epoch: hex.EncodeToString(epoch[:]),
	}
	if err := edge.Put(r.kv(), metaKey, *m); err != nil {
		return created{}, err
	}
	r.meta = m
	r.forget()
	if err := r.openIndex(); err != nil {
		return created{}, err
	}
	r.index.MetaDue = true
	if m.RetentionDays != nil {
		r.index.RetainAt = r.state.Now().Add(retainEvery).UnixMilli()
	}
	if err := r.saveIndex(); err != nil {
		return created{}, err
	}
	if err := r.pump.Due(); err != nil {
		return created{}, err
	}
	r.settle()
	return created{CreatedAt: m.CreatedAt}, nil
}

// settleMax is how long a create or delete waits for D1, so that the owner's
// list shows it as a rule. The log is made, or gone, either way.
const settleMax = time.Second

// settle starts the outbox and waits a little for it.
func (r *Room) settle() {
	done := r.pump.Kick()
	t := time.NewTimer(settleMax)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// credential says who a request speaks for.
type credential struct{ secret, owner bool }

// who checks a token against the log; the error is for a client that may do
// nothing at all.
func (r *Room) who(token string) (credential, error) {
	if token == "" {
		return credential{}, rest.Unauthorized()
	}
	if !r.alive() {
		return credential{}, rest.NotFound("there is no such log")
	}
	c := credential{secret: rest.Equal(r.meta.SecretHash, rest.Hash(token)), owner: r.owners.owns(r.meta.OwnerNamespace, token)}
	if !c.secret && !c.owner {
		return c, rest.Forbidden("the token is not this log's secret nor its owner's key")
	}
	return c, nil
}

// describe answers GET /logs/{id}.
func (r *Room) describe() *edge.Response {
	m := r.meta
	return edge.JSON(200, map[string]any{
		"id": m.ID, "name": m.Name, "ownerNamespace": m.OwnerNamespace, "createdAt": rest.TimeText(m.CreatedAt), "retentionDays": m.RetentionDays,
		"headSeq": r.head, "epoch": m.Epoch, "connections": len(r.state.WebSockets()),
	})
}

// rotate makes a new secret; open sockets stay.
func (r *Room) rotate() (*edge.Response, error) {
	secret := rest.NewToken(r.state.Rand)
	m := *r.meta
	m.SecretHash = rest.Hash(secret)
	if err := edge.Put(r.kv(), metaKey, m); err != nil {
		return nil, err
	}
	r.meta = &m
	return edge.JSON(200, map[string]string{"secret": secret}), nil
}

// remove deletes the log: the tombstone first, then sockets, then D1, then
// storage. The last two are the outbox's.
func (r *Room) remove() (*edge.Response, error) {
	m := *r.meta
	m.Deleted, m.SecretHash, m.Name = true, "", ""
	if err := edge.Put(r.kv(), metaKey, m); err != nil {
		return nil, err
	}
	r.meta = &m
	r.index.DeleteDue = true
	if err := r.saveIndex(); err != nil {
		return nil, err
	}
	if err := r.pump.Due(); err != nil {
		return nil, err
	}
	r.state.Broadcast(edge.TextMessage(`{"type":"deleted"}`))
	for _, ws := range r.state.WebSockets() {
		if err := ws.Close(closeDeleted, "deleted"); err != nil {
			return nil, err
		}
	}
	r.recent, r.held, r.authors, r.behind = nil, 0, map[string]*author{}, map[uint64]*hydration{}
	r.settle()
	return &edge.Response{Status: 204}, nil
}

// Alarm starts what is due: the outbox, and once a day retention.
func (r *Room) Alarm(edge.AlarmInfo) error {
	if r.meta == nil {
		return nil
	}
	if r.alive() && r.index.RetainAt != 0 && r.state.Now().UnixMilli() >= r.index.RetainAt {
		if err := r.retain(); err != nil {
			return fmt.Errorf("retention: %w", err)
		}
	}
	return r.pump.Alarm()
}
