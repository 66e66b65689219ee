package room

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// importLines takes a history from an older store: JSON lines with seq from 1
// without gaps, all or none.
func (r *Room) importLines(req *edge.Request) (*edge.Response, error) {
	if r.head > 0 {
		return nil, rest.Conflict("the log has events already")
	}
	if len(req.Body) > ImportBytesMax {
		return nil, rest.TooLarge("the import is over 64 MiB")
	}
	events, unordered, err := parseLines(req.Body)
	if err != nil {
		return nil, err
	}
	for i := range events {
		if err := r.store(&events[i]); err != nil {
			r.state.Abort("import: " + err.Error()) // all or none
		}
	}
	if unordered {
		m := *r.meta
		m.Unordered = true
		if err := edge.Put(r.kv(), metaKey, m); err != nil {
			return nil, err
		}
		r.meta = &m
	}
	for i := range events {
		r.state.Broadcast(edge.Message{Data: events[i].appendFrame(nil, r.meta.ID)}, r.exceptBehind()...)
	}
	if err := r.pump.Due(); err != nil {
		return nil, err
	}
	r.pump.Kick()
	return edge.JSON(200, map[string]int64{"imported": int64(len(events)), "headSeq": r.head}), nil
}

// parseLines reads every line before anything is written.
func parseLines(body []byte) (events []Event, unordered bool, err error) {
	line := 0
	for len(body) > 0 {
		var text []byte
		text, body, _ = bytes.Cut(body, []byte{'\n'})
		line++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		e, err := parseLine(text, int64(len(events)+1))
		if err != nil {
			p := err.(*rest.Problem)
			return nil, false, rest.Refuse(p.Status, p.Code, "line "+strconv.Itoa(line)+": "+p.Message)
		}
		if n := len(events); n > 0 && e.CreatedAt < events[n-1].CreatedAt {
			unordered = true
		}
		events = append(events, e)
	}
	return events, unordered, nil
}

func parseLine(text []byte, want int64) (e Event, err error) {
	f, err := rest.Parse(text)
	if err != nil {
		return e, err
	}
	if e.Seq, err = f.Number("seq"); err != nil {
		return e, err
	}
	if e.Seq != want {
		return e, rest.Bad("seq is " + strconv.FormatInt(e.Seq, 10) + ", expected " + strconv.FormatInt(want, 10))
	}
	in, err := entryOf(f, "")
	if err != nil {
		return e, err
	}
	e.AuthorID, e.Content = in.author, in.content
	var at string
	if !f.Has("createdAt") || json.Unmarshal(f["createdAt"], &at) != nil {
		return e, rest.Bad("createdAt must be a time such as 2026-11-22T08:00:00.123Z")
	}
	if e.CreatedAt, err = rest.ParseTime(at); err != nil {
		return e, rest.Bad("createdAt must be a time such as 2026-11-22T08:00:00.123Z")
	}
	return e, nil
}
