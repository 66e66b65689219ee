package engage

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// A report reads indexes alone, in their order: no table is scanned and
// nothing is sorted in D1. What is grouped is asked group by group; what is
// ordered by a result is ordered here.

// idleAfter is when an active conversation asks for attention.
const idleAfter = 24 * time.Hour

// report is one of the six.
type report struct {
	// check reads the query.
	check func(q url.Values, a *asked) error
	run   func(db *edge.D1, a *asked) (*table, error)
}

// asked is what a report's query says.
type asked struct {
	firm     string
	now      int64
	days     int64
	from, to int64 // ms, half open
	session  string
	user     string
	limit    int64
	after    rest.Cursor
	paged    bool // after is set
	report   *report
}

var reports = map[string]*report{
	"attention":      {run: attention},
	"workload":       {run: workload},
	"practice-areas": {check: checkDays, run: practiceAreas},
	"conflicts":      {check: checkRange, run: conflictReport},
	"audit":          {check: checkSession, run: auditTrail},
	"access":         {check: checkPerson, run: accessReport},
}

// reportName is the name of a report in the audit trail.
func reportName(name string) string {
	if reports[name] == nil {
		return "unknown"
	}
	return name
}

// table is a report's rows, each with a value a column.
type table struct {
	columns []string
	rows    [][]abi.Value
	cursor  string
}

// checkReport reads the name and the query of a report.
func checkReport(v *visit) (any, error) {
	a := asked{firm: v.firm, now: v.at, report: reports[v.arg]}
	if a.report == nil {
		return nil, rest.NotFound("there is no report " + strconv.Quote(v.arg))
	}
	q, err := rest.Query(v.req)
	if err != nil {
		return nil, err
	}
	if a.limit, err = rest.QueryNumber(q, "limit", ReportLimitDefault, 1, ReportLimitMax); err != nil {
		return nil, err
	}
	if a.after, a.paged, err = rest.QueryCursor(q); err != nil {
		return nil, err
	}
	if a.report.check != nil {
		err = a.report.check(q, &a)
	}
	return &a, err
}

func runReport(v *visit, checked any) (*edge.Response, error) {
	a := checked.(*asked)
	t, err := a.report.run(databaseOf(v.env, v.firm), a)
	if err != nil {
		return nil, dataProblem(err)
	}
	b := []byte(`{"rows":[`)
	for i, r := range t.rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRow(b, t.columns, r)
	}
	b = append(b, ']')
	if t.cursor != "" {
		b = rest.AppendString(append(b, `,"cursor":`...), t.cursor)
	}
	return edge.JSONBytes(200, append(b, '}')), nil
}

func checkDays(q url.Values, a *asked) (err error) {
	a.days, err = rest.QueryNumber(q, "days", 30, 1, ReportDaysMax)
	return err
}

func checkRange(q url.Values, a *asked) (err error) {
	if a.from, _, err = momentIn(q, "from", 0); err != nil {
		return err
	}
	var has bool
	if a.to, has, err = momentIn(q, "to", 1<<62); err != nil {
		return err
	}
	if has && a.from > a.to {
		return rest.Bad("from must not be after to")
	}
	return nil
}

// momentIn reads a time, or a day at its beginning in UTC.
func momentIn(q url.Values, name string, def int64) (ms int64, has bool, err error) {
	if t, err := time.Parse(time.DateOnly, q.Get(name)); err == nil {
		return t.UnixMilli(), true, nil
	}
	if q.Has(name) && q.Get(name) == "" {
		return 0, false, rest.Bad(name + " must be a time such as 2026-11-22T08:00:00.123Z, or a day such as 2026-11-22")
	}
	ms, has, err = rest.QueryTime(q, name, true)
	if !has {
		ms = def
	}
	return ms, has, err
}

func checkSession(q url.Values, a *asked) error {
	if a.session = q.Get("sessionId"); q.Has("sessionId") && !validID(a.session) {
		return rest.Bad("sessionId must be 1 to 64 of a-z A-Z 0-9 _ -")
	}
	return nil
}

func checkPerson(q url.Values, a *asked) (err error) {
	a.user, _, err = filterText(q, "userId", UserIDBytesMax)
	return err
}

// page cuts what is beyond the limit and says where the next page begins.
func (t *table) page(a *asked, at func(last []abi.Value) rest.Cursor) *table {
	if int64(len(t.rows)) > a.limit {
		t.rows = t.rows[:a.limit]
		t.cursor = at(t.rows[a.limit-1]).String()
	}
	return t
}

const (
	attentionStaleSQL = `SELECT c.sessionId, c.clientName, c.practiceArea, c.lastActivity, c.goalsCompleted, c.goalsTotal, c.dataQualityScore, c.assignedTo, u.name
		FROM conversation_index AS c INDEXED BY idx_conversation_index_stale LEFT JOIN user_index AS u ON u.firmId = ?1 AND u.userId = c.assignedTo
		WHERE c.isDeleted = 0 AND c.status = 'active' AND c.lastActivity < ?2 AND (c.lastActivity, c.sessionId) > (?3, ?4)
		ORDER BY c.lastActivity, c.sessionId LIMIT ?5`
	attentionFreshSQL = `SELECT sessionId, clientName, practiceArea, lastActivity, goalsCompleted, goalsTotal, dataQualityScore, assignedTo, NULL
		FROM conversation_index INDEXED BY idx_conversation_index_attention
		WHERE isDeleted = 0 AND status = 'active' AND assignedTo IS NULL AND lastActivity >= ?1 AND (lastActivity, sessionId) > (?2, ?3)
		ORDER BY lastActivity, sessionId LIMIT ?4`
)

// attention is the active conversations that are idle or nobody's, oldest
// first: the idle ones all come before those that are only unassigned.
func attention(db *edge.D1, a *asked) (*table, error) {
	cutoff := a.now - idleAfter.Milliseconds()
	at, id := int64(-1<<62), ""
	if a.paged {
		at, id = a.after.At, a.after.ID
	}
	results, err := db.Batch(
		db.Prepare(attentionStaleSQL).Bind(a.firm, cutoff, at, id, a.limit+1),
		db.Prepare(attentionFreshSQL).Bind(cutoff, at, id, a.limit+1))
	if err != nil {
		return nil, err
	}
	t := &table{
		columns: []string{"sessionId", "clientName", "practiceArea", "lastActivity", "goalsCompleted", "goalsTotal", "dataQualityScore", "assignedTo", "assignedToName"},
		rows:    append(results[0].Rows, results[1].Rows...),
	}
	return t.page(a, func(last []abi.Value) rest.Cursor { return rest.Cursor{At: last[3].Int, ID: string(last[0].Bytes)} }), nil
}

const workloadSQL = `SELECT u.userId, u.name, u.role,
	(SELECT count(*) FROM conversation_index WHERE assignedTo = u.userId AND isDeleted = 0 AND status = 'active'),
	(SELECT avg(dataQualityScore) FROM conversation_index WHERE assignedTo = u.userId AND isDeleted = 0 AND status = 'active'),
	(SELECT count(*) FROM case_assignment_index WHERE assignedTo = u.userId AND status = 'active'),
	(SELECT avg(estimatedHours) FROM case_assignment_index WHERE assignedTo = u.userId AND status = 'active')
	FROM user_index AS u WHERE u.status = 'active' ORDER BY u.userId LIMIT ?1`

// workload is what each active user has to do, most first. Each count is of
// its own: a conversation with three assignments counts once. All users are
// read, since nobody knows before who has most.
func workload(db *edge.D1, a *asked) (*table, error) {
	rows, err := db.Prepare(workloadSQL).Bind(ReportLimitMax).Raw()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(x, y []abi.Value) int { return cmp.Compare(y[3].Int, x[3].Int) })
	return &table{
		columns: []string{"userId", "name", "role", "activeConversations", "avgDataQuality", "assignedCases", "avgEstimatedHours"},
		rows:    rows[:min(len(rows), int(a.limit))],
	}, nil
}

const (
	areasSQL = `WITH RECURSIVE areas (a) AS (
		SELECT (SELECT practiceArea FROM conversation_index WHERE isDeleted = 0 AND practiceArea > '' ORDER BY practiceArea LIMIT 1) UNION ALL
		SELECT (SELECT practiceArea FROM conversation_index WHERE isDeleted = 0 AND practiceArea > a ORDER BY practiceArea LIMIT 1) FROM areas WHERE a IS NOT NULL)
		SELECT a FROM areas WHERE a IS NOT NULL LIMIT ?`
	areaSQL = `SELECT count(*), count(CASE WHEN status = 'completed' THEN 1 END), avg(dataQualityScore),
		avg(CASE WHEN status = 'completed' THEN (lastActivity - createdAt) / 3600000.0 END)
		FROM conversation_index INDEXED BY idx_conversation_index_practiceArea_createdAt WHERE isDeleted = 0 AND practiceArea IS ?1 AND createdAt >= ?2`
)

// areasMax is how many practice areas a report shows; areasAtOnce how many
// one batch asks.
const (
	areasMax    = 1000
	areasAtOnce = 100
)

// practiceAreas is what became of the conversations of each practice area
// that were begun in the last days.
func practiceAreas(db *edge.D1, a *asked) (*table, error) {
	areas, err := db.Prepare(areasSQL).Bind(areasMax).Raw()
	if err != nil {
		return nil, err
	}
	names := []any{nil} // conversations without a practice area
	for _, r := range areas {
		names = append(names, string(r[0].Bytes))
	}
	since := a.now - a.days*dayMs
	t := &table{columns: []string{"practiceArea", "totalConversations", "completedConversations", "avgDataQuality", "avgCompletionHours"}}
	for len(names) > 0 {
		n := min(len(names), areasAtOnce)
		var stmts []*edge.Stmt
		for _, name := range names[:n] {
			stmts = append(stmts, db.Prepare(areaSQL).Bind(name, since))
		}
		results, err := db.Batch(stmts...)
		if err != nil {
			return nil, err
		}
		for i, r := range results {
			if r.Rows[0][0].Int == 0 {
				continue
			}
			name := abi.Null()
			if s, ok := names[i].(string); ok {
				name = abi.Text(s)
			}
			t.rows = append(t.rows, append([]abi.Value{name}, r.Rows[0]...))
		}
		names = names[n:]
	}
	slices.SortStableFunc(t.rows, func(x, y []abi.Value) int { return cmp.Compare(y[1].Int, x[1].Int) })
	return t, nil
}

const conflictReportSQL = `SELECT count(*), count(CASE WHEN status = 'confirmed' THEN 1 END), count(CASE WHEN status = 'cleared' THEN 1 END),
	count(CASE WHEN status IN ('detected', 'reviewing') THEN 1 END), avg(confidence)
	FROM conflict_detection_index INDEXED BY idx_conflict_detection_index_report WHERE conflictType = ?1 AND matchType = ?2 AND detectedAt >= ?3 AND detectedAt < ?4`

// matchTypes is how names may match.
var matchTypes = []string{"exact", "fuzzy", "phonetic", "alias"}

// conflictReport counts conflicts by type and match, and what became of them.
func conflictReport(db *edge.D1, a *asked) (*table, error) {
	var stmts []*edge.Stmt
	for _, kind := range intake.PartyTypes {
		for _, m := range matchTypes {
			stmts = append(stmts, db.Prepare(conflictReportSQL).Bind(kind, m, a.from, a.to))
		}
	}
	results, err := db.Batch(stmts...)
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"conflictType", "matchType", "conflictCount", "confirmedConflicts", "clearedConflicts", "openConflicts", "avgConfidence"}}
	for i, r := range results {
		if v := r.Rows[0]; v[0].Int > 0 {
			head := []abi.Value{abi.Text(intake.PartyTypes[i/len(matchTypes)]), abi.Text(matchTypes[i%len(matchTypes)])}
			t.rows = append(t.rows, append(head, v...))
		}
	}
	slices.SortStableFunc(t.rows, func(x, y []abi.Value) int { return cmp.Compare(y[2].Int, x[2].Int) })
	return t, nil
}

const (
	auditColumnsSQL = `SELECT a.timestamp, a.action, a.outcome, a.userId, u.name, u.role, a.ipAddress, a.userAgent, a.details, a.seq
		FROM audit_log_index AS a LEFT JOIN user_index AS u ON u.firmId = ?1 AND u.userId = a.userId WHERE `
	auditTrailSQL = auditColumnsSQL + `a.resourceType = 'conversation' AND a.resourceId = ?4 AND a.seq > ?2 ORDER BY a.seq LIMIT ?3`
	auditAllSQL   = auditColumnsSQL + `a.seq > ?2 ORDER BY a.seq LIMIT ?3`
)

// auditTrail is what was done to one conversation, or in the whole firm,
// oldest first.
func auditTrail(db *edge.D1, a *asked) (*table, error) {
	stmt := db.Prepare(auditAllSQL).Bind(a.firm, a.after.Seq, a.limit+1)
	if a.session != "" {
		stmt = db.Prepare(auditTrailSQL).Bind(a.firm, a.after.Seq, a.limit+1, a.session)
	}
	rows, err := stmt.Raw()
	if err != nil {
		return nil, err
	}
	t := (&table{columns: []string{"timestamp", "action", "outcome", "userId", "userName", "userRole", "ipAddress", "userAgent", "details"}, rows: rows}).
		page(a, func(last []abi.Value) rest.Cursor { return rest.Cursor{Seq: last[9].Int} })
	for i := range t.rows {
		t.rows[i] = t.rows[i][:9]
	}
	return t, nil
}

const (
	accessColumnsSQL = `SELECT a.accessDay, a.userId, u.name, u.role, count(*),
		(SELECT count(*) FROM (SELECT DISTINCT resourceId FROM audit_log_index AS r INDEXED BY idx_audit_log_index_access
			WHERE r.accessDay = a.accessDay AND r.userId IS a.userId AND r.resourceId IS NOT NULL AND r.timestamp >= ?3)),
		count(CASE WHEN a.outcome = 'blocked' THEN 1 END)
		FROM audit_log_index AS a INDEXED BY idx_audit_log_index_access LEFT JOIN user_index AS u ON u.firmId = ?1 AND u.userId = a.userId
		WHERE a.accessDay >= ?2 AND a.timestamp >= ?3`
	accessGroupSQL = ` GROUP BY a.accessDay, a.userId LIMIT ?4`
)

// accessReport counts who read what in the last 30 days, by day and user.
func accessReport(db *edge.D1, a *asked) (*table, error) {
	since := a.now - accessDays*dayMs
	args := []any{a.firm, since / dayMs, since, a.limit}
	query := accessColumnsSQL
	if a.user != "" {
		query += " AND a.userId = ?5"
		args = append(args, a.user)
	}
	rows, err := db.Prepare(query + accessGroupSQL).Bind(args...).Raw()
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		r[0] = abi.Text(time.UnixMilli(r[0].Int * dayMs).UTC().Format(time.DateOnly))
	}
	slices.SortStableFunc(rows, func(x, y []abi.Value) int {
		return cmp.Or(cmp.Compare(string(y[0].Bytes), string(x[0].Bytes)), cmp.Compare(y[4].Int, x[4].Int))
	})
	return &table{columns: []string{"accessDate", "userId", "userName", "userRole", "accessCount", "uniqueResourcesAccessed", "blockedAttempts"}, rows: rows}, nil
}
