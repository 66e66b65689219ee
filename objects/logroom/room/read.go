package room

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// reading is a parsed read of the log.
type reading struct {
	after, before int64 // exclusive seqs
	limit         int
	desc          bool

	author, contains string
	afterMs          int64
	beforeMs         int64
	hasAfter         bool
	hasBefore        bool
}

func readingOf(q url.Values) (rd reading, err error) {
	if rd.after, err = rest.QueryNumber(q, "afterSeq", 0, 0, math.MaxInt64-1); err != nil {
		return rd, err
	}
	if rd.before, err = rest.QueryNumber(q, "beforeSeq", math.MaxInt64, 0, math.MaxInt64); err != nil {
		return rd, err
	}
	limit, err := rest.QueryNumber(q, "limit", ReadLimitDefault, 1, ReadLimitMax)
	if err != nil {
		return rd, err
	}
	rd.limit = int(limit)
	switch q.Get("order") {
	case "", "asc":
	case "desc":
		rd.desc = true
	default:
		return rd, rest.Bad("order must be asc or desc")
	}
	rd.author, rd.contains = q.Get("authorId"), q.Get("contentContains")
	if rd.afterMs, rd.hasAfter, err = rest.QueryTime(q, "afterDate", false); err != nil {
		return rd, err
	}
	rd.beforeMs, rd.hasBefore, err = rest.QueryTime(q, "beforeDate", true)
	return rd, err
}

func (rd *reading) filtered() bool {
	return rd.author != "" || rd.contains != "" || rd.hasAfter || rd.hasBefore
}

func (rd *reading) matches(e *Event) bool {
	return (rd.author == "" || e.AuthorID == rd.author) && (rd.contains == "" || strings.Contains(e.Content, rd.contains)) &&
		(!rd.hasAfter || e.CreatedAt > rd.afterMs) && (!rd.hasBefore || e.CreatedAt < rd.beforeMs)
}

// scanMax is how many events the room looks through by itself: fewer cost less
// than a question to D1.
const scanMax = 2000

// read answers a page of events. The room holds all of them; D1 is asked only
// where its indexes find the few that match among many, and what it does not
// have yet is added from the room, so that a reader sees its own writes.
func (r *Room) read(req *edge.Request) (*edge.Response, error) {
	q, err := rest.Query(req)
	if err != nil {
		return nil, err
	}
	rd, err := readingOf(q)
	if err != nil {
		return nil, err
	}
	var events []Event
	if rd.filtered() && min(rd.before, r.head)-rd.after > scanMax {
		events, err = r.merged(&rd, q)
		if !r.alive() {
			return nil, rest.NotFound("there is no such log")
		}
	} else {
		events, err = r.scan(&rd, rd.after, rd.before, rd.limit+1)
	}
	if err != nil {
		return nil, err
	}
	return r.page(events, rd.limit), nil
}

func (r *Room) page(events []Event, limit int) *edge.Response {
	more := len(events) > limit
	if more {
		events = events[:limit]
	}
	b := make([]byte, 0, 256*len(events)+64)
	b = append(b, `{"events":[`...)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = events[i].appendJSON(b, r.meta.ID, nil)
	}
	b = append(b, `],"headSeq":`...)
	b = strconv.AppendInt(b, r.head, 10)
	b = append(append(b, `,"epoch":`...), rest.AppendString(nil, r.meta.Epoch)...)
	b = append(b, `,"hasMore":`...)
	return edge.JSONBytes(200, append(strconv.AppendBool(b, more), '}'))
}

// scan reads matching events from the room.
func (r *Room) scan(rd *reading, after, before int64, limit int) ([]Event, error) {
	var out []Event
	at := 0
	if !rd.filtered() {
		at = limit
	}
	err := r.span(after, before, ifZero(at, math.MaxInt32), rd.desc, func(e *Event) bool {
		if rd.matches(e) {
			out = append(out, *e)
		}
		return len(out) < limit
	})
	return out, err
}

func ifZero(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

// merged reads matching events from D1 up to what it had when the read began,
// and the rest from the room. With D1 down the room answers all.
func (r *Room) merged(rd *reading, q url.Values) ([]Event, error) {
	mark, limit := r.index.Delivered, rd.limit+1
	var tail []Event
	var err error
	if rd.desc {
		if tail, err = r.scan(rd, max(rd.after, mark), rd.before, limit); err != nil || len(tail) == limit {
			return tail, err
		}
	}
	indexed, err := r.indexed(rd, q, mark, limit-len(tail))
	if err != nil {
		r.state.Log.Warn("D1 did not answer a read; the room does", "error", err.Error())
		return r.scan(rd, rd.after, rd.before, limit)
	}
	if rd.desc {
		return append(tail, indexed...), nil
	}
	if len(indexed) < limit {
		if tail, err = r.scan(rd, max(rd.after, mark), rd.before, limit-len(indexed)); err != nil {
			return nil, err
		}
	}
	return append(indexed, tail...), nil
}

func (r *Room) indexed(rd *reading, q url.Values, mark int64, limit int) ([]Event, error) {
	w := where{}
	w.and("log_id = ?", r.meta.ID)
	w.and("seq > ?", rd.after)
	w.and("seq < ?", min(rd.before, mark+1))
	if err := w.filters(q, ""); err != nil {
		return nil, err
	}
	order := " ORDER BY seq LIMIT ?"
	if rd.desc {
		order = " ORDER BY seq DESC LIMIT ?"
	}
	res, err := r.env.D1(bindingD1).Prepare("SELECT seq, author_id, content, created_at FROM log_events WHERE " + w.text() + order).
		Bind(append(w.args, limit)...).All()
	if err != nil {
		return nil, err
	}
	out := make([]Event, len(res.Rows))
	for i, v := range res.Rows {
		out[i] = Event{Seq: v[0].Int, AuthorID: string(v[1].Bytes), Content: string(v[2].Bytes), CreatedAt: v[3].Int}
	}
	return out, nil
}
