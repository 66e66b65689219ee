package engage

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// userStatuses is what a user may be.
var userStatuses = []string{"active", "inactive", "suspended"}

// user is somebody who works for a firm.
type user struct {
	UserID      string `json:"userId"`
	Email       string `json:"email"`
	Name        string `json:"name"`
	Role        string `json:"role"`
	Status      string `json:"status"`
	Auth0UserID string `json:"auth0UserId,omitempty"`
	LastLogin   int64  `json:"lastLogin,omitempty"`
	CreatedAt   int64  `json:"createdAt"`
	Version     int64  `json:"version"`
}

// loginEvery is how exact lastLogin is, in ms.
const loginEvery = 60_000

// userOf reads a user as a client gives it.
func userOf(id string, body []byte) (u user, err error) {
	if len(id) > UserIDBytesMax || id == "" || strings.ContainsRune(id, '/') {
		return u, rest.Bad("the user's id must be 1 to 128 bytes without /")
	}
	f, err := rest.Parse(body)
	if err != nil {
		return u, err
	}
	u.UserID = id
	if u.Email, err = f.Text("email", EmailBytesMax, false); err != nil {
		return u, err
	}
	if !intake.ValidEmail(u.Email) {
		return u, rest.Bad("email must be an e-mail address")
	}
	if u.Name, err = f.Text("name", NameBytesMax, false); err != nil {
		return u, err
	}
	if u.Role, err = f.Text("role", WordBytesMax, false); err != nil {
		return u, err
	}
	if u.Status, err = oneOf(f, "status", userStatuses, false); err != nil {
		return u, err
	}
	u.Auth0UserID, err = f.Text("auth0UserId", WordBytesMax, true)
	return u, err
}

// saving is a user to be kept, with the note of who asks.
type saving struct {
	User user `json:"user"`
	Note note `json:"note"`
}

// SaveUser makes a user or changes all of one but what the registry itself
// keeps.
func (r *Registry) SaveUser(in saving) (user, error) {
	have, ok, err := edge.Get[user](r.kv(), userPrefix+in.User.UserID)
	if err != nil {
		return user{}, err
	}
	u := in.User
	u.CreatedAt, u.Version, u.LastLogin = r.now(), have.Version+1, have.LastLogin
	if ok {
		u.CreatedAt = have.CreatedAt
	}
	if err := r.putUser(&u); err != nil {
		return user{}, err
	}
	r.commit(in.Note)
	return u, nil
}

// putUser adds a user, and that the ledger lacks the row, to the batch.
func (r *Registry) putUser(u *user) error {
	b, err := json.Marshal(u)
	if err != nil {
		return err
	}
	r.batch = append(r.batch, edge.Entry{Key: userPrefix + u.UserID, Value: b}, edge.Entry{Key: dirtyPrefix + u.UserID, Value: []byte{'1'}})
	r.dirty[u.UserID] = true
	return nil
}

// login notes that a user acts, to the minute.
func (r *Registry) login(id string) error {
	now := r.now()
	if at, known := r.seen[id]; known && now-at < loginEvery {
		return nil
	}
	u, ok, err := edge.Get[user](r.kv(), userPrefix+id)
	if err != nil || !ok {
		return err
	}
	r.seen[id] = now
	if u.Version++; now-u.LastLogin < loginEvery {
		return nil
	}
	u.LastLogin = now
	return r.putUser(&u)
}

// finding asks for a page of users.
type finding struct {
	After  string `json:"after,omitempty"`
	Role   string `json:"role,omitempty"`
	Status string `json:"status,omitempty"`
	Limit  int    `json:"limit"`
}

// Users answers a page of users in the order of their ids.
func (r *Registry) Users(f finding) (page []user, err error) {
	page = []user{}
	users, failed := edge.List[user](r.kv(), edge.ListOptions{Prefix: userPrefix, StartAfter: after(userPrefix, f.After)})
	for _, u := range users {
		if f.Role != "" && u.Role != f.Role || f.Status != "" && u.Status != f.Status {
			continue
		}
		if page = append(page, u); len(page) == f.Limit {
			break
		}
	}
	return page, failed()
}

// after is the bound of a list that goes on behind id.
func after(prefix, id string) string {
	if id == "" {
		return ""
	}
	return prefix + id
}

// userRow is the user's row of user_index; its counters are D1's own.
func userRow(firmID string, u *user) row {
	return row{Kind: rowUser, Key: u.UserID, Version: u.Version, Values: []any{
		firmID, u.UserID, orNull(u.Auth0UserID), orNull(u.Email), orNull(u.Name), orNull(u.Role), u.Status, momentOrNull(u.LastLogin), u.CreatedAt, u.Version,
	}}
}

// owedRows are rows of users that the ledger lacks.
func (r *Registry) owedRows(most int) ([]row, func() error) {
	ids := slices.Sorted(maps.Keys(r.dirty))
	ids = ids[:min(len(ids), most)]
	var rows []row
	for _, id := range ids {
		if u, ok, err := edge.Get[user](r.kv(), userPrefix+id); err == nil && ok {
			rows = append(rows, userRow(r.firm.FirmID, &u))
		}
	}
	return rows, func() error { return r.delivered(ids, rows) }
}

// delivered forgets users that the ledger has, unless they have changed since.
func (r *Registry) delivered(ids []string, rows []row) error {
	sent := map[string]int64{}
	for _, w := range rows {
		sent[w.Key] = w.Version
	}
	var gone []string
	for _, id := range ids {
		u, ok, err := edge.Get[user](r.kv(), userPrefix+id)
		if err != nil {
			return err
		}
		if !ok || u.Version <= sent[id] {
			delete(r.dirty, id)
			gone = append(gone, dirtyPrefix+id)
		}
	}
	return deleteAll(r.kv(), gone)
}

// UserRows answers a page of rows of user_index, for reconciliation.
func (r *Registry) UserRows(f finding) ([]row, error) {
	users, err := r.Users(f)
	rows := make([]row, len(users))
	for i := range users {
		rows[i] = userRow(r.firm.FirmID, &users[i])
	}
	return rows, err
}

// Sessions answers a page of the ids of the firm's sessions, in order.
func (r *Registry) Sessions(f finding) (page []string, err error) {
	page = []string{}
	entries, failed := r.kv().List(edge.ListOptions{Prefix: sessionPrefix, StartAfter: after(sessionPrefix, f.After), Limit: f.Limit})
	for k := range entries {
		page = append(page, k[len(sessionPrefix):])
	}
	return page, failed()
}

// Unknown answers which ids of a kind the registry does not know.
func (r *Registry) Unknown(q unknownQuery) (out []string, err error) {
	prefix := sessionPrefix
	if q.Users {
		prefix = userPrefix
	}
	out = []string{}
	for _, id := range q.IDs {
		_, ok, err := r.kv().Get(prefix + id)
		if err != nil {
			return nil, err
		}
		if !ok {
			out = append(out, id)
		}
	}
	return out, nil
}

// unknownQuery asks which of some sessions, or users, there are not.
type unknownQuery struct {
	IDs   []string `json:"ids"`
	Users bool     `json:"users,omitempty"`
}

func init() {
	edge.Method("saveUser", (*Registry).SaveUser)
	edge.Method("users", (*Registry).Users)
	edge.Method("userRows", (*Registry).UserRows)
	edge.Method("sessions", (*Registry).Sessions)
	edge.Method("unknown", (*Registry).Unknown)
}
