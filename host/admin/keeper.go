package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"
)

// Point is a state of an object: a bookmark, or a time of which it is the
// latest state; neither: now.
type Point struct {
	Bookmark string    `json:"bookmark,omitempty"`
	Time     time.Time `json:"time,omitzero"`
}

// Restored is an object that has been taken back to a point.
type Restored struct {
	Bookmark string `json:"bookmark"` // where it was taken back to
	Undo     string `json:"undo"`     // the bookmark that takes that back
}

// Cloned is a copy of an object.
type Cloned struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// BackedUp is a backup that has been taken.
type BackedUp struct {
	Name        string `json:"name"`
	Bytes       int64  `json:"bytes"`
	CopiedBytes int64  `json:"copiedBytes"`
	Files       int    `json:"files"`
}

// Moved is an export or import of a namespace.
type Moved struct {
	Objects int64 `json:"objects"`
}

// Vacuumed is the size of an object's SQL database before and after.
type Vacuumed struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// Entry is a kv entry.
type Entry struct {
	Key   string `json:"key"`
	Value string `json:"value"` // base64
}

// Rows are what SQL answers; a blob is {"base64":…}.
type Rows struct {
	Columns     []string `json:"columns"`
	Rows        [][]any  `json:"rows"`
	More        bool     `json:"more,omitempty"` // rows were left out
	RowsRead    int64    `json:"rowsRead"`
	RowsWritten int64    `json:"rowsWritten"`
}

// Keeper is the part of a Host that looks after what is stored. What changes
// an object discards its instance; its sockets stay. Paths are of the host's
// file system.
type Keeper interface {
	// Bookmark is the bookmark of a point.
	Bookmark(ctx context.Context, namespace, id string, byName bool, at Point) (string, error)
	Restore(ctx context.Context, namespace, id string, byName bool, at Point) (Restored, error)
	// Clone makes the object with another name a copy; ErrConflict where
	// there is one and over is not set.
	Clone(ctx context.Context, namespace, id string, byName bool, at Point, to string, over bool) (Cloned, error)
	Delete(ctx context.Context, namespace, id string, byName bool) error
	// KV lists entries behind the key after, and where the next page begins.
	KV(ctx context.Context, namespace, id string, byName bool, prefix, after string, limit int) ([]Entry, string, error)
	// SQL runs statements; params are those of the last, numbers as
	// json.Number.
	SQL(ctx context.Context, namespace, id string, byName bool, query string, params []any) (Rows, error)
	Vacuum(ctx context.Context, namespace, id string, byName bool) (Vacuumed, error)
	// RunAlarm makes a set alarm due now.
	RunAlarm(ctx context.Context, namespace, id string, byName bool) error
	// RunDead sets a dead alarm anew, due now; ForgetDead drops it.
	RunDead(ctx context.Context, key string) error
	ForgetDead(ctx context.Context, key string) error
	Backup(ctx context.Context, to string) (BackedUp, error)
	// Verify answers what it has found, a JSON object with "problems".
	Verify(ctx context.Context) (any, error)
	Export(ctx context.Context, namespace, to string) (Moved, error)
	Import(ctx context.Context, namespace, from string) (Moved, error)
}

// keeperTimeout bounds what reads or writes much.
const keeperTimeout = 2 * time.Hour

// body decodes a JSON body; an empty one changes nothing.
func body(ctx *fasthttp.RequestCtx, into any, want string) error {
	b := ctx.PostBody()
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return badRequest{fmt.Errorf("the body must be %s: %w", want, err)}
	}
	return nil
}

// change routes what changes one object; parts begin behind its id.
func (s *Server) change(ctx *fasthttp.RequestCtx, verb, ns, id string, byName bool) (any, int, error) {
	c, cancel := context.WithTimeout(context.Background(), keeperTimeout)
	defer cancel()
	switch verb {
	case "POST restore":
		var at Point
		if err := body(ctx, &at, `{"bookmark":…} or {"time":"2026-01-02T15:04:05Z"}`); err != nil {
			return nil, 0, err
		}
		if at == (Point{}) {
			return nil, 0, badRequest{fmt.Errorf("restore needs a bookmark or a time")}
		}
		r, err := s.host.Restore(c, ns, id, byName, at)
		return answer(r, 200, err)
	case "POST clone":
		return s.clone(c, ctx, ns, id, byName)
	case "GET kv":
		n, err := limit(ctx)
		if err != nil {
			return nil, 0, err
		}
		q := ctx.QueryArgs()
		items, cursor, err := s.host.KV(c, ns, id, byName, string(q.Peek("prefix")), string(q.Peek("cursor")), n)
		return answer(page{nonNil(items), cursor}, 200, err)
	case "POST sql":
		return s.sql(c, ctx, ns, id, byName)
	case "POST vacuum":
		v, err := s.host.Vacuum(c, ns, id, byName)
		return answer(v, 200, err)
	case "POST alarm":
		return nil, fasthttp.StatusNoContent, s.host.RunAlarm(c, ns, id, byName)
	case "GET bookmark":
		var at Point
		if text := string(ctx.QueryArgs().Peek("time")); text != "" {
			var err error
			if at.Time, err = time.Parse(time.RFC3339, text); err != nil {
				return nil, 0, badRequest{fmt.Errorf("time is %q, expected 2026-01-02T15:04:05Z", text)}
			}
		}
		mark, err := s.host.Bookmark(c, ns, id, byName, at)
		return answer(map[string]string{"bookmark": mark}, 200, err)
	case "DELETE":
		return nil, fasthttp.StatusNoContent, s.host.Delete(c, ns, id, byName)
	}
	return nil, 0, fmt.Errorf("%w: %s of an object", ErrNotFound, verb)
}

func (s *Server) clone(c context.Context, ctx *fasthttp.RequestCtx, ns, id string, byName bool) (any, int, error) {
	var in struct {
		To   string `json:"to"`
		Over bool   `json:"over"`
		Point
	}
	if err := body(ctx, &in, `{"to":"NAME"}, with "bookmark" or "time" and "over" where wanted`); err != nil {
		return nil, 0, err
	}
	if in.To == "" {
		return nil, 0, badRequest{fmt.Errorf("clone needs the name of the copy, to")}
	}
	v, err := s.host.Clone(c, ns, id, byName, in.Point, in.To, in.Over)
	return answer(v, fasthttp.StatusCreated, err)
}

func (s *Server) sql(c context.Context, ctx *fasthttp.RequestCtx, ns, id string, byName bool) (any, int, error) {
	var in struct {
		SQL    string `json:"sql"`
		Params []any  `json:"params"`
	}
	d := json.NewDecoder(bytes.NewReader(ctx.PostBody()))
	d.UseNumber()
	if err := d.Decode(&in); err != nil || in.SQL == "" {
		return nil, 0, badRequest{errors.New(`the body must be {"sql":"SELECT …","params":[…]}`)}
	}
	v, err := s.host.SQL(c, ns, id, byName, in.SQL, in.Params)
	return answer(v, 200, err)
}

func answer(v any, status int, err error) (any, int, error) {
	if err != nil {
		return nil, 0, err
	}
	return v, status, nil
}

// care routes what concerns all that is stored.
func (s *Server) care(ctx *fasthttp.RequestCtx, verb string, parts []string) (any, int, error) {
	c, cancel := context.WithTimeout(context.Background(), keeperTimeout)
	defer cancel()
	var in struct {
		To   string `json:"to"`
		From string `json:"from"`
	}
	if err := body(ctx, &in, `{"to":PATH} or {"from":PATH}`); err != nil {
		return nil, 0, err
	}
	need := func(path, key string) error {
		if path == "" {
			return badRequest{fmt.Errorf("%s needs a path of the host, %s", verb, key)}
		}
		return nil
	}
	switch {
	case verb == "POST backup" && len(parts) == 0:
		if err := need(in.To, "to"); err != nil {
			return nil, 0, err
		}
		v, err := s.host.Backup(c, in.To)
		return answer(v, fasthttp.StatusCreated, err)
	case verb == "POST verify" && len(parts) == 0:
		v, err := s.host.Verify(c)
		return answer(v, 200, err)
	case verb == "POST namespaces" && len(parts) == 2 && parts[1] == "export":
		if err := need(in.To, "to"); err != nil {
			return nil, 0, err
		}
		v, err := s.host.Export(c, parts[0], in.To)
		return answer(v, fasthttp.StatusCreated, err)
	case verb == "POST namespaces" && len(parts) == 2 && parts[1] == "import":
		if err := need(in.From, "from"); err != nil {
			return nil, 0, err
		}
		v, err := s.host.Import(c, parts[0], in.From)
		return answer(v, 200, err)
	case verb == "POST alarms" && len(parts) == 3 && parts[0] == "dead" && parts[2] == "run":
		return nil, fasthttp.StatusNoContent, s.host.RunDead(c, parts[1])
	case verb == "DELETE alarms" && len(parts) == 2 && parts[0] == "dead":
		return nil, fasthttp.StatusNoContent, s.host.ForgetDead(c, parts[1])
	}
	return nil, 0, fmt.Errorf("%w: %s", ErrNotFound, verb)
}
