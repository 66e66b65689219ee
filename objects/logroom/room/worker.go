package room

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Binding names of the app's configuration.
const (
	bindingRooms = "LOG_ROOM"
	bindingD1    = "DB"
)

// Serve is the worker: what spans logs. Requests about one log go straight to
// its room; those that come here all the same are handed on.
func Serve(r *edge.Request, env *edge.Env) (*edge.Response, error) {
	own, err := ownersOf(env)
	if err != nil {
		return nil, err
	}
	resp, err := serve(r, env, &own)
	if err != nil {
		return rest.Failed(err)
	}
	return resp, nil
}

func serve(r *edge.Request, env *edge.Env, own *owners) (*edge.Response, error) {
	path := r.Path()
	switch {
	case path == "/logs" && r.Method == "POST":
		return create(r, env, own)
	case path == "/logs" && r.Method == "GET":
		return list(r, env, own)
	case path == "/search" && r.Method == "GET":
		return search(r, env, own)
	case path == "/logs" || path == "/search":
		return nil, rest.Refuse(405, "method_not_allowed", r.Method+" is not for "+path)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(path, "/logs/"), "/")
	if !validID(id) {
		return nil, rest.NotFound("no such path")
	}
	return env.Namespace(bindingRooms).GetByName(id).Forward(r), nil
}

// validID reports whether a log may have this id.
func validID(id string) bool {
	if id == "" || id == "." || id == ".." || len(id) > IDBytesMax {
		return false
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// creation is what the worker asks a room to become.
type creation struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	OwnerNamespace string `json:"ownerNamespace"`
	SecretHash     string `json:"secretHash"`
	RetentionDays  *int64 `json:"retentionDays"`
}

// created is the room's answer.
type created struct {
	Taken     bool  `json:"taken"`
	CreatedAt int64 `json:"createdAt"`
}

func create(r *edge.Request, env *edge.Env, own *owners) (*edge.Response, error) {
	f, err := rest.Parse(r.Body)
	if err != nil {
		return nil, err
	}
	var c creation
	if c.OwnerNamespace, err = f.Text("ownerNamespace", NameBytesMax, false); err != nil {
		return nil, err
	}
	if err := own.mayCreate(c.OwnerNamespace, rest.Bearer(r)); err != nil {
		return nil, err
	}
	if c.Name, err = f.Text("name", NameBytesMax, false); err != nil {
		return nil, err
	}
	if c.ID, err = f.Text("id", IDBytesMax, true); err != nil {
		return nil, err
	}
	if f.Has("id") && !validID(c.ID) {
		return nil, rest.Bad("id must be 1 to 128 of A-Z a-z 0-9 . _ - and not . or ..")
	}
	secret, err := f.Text("secret", SecretBytesMax, true)
	if err != nil {
		return nil, err
	}
	if f.Has("retentionDays") {
		days, err := f.Number("retentionDays")
		if err != nil {
			return nil, err
		}
		if days < 1 || days > RetentionDaysMax {
			return nil, rest.Bad("retentionDays must be null or 1 to 36500")
		}
		c.RetentionDays = &days
	}
	return makeLog(env, c, secret)
}

// makeLog asks the room; a secret that the client did not choose is made here
// and shown once.
func makeLog(env *edge.Env, c creation, secret string) (*edge.Response, error) {
	made := secret == ""
	if made {
		secret = rest.NewToken(env.Rand)
	}
	if c.ID == "" {
		var b [12]byte
		env.Rand(b[:])
		c.ID = base64.RawURLEncoding.EncodeToString(b[:])
	}
	c.SecretHash = rest.Hash(secret)
	ans, err := edge.Call[created](env.Namespace(bindingRooms).GetByName(c.ID), "create", c)
	if err != nil {
		return nil, err
	}
	if ans.Taken {
		return nil, rest.Conflict("the id " + c.ID + " is taken")
	}
	out := map[string]any{
		"id": c.ID, "name": c.Name, "ownerNamespace": c.OwnerNamespace, "createdAt": rest.TimeText(ans.CreatedAt), "retentionDays": c.RetentionDays,
	}
	if made {
		out["secret"] = secret
	}
	return edge.JSON(201, out), nil
}

// logRow is a row of the list of logs.
type logRow struct {
	ID, Name, OwnerNamespace string
	CreatedAt                int64
	RetentionDays            *int64
}

// list answers the logs of a namespace in the order they were created.
func list(r *edge.Request, env *edge.Env, own *owners) (*edge.Response, error) {
	q, err := rest.Query(r)
	if err != nil {
		return nil, err
	}
	ns := q.Get("ownerNamespace")
	if ns == "" {
		return nil, rest.Bad("ownerNamespace is missing")
	}
	if err := own.check(ns, rest.Bearer(r)); err != nil {
		return nil, err
	}
	limit, err := rest.QueryNumber(q, "limit", ReadLimitDefault, 1, ReadLimitMax)
	if err != nil {
		return nil, err
	}
	from, _, err := rest.QueryCursor(q)
	if err != nil {
		return nil, err
	}
	res, err := env.D1(bindingD1).Prepare(`SELECT id, name, owner_namespace, created_at, retention_days FROM log_metadata
		WHERE owner_namespace = ? AND (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?`).Bind(ns, from.At, from.ID, limit+1).All()
	if err != nil {
		return nil, rest.Unavailable("the list is not available now: " + err.Error())
	}
	rows, err := edge.Scan[logRow](res)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if int64(len(rows)) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		out["cursor"] = rest.Cursor{At: last.CreatedAt, ID: last.ID}.String()
	}
	logs := make([]map[string]any, len(rows))
	for i, l := range rows {
		logs[i] = map[string]any{"id": l.ID, "name": l.Name, "ownerNamespace": l.OwnerNamespace, "createdAt": rest.TimeText(l.CreatedAt), "retentionDays": l.RetentionDays}
	}
	out["logs"] = logs
	return edge.JSON(200, out), nil
}

// search answers events across a namespace, newest first.
func search(r *edge.Request, env *edge.Env, own *owners) (*edge.Response, error) {
	q, err := rest.Query(r)
	if err != nil {
		return nil, err
	}
	ns := q.Get("ownerNamespace")
	if ns == "" {
		return nil, rest.Bad("ownerNamespace is missing")
	}
	if err := own.check(ns, rest.Bearer(r)); err != nil {
		return nil, err
	}
	limit, err := rest.QueryNumber(q, "limit", ReadLimitDefault, 1, ReadLimitMax)
	if err != nil {
		return nil, err
	}
	w := where{}
	w.and("e.owner_namespace = ?", ns)
	if err := w.filters(q, "e."); err != nil {
		return nil, err
	}
	from, has, err := rest.QueryCursor(q)
	if err != nil {
		return nil, err
	}
	if has {
		w.and("(e.created_at, e.log_id, e.seq) < (?, ?, ?)", from.At, from.ID, from.Seq)
	}
	res, err := env.D1(bindingD1).Prepare(`SELECT e.log_id, e.seq, e.author_id, e.content, e.created_at, m.name
		FROM log_events e JOIN log_metadata m ON m.id = e.log_id WHERE ` + w.text() +
		` ORDER BY e.owner_namespace DESC, e.created_at DESC, e.log_id DESC, e.seq DESC LIMIT ?`).Bind(append(w.args, limit+1)...).All()
	if err != nil {
		return nil, rest.Unavailable("search is not available now: " + err.Error())
	}
	return found(res.Rows, int(limit)), nil
}

func found(rows [][]abi.Value, limit int) *edge.Response {
	b := []byte(`{"events":[`)
	next := ""
	for i, v := range rows {
		if i == limit {
			last := rows[i-1]
			next = rest.Cursor{At: last[4].Int, ID: string(last[0].Bytes), Seq: last[1].Int}.String()
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		e := Event{Seq: v[1].Int, AuthorID: string(v[2].Bytes), Content: string(v[3].Bytes), CreatedAt: v[4].Int}
		name := string(v[5].Bytes)
		b = e.appendJSON(b, string(v[0].Bytes), &name)
	}
	b = append(b, ']')
	if next != "" {
		b = append(append(b, `,"cursor":`...), rest.AppendString(nil, next)...)
	}
	return edge.JSONBytes(200, append(b, '}'))
}

// where gathers conditions and their parameters.
type where struct {
	conds []string
	args  []any
}

func (w *where) and(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

func (w *where) text() string { return strings.Join(w.conds, " AND ") }

// filters adds author, content and dates of a query. Dates exclude their
// bounds; content is a literal substring.
func (w *where) filters(q url.Values, prefix string) error {
	if a := q.Get("authorId"); a != "" {
		w.and(prefix+"author_id = ?", a)
	}
	if c := q.Get("contentContains"); c != "" {
		w.and("instr("+prefix+"content, ?) > 0", c)
	}
	after, ok, err := rest.QueryTime(q, "afterDate", false)
	if err != nil {
		return err
	}
	if ok {
		w.and(prefix+"created_at > ?", after)
	}
	before, ok, err := rest.QueryTime(q, "beforeDate", true)
	if err != nil {
		return err
	}
	if ok {
		w.and(prefix+"created_at < ?", before)
	}
	return nil
}
