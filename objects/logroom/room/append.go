package room

import (
	"encoding/json"
	"sort"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// post appends one event.
func (r *Room) post(req *edge.Request) (*edge.Response, error) {
	f, err := rest.Parse(req.Body)
	if err != nil {
		return nil, err
	}
	in, err := entryOf(f, "")
	if err != nil {
		return nil, err
	}
	e, fresh, err := r.append(in)
	if err != nil {
		return nil, err
	}
	status := 201
	if !fresh {
		status = 200
	}
	return edge.JSONBytes(status, e.appendJSON(nil, r.meta.ID, nil)), nil
}

// postBatch appends events as one: all or none, with consecutive seqs.
func (r *Room) postBatch(req *edge.Request) (*edge.Response, error) {
	f, err := rest.Parse(req.Body)
	if err != nil {
		return nil, err
	}
	raws, err := f.List("events")
	if err != nil {
		return nil, err
	}
	if len(raws) == 0 {
		return nil, rest.Bad("events must not be empty")
	}
	if len(raws) > BatchMax {
		return nil, rest.TooLarge("events has " + strconv.Itoa(len(raws)) + " entries, at most 500 are taken")
	}
	entries := make([]entry, len(raws))
	for i, raw := range raws {
		var ef rest.Fields
		if json.Unmarshal(raw, &ef) != nil || ef == nil {
			return nil, rest.Bad("events[" + strconv.Itoa(i) + "] must be an object")
		}
		if entries[i], err = entryOf(ef, ""); err != nil {
			p := err.(*rest.Problem)
			return nil, rest.Refuse(p.Status, p.Code, "events["+strconv.Itoa(i)+"]."+p.Message)
		}
	}
	return r.appendAll(entries)
}

func (r *Room) appendAll(entries []entry) (*edge.Response, error) {
	b := []byte(`{"events":[`)
	status := 200
	for i, in := range entries {
		e, fresh, err := r.append(in)
		if err != nil {
			r.state.Abort("batch append: " + err.Error()) // all or none
		}
		if fresh {
			status = 201
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = e.appendJSON(b, r.meta.ID, nil)
	}
	return edge.JSONBytes(status, append(b, "]}"...)), nil
}

// append gives an entry its seq, stores it and tells the sockets. Nobody
// hears of it before it is durable: the gate sees to that. A key that was
// used before answers the first event.
func (r *Room) append(in entry) (e Event, fresh bool, err error) {
	if in.key != "" {
		seq, ok, err := edge.Get[int64](r.kv(), keyPrefix+in.key)
		if err != nil {
			return e, false, err
		}
		if ok {
			e, err := r.event(seq)
			return e, false, err
		}
	}
	e = Event{Seq: r.head + 1, AuthorID: in.author, Content: in.content, Key: in.key, CreatedAt: max(r.state.Now().UnixMilli(), r.last)}
	if err := r.store(&e); err != nil {
		return e, false, err
	}
	if err := r.pump.Due(); err != nil {
		return e, false, err
	}
	m := edge.Message{Data: e.appendFrame(nil, r.meta.ID)}
	r.missed.Add(e.Seq, m)
	r.state.Broadcast(m, r.exceptBehind()...)
	r.pump.Kick()
	return e, true, nil
}

// store writes an event, its key and the head.
func (r *Room) store(e *Event) error {
	entries := make([]edge.Entry, 0, 3)
	entries = append(entries,
		edge.Entry{Key: eventKey(e.Seq), Value: e.record()},
		edge.Entry{Key: headKey, Value: strconv.AppendInt(nil, e.Seq, 10)})
	if e.Key != "" {
		entries = append(entries, edge.Entry{Key: keyPrefix + e.Key, Value: strconv.AppendInt(nil, e.Seq, 10)})
	}
	if err := r.kv().PutMany(entries...); err != nil {
		return err
	}
	r.head, r.last = e.Seq, max(r.last, e.CreatedAt)
	r.recent = append(r.recent, *e)
	r.held += len(e.Content)
	r.trim()
	return nil
}

// trim forgets the oldest of the recent events: half of them at a time, so
// that it is rare.
func (r *Room) trim() {
	if len(r.recent) < 2*recentMax && (r.held < 2*recentBytesMax || len(r.recent) == 1) {
		return
	}
	from := max(0, len(r.recent)-recentMax)
	for i := range from {
		r.held -= len(r.recent[i].Content)
	}
	for from < len(r.recent)-1 && r.held > recentBytesMax {
		r.held -= len(r.recent[from].Content)
		from++
	}
	r.recent = append(r.recent[:0:0], r.recent[from:]...)
}

// recentFrom is the place in recent of the first event from seq on.
func (r *Room) recentFrom(seq int64) int {
	return sort.Search(len(r.recent), func(i int) bool { return r.recent[i].Seq >= seq })
}

// event reads one event by its seq.
func (r *Room) event(seq int64) (Event, error) {
	if i := r.recentFrom(seq); i < len(r.recent) && r.recent[i].Seq == seq {
		return r.recent[i], nil
	}
	b, ok, err := r.kv().Get(eventKey(seq))
	if err != nil {
		return Event{}, err
	}
	if !ok {
		return Event{}, rest.NotFound("the first event of this key is past its retention")
	}
	return eventOf(eventKey(seq), b)
}

// span reads events with after < seq < before in order, at most limit.
func (r *Room) span(after, before int64, limit int, reverse bool, yield func(*Event) bool) error {
	if n := len(r.recent); n > 0 && after+1 >= r.recent[0].Seq && !reverse {
		for i := r.recentFrom(after + 1); i < n && limit > 0; i++ {
			if r.recent[i].Seq >= before || !yield(&r.recent[i]) {
				return nil
			}
			limit--
		}
		return nil
	}
	o := edge.ListOptions{Prefix: eventPrefix, Start: eventKey(max(after, 0) + 1), Reverse: reverse, Limit: limit}
	if before <= r.head {
		o.End = eventKey(max(before, 0))
	}
	entries, failed := r.kv().List(o)
	for k, v := range entries {
		e, err := eventOf(k, v)
		if err != nil {
			return err
		}
		if !yield(&e) {
			return nil
		}
	}
	return failed()
}
