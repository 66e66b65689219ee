package engage

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// checkCreation reads a conversation to be made.
func checkCreation(v *visit) (any, error) {
	f, err := rest.Parse(v.req.Body)
	if err != nil {
		return nil, err
	}
	c := creation{Firm: v.firm}
	if c.Session, err = f.Text("sessionId", IDBytesMax, true); err != nil {
		return nil, err
	}
	if f.Has("sessionId") && !validID(c.Session) {
		return nil, rest.Bad("sessionId must be 1 to 64 of a-z A-Z 0-9 _ -")
	}
	if c.UserID, err = f.Text("userId", UserIDBytesMax, false); err != nil {
		return nil, err
	}
	if c.ClientName, err = f.Text("clientName", NameBytesMax, true); err != nil {
		return nil, err
	}
	if c.ClientEmail, err = f.Text("clientEmail", EmailBytesMax, true); err != nil {
		return nil, err
	}
	if c.PracticeArea, err = f.Text("practiceArea", WordBytesMax, true); err != nil {
		return nil, err
	}
	if c.Goals, err = goalsOf(f); err != nil {
		return nil, err
	}
	if c.OpposingNone, err = f.Truth("opposingPartyNone"); err != nil {
		return nil, err
	}
	if c.Session == "" {
		c.Session = newID(v.env, "s_")
	}
	v.resourceID = c.Session
	return &c, nil
}

// createConversation makes the session. The registry has listed it as it let
// the call in: in this order, so that what has a row in D1 is known to it.
func createConversation(v *visit, checked any) (*edge.Response, error) {
	c := checked.(*creation)
	c.Note = v.note(nil)
	ans, err := edge.Call[created](sessionOf(v.env, v.firm, c.Session), "create", c)
	if err != nil {
		return nil, busy(err)
	}
	if ans.Taken {
		// the session has noted it itself
		return rest.Failed(rest.Conflict("the sessionId " + c.Session + " is taken"))
	}
	return edge.JSONBytes(201, []byte(ans.State)), nil
}

// checkUser reads a user to be saved.
func checkUser(v *visit) (any, error) {
	u, err := userOf(v.arg, v.req.Body)
	return &u, err
}

// appendUser appends a user as clients see it.
func appendUser(b []byte, u *user, conversations, assigned int64) []byte {
	b = append(b, `{"userId":`...)
	b = rest.AppendString(b, u.UserID)
	for _, f := range []struct{ name, value string }{
		{"email", u.Email}, {"name", u.Name}, {"role", u.Role}, {"status", u.Status}, {"auth0UserId", u.Auth0UserID},
	} {
		if f.value != "" {
			b = append(append(append(b, `,"`...), f.name...), `":`...)
			b = rest.AppendString(b, f.value)
		}
	}
	b = append(b, `,"lastLogin":`...)
	if u.LastLogin == 0 {
		b = append(b, "null"...)
	} else {
		b = append(rest.AppendTime(append(b, '"'), u.LastLogin), '"')
	}
	b = strconv.AppendInt(append(b, `,"conversationCount":`...), conversations, 10)
	b = strconv.AppendInt(append(b, `,"assignedConversationCount":`...), assigned, 10)
	b = rest.AppendTime(append(b, `,"createdAt":"`...), u.CreatedAt)
	return append(b, '"', '}')
}

func saveUser(v *visit, checked any) (*edge.Response, error) {
	u, err := edge.Call[user](registryOf(v.env, v.firm), "saveUser", saving{User: *checked.(*user), Note: v.note(nil)})
	if err != nil {
		return nil, busy(err)
	}
	counts := v.counts([]user{u})
	return edge.JSONBytes(200, appendUser(nil, &u, counts[u.UserID][0], counts[u.UserID][1])), nil
}

// counts reads users' counters from D1; without D1 they are 0.
func (v *visit) counts(users []user) map[string][2]int64 {
	out := map[string][2]int64{}
	args := make([]any, len(users))
	for i := range users {
		args[i] = users[i].UserID
	}
	db := databaseOf(v.env, v.firm)
	for len(args) > 0 {
		n := min(len(args), 100)
		rows, err := db.Prepare("SELECT userId, conversationCount, assignedConversationCount FROM user_index WHERE firmId = ?1 AND userId IN (?2" +
			strings.Repeat(", ?", n-1) + ")").Bind(append([]any{v.firm}, args[:n]...)...).Raw()
		if err != nil {
			v.env.Log.Warn("counters of users are not available", "firm", v.firm, "error", err.Error())
			return out
		}
		for _, r := range rows {
			out[string(r[0].Bytes)] = [2]int64{r[1].Int, r[2].Int}
		}
		args = args[n:]
	}
	return out
}

// checkUsers reads a query for users.
func checkUsers(v *visit) (any, error) {
	q, err := rest.Query(v.req)
	if err != nil {
		return nil, err
	}
	var f finding
	if f.Role, _, err = filterText(q, "role", WordBytesMax); err != nil {
		return nil, err
	}
	if f.Status, err = filterOneOf(q, "status", userStatuses); err != nil {
		return nil, err
	}
	limit, err := rest.QueryNumber(q, "limit", ListLimitDefault, 1, ListLimitMax)
	if err != nil {
		return nil, err
	}
	from, _, err := rest.QueryCursor(q)
	f.After, f.Limit = from.ID, int(limit)+1
	return &f, err
}

func listUsers(v *visit, checked any) (*edge.Response, error) {
	f := checked.(*finding)
	users, err := edge.Call[[]user](registryOf(v.env, v.firm), "users", *f)
	if err != nil {
		return nil, busy(err)
	}
	more := len(users) == f.Limit
	if more {
		users = users[:f.Limit-1]
	}
	counts := v.counts(users)
	b := []byte(`{"users":[`)
	for i := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUser(b, &users[i], counts[users[i].UserID][0], counts[users[i].UserID][1])
	}
	b = append(b, ']')
	if more {
		b = rest.AppendString(append(b, `,"cursor":`...), rest.Cursor{ID: users[len(users)-1].UserID}.String())
	}
	return edge.JSONBytes(200, append(b, '}')), nil
}

// conversationColumns are those that lists show.
var conversationColumns = []string{"sessionId", "userId", "clientName", "clientEmail", "practiceArea", "status", "phase", "assignedTo", "conflictStatus",
	"goalsCompleted", "goalsTotal", "dataQualityScore", "createdAt", "lastActivity"}

// listing is a query for conversations.
type listing struct {
	where string
	args  []any
	limit int64
}

// listFilter is a filter of the list: one of some words, or any text.
type listFilter struct {
	name  string
	words []string
	most  int
}

// listFilters is the filters, the one that leaves fewest rows first.
var listFilters = []listFilter{
	{"assignedTo", nil, UserIDBytesMax}, {"practiceArea", nil, WordBytesMax}, {"conflictStatus", intake.ConflictStatuses, 0}, {"status", intake.Statuses, 0},
}

func (f *listFilter) read(q url.Values) (string, error) {
	if f.words != nil {
		return filterOneOf(q, f.name, f.words)
	}
	s, _, err := filterText(q, f.name, f.most)
	return s, err
}

// checkList reads a query for conversations.
func checkList(v *visit) (any, error) {
	q, err := rest.Query(v.req)
	if err != nil {
		return nil, err
	}
	l := listing{where: "isDeleted = 0"}
	and := func(cond string, args ...any) {
		l.where += " AND " + cond
		l.args = append(l.args, args...)
	}
	index := "" // the most selective filter decides which index is walked
	for _, f := range listFilters {
		s, err := f.read(q)
		if err != nil {
			return nil, err
		}
		if s != "" {
			and(index+f.name+" = ?", s)
			index = "+"
		}
	}
	if l.limit, err = rest.QueryNumber(q, "limit", ListLimitDefault, 1, ListLimitMax); err != nil {
		return nil, err
	}
	from, has, err := rest.QueryCursor(q)
	if err != nil {
		return nil, err
	}
	if has {
		and("(lastActivity, sessionId) < (?, ?)", from.At, from.ID)
	}
	return &l, nil
}

func (l *listing) text() string {
	return "SELECT " + strings.Join(conversationColumns, ", ") + " FROM conversation_index WHERE " + l.where + " ORDER BY lastActivity DESC, sessionId DESC LIMIT ?"
}

// timeColumns are those that are shown as RFC 3339.
var timeColumns = map[string]bool{"createdAt": true, "lastActivity": true, "timestamp": true}

// appendRow appends a row as an object of its columns.
func appendRow(b []byte, columns []string, values []abi.Value) []byte {
	b = append(b, '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(rest.AppendString(b, columns[i]), ':')
		switch {
		case v.Kind == abi.ValueInteger && timeColumns[columns[i]]:
			b = append(rest.AppendTime(append(b, '"'), v.Int), '"')
		case v.Kind == abi.ValueInteger:
			b = strconv.AppendInt(b, v.Int, 10)
		case v.Kind == abi.ValueFloat:
			b = intake.AppendNumber(b, v.Float)
		case v.Kind == abi.ValueText:
			b = rest.AppendString(b, string(v.Bytes))
		default:
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}

func listConversations(v *visit, checked any) (*edge.Response, error) {
	l := checked.(*listing)
	rows, err := databaseOf(v.env, v.firm).Prepare(l.text()).Bind(append(l.args, l.limit+1)...).Raw()
	if err != nil {
		return nil, dataProblem(err)
	}
	b := []byte(`{"conversations":[`)
	next := ""
	for i, r := range rows {
		if int64(i) == l.limit {
			last := rows[i-1]
			next = rest.Cursor{At: last[len(last)-1].Int, ID: string(last[0].Bytes)}.String()
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRow(b, conversationColumns, r)
	}
	b = append(b, ']')
	if next != "" {
		b = rest.AppendString(append(b, `,"cursor":`...), next)
	}
	return edge.JSONBytes(200, append(b, '}')), nil
}
