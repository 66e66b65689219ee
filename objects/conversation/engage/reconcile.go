package engage

import (
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Reconciliation compares D1 with the objects, piece by piece. A piece is:
//
//  1. read D1's rows of some sessions;
//  2. ask those sessions for theirs: they are at least as new as any row that
//     came from them, because the ledger writes nothing meanwhile;
//  3. write the sessions' rows wherever a column differs, whatever version is
//     there, and remove rows that no session has.
//
// So memory is bounded by a piece, and a run that dies goes on at its place.

// reconcilePiece is how many sessions, or users, a piece takes.
const reconcilePiece = 50

// Phases of a run, in order.
const (
	phaseSessions = iota // what the registry lists
	phaseOrphans         // sessions that D1 has and the registry does not
	phaseUsers
	phaseOrphanUsers
	phaseTrail // rows of the audit trail that D1 refused
	phaseDone
)

// progress is a place in a run, with what it has done so far.
type progress struct {
	Phase          int    `json:"phase"`
	After          string `json:"after,omitempty"`
	Checked        int64  `json:"checked"`
	Repaired       int64  `json:"repaired"`
	OrphansRemoved int64  `json:"orphansRemoved"`
}

func (p *progress) done() bool { return p.Phase >= phaseDone }

// turn goes on behind id, or to the next phase where the page was not full.
func (p *progress) turn(page []string) {
	if len(page) < reconcilePiece {
		p.Phase, p.After = p.Phase+1, ""
		return
	}
	p.After = page[len(page)-1]
}

// Reconcile does one piece and answers the place behind it.
func (l *Ledger) Reconcile(p progress) (progress, error) {
	first := p.Phase == phaseSessions && p.After == ""
	if first {
		if err := l.drain(); err != nil {
			return p, err
		}
	}
	l.d1.Lock()
	defer l.d1.Unlock()
	before := p
	var err error
	if first {
		err = l.removeStrangers(&p)
	}
	if err != nil {
		return before, err
	}
	switch p.Phase {
	case phaseSessions:
		err = l.reconcileSessions(&p)
	case phaseOrphans:
		err = l.removeOrphans(&p)
	case phaseUsers:
		err = l.reconcileUsers(&p)
	case phaseOrphanUsers:
		err = l.removeOrphanUsers(&p)
	case phaseTrail:
		err = l.reviveAudit(&p)
	}
	if err != nil {
		return before, err
	}
	l.state.Count("engage_reconcile_checked", p.Checked-before.Checked)
	l.state.Count("engage_reconcile_repaired", p.Repaired-before.Repaired)
	l.state.Count("engage_reconcile_orphans_removed", p.OrphansRemoved-before.OrphansRemoved)
	return p, nil
}

// held is the rows of one owner that D1 has, by kind and key.
type held map[string]map[string][]abi.Value

func (l *Ledger) reconcileSessions(p *progress) error {
	ids, err := edge.Call[[]string](registryOf(l.env, l.id), "sessions", finding{After: p.After, Limit: reconcilePiece})
	if err != nil || len(ids) == 0 {
		p.turn(ids)
		return err
	}
	there, err := l.heldBy(ids)
	if err != nil {
		return err
	}
	truth, err := l.ask(ids)
	if err != nil {
		return err
	}
	db := l.db()
	var removals, stmts []*edge.Stmt
	for i, id := range ids {
		if truth[i] == nil {
			continue // listed, and not made yet
		}
		p.Checked++
		stmts = append(stmts, l.repair(db, truth[i], there[id], p)...)
		removals = append(removals, l.disown(db, id, there[id], p)...)
	}
	if stmts = append(removals, stmts...); len(stmts) > 0 { // a row may have moved from one session to another
		if _, err := db.Batch(stmts...); err != nil {
			return err
		}
	}
	p.turn(ids)
	return l.revived(truth)
}

// repair makes the statements that make D1's rows of one session its own.
func (l *Ledger) repair(db *edge.D1, truth []row, there held, p *progress) (stmts []*edge.Stmt) {
	for _, kind := range []string{rowConversation, rowAssignment, rowConflict} {
		t := tables[kind]
		var wrong [][]any
		for _, w := range truth {
			if w.Kind != kind {
				continue
			}
			found, ok := there[kind][w.Key]
			if !ok || !t.same(w.Values, found) {
				wrong = append(wrong, t.bind(w.Values))
			}
			delete(there[kind], w.Key)
		}
		p.Repaired += int64(len(wrong))
		stmts = append(stmts, t.Overwrites(db, wrong)...)
	}
	return stmts
}

// disown removes rows that stand under a session which knows nothing of them:
// repair has taken out of there those that it does know.
func (l *Ledger) disown(db *edge.D1, id string, there held, p *progress) (stmts []*edge.Stmt) {
	for kind, rows := range there {
		for key := range rows {
			p.OrphansRemoved++
			t := tables[kind]
			stmts = append(stmts, db.Prepare("DELETE FROM "+t.Name+" WHERE "+t.Key[1]+" = ? AND "+t.owner+" = ?").Bind(key, id))
		}
	}
	return stmts
}

// removeStrangers removes rows that say they are another firm's.
func (l *Ledger) removeStrangers(p *progress) error {
	db := l.db()
	var stmts []*edge.Stmt
	for _, kind := range kinds {
		stmts = append(stmts, db.Prepare("DELETE FROM "+tables[kind].Name+" WHERE firmId <> ? RETURNING 1").Bind(l.id))
	}
	return l.removeAll(db, stmts, p)
}

// heldBy reads D1's rows of sessions.
func (l *Ledger) heldBy(ids []string) (map[string]held, error) {
	db := l.db()
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	marks := "(?" + strings.Repeat(", ?", len(ids)-1) + ")"
	var stmts []*edge.Stmt
	asked := []string{rowConversation, rowAssignment, rowConflict}
	for _, kind := range asked {
		t := tables[kind]
		stmts = append(stmts, db.Prepare("SELECT "+strings.Join(t.Columns, ", ")+" FROM "+t.Name+" WHERE "+t.owner+" IN "+marks).Bind(args...))
	}
	results, err := db.Batch(stmts...)
	if err != nil {
		return nil, err
	}
	out := map[string]held{}
	for i, kind := range asked {
		owner, key := tables[kind].place(tables[kind].owner), tables[kind].place(tables[kind].Key[1])
		for _, v := range results[i].Rows {
			id := string(v[owner].Bytes)
			if out[id] == nil {
				out[id] = held{rowConversation: {}, rowAssignment: {}, rowConflict: {}}
			}
			out[id][kind][string(v[key].Bytes)] = v
		}
	}
	return out, nil
}

// place is where a column is among the table's.
func (t *indexTable) place(column string) int {
	for i, c := range t.Columns {
		if c == column {
			return i
		}
	}
	return -1
}

// ask asks sessions for their rows; nil for one that was never made.
func (l *Ledger) ask(ids []string) ([][]row, error) {
	out := make([][]row, len(ids))
	return out, each(len(ids), func(i int) (err error) {
		out[i], err = edge.Call[[]row](sessionOf(l.env, l.id, ids[i]), "rows", "")
		return err
	})
}

// Rows are all rows of the session; nil where it was never made.
func (s *Session) Rows(string) ([]row, error) {
	if s.conv == nil {
		return nil, nil
	}
	return s.rowsSince(-1), nil
}

// removeOrphans removes rows of sessions that the registry, asked for each
// once more, does not know. When they were written plays no part.
func (l *Ledger) removeOrphans(p *progress) error {
	db := l.db()
	var page []string
	res, err := db.Prepare(`SELECT sessionId FROM (
		SELECT sessionId FROM (SELECT DISTINCT sessionId FROM conversation_index WHERE firmId = ?1 AND sessionId > ?2 ORDER BY sessionId LIMIT ?3) UNION
		SELECT sessionId FROM (SELECT DISTINCT sessionId FROM case_assignment_index WHERE sessionId > ?2 ORDER BY sessionId LIMIT ?3) UNION
		SELECT sessionId FROM (SELECT DISTINCT sessionId FROM conflict_detection_index WHERE sessionId > ?2 ORDER BY sessionId LIMIT ?3))
		ORDER BY sessionId LIMIT ?3`).Bind(l.id, p.After, reconcilePiece).All()
	if err != nil {
		return err
	}
	for _, v := range res.Rows {
		page = append(page, string(v[0].Bytes))
	}
	orphans, err := l.unknown(page, false)
	if err != nil {
		return err
	}
	var stmts []*edge.Stmt
	for _, id := range orphans {
		for _, kind := range []string{rowConversation, rowAssignment, rowConflict} {
			stmts = append(stmts, db.Prepare("DELETE FROM "+tables[kind].Name+" WHERE "+tables[kind].owner+" = ? RETURNING 1").Bind(id))
		}
	}
	if err := l.removeAll(db, stmts, p); err != nil {
		return err
	}
	p.turn(page)
	return nil
}

// removeAll runs deletions and counts what they removed.
func (l *Ledger) removeAll(db *edge.D1, stmts []*edge.Stmt, p *progress) error {
	if len(stmts) == 0 {
		return nil
	}
	results, err := db.Batch(stmts...)
	if err != nil {
		return err
	}
	for _, r := range results {
		p.OrphansRemoved += int64(len(r.Rows)) // what triggers changed is none of it
	}
	return nil
}

func (l *Ledger) unknown(ids []string, users bool) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return edge.Call[[]string](registryOf(l.env, l.id), "unknown", unknownQuery{IDs: ids, Users: users})
}

// reconcileUsers compares users as the registry has them, and their counters
// with what they count.
func (l *Ledger) reconcileUsers(p *progress) error {
	db, t := l.db(), tables[rowUser]
	res, err := db.Prepare("SELECT "+strings.Join(t.Columns, ", ")+" FROM user_index WHERE firmId = ? AND userId > ? ORDER BY userId LIMIT ?").
		Bind(l.id, p.After, 2*reconcilePiece).All()
	if err != nil {
		return err
	}
	there := map[string][]abi.Value{}
	for _, v := range res.Rows {
		there[string(v[1].Bytes)] = v
	}
	truth, err := edge.Call[[]row](registryOf(l.env, l.id), "userRows", finding{After: p.After, Limit: reconcilePiece})
	if err != nil {
		return err
	}
	var page []string
	var stmts []*edge.Stmt
	for _, w := range truth {
		page = append(page, w.Key)
		if found, ok := there[w.Key]; !ok || !t.same(w.Values, found) {
			p.Repaired++
			stmts = append(stmts, t.Overwrites(db, [][]any{t.bind(w.Values)})...)
			if !ok {
				stmts = append(stmts, l.recount(w.Key))
			}
		}
	}
	if len(stmts) > 0 {
		if _, err := db.Batch(stmts...); err != nil {
			return err
		}
	}
	if err := l.recountAll(page, p); err != nil {
		return err
	}
	p.turn(page)
	return l.revived([][]row{truth})
}

// recountAll repairs counters that do not hold.
func (l *Ledger) recountAll(users []string, p *progress) error {
	var stmts []*edge.Stmt
	for _, id := range users {
		stmts = append(stmts, l.db().Prepare(recountSQL+" AND "+counters+" <> "+counted+" RETURNING 1").Bind(id))
	}
	if len(stmts) == 0 {
		return nil
	}
	results, err := l.db().Batch(stmts...)
	if err != nil {
		return err
	}
	for _, r := range results {
		p.Repaired += int64(len(r.Rows))
	}
	return nil
}

func (l *Ledger) removeOrphanUsers(p *progress) error {
	db := l.db()
	res, err := db.Prepare("SELECT userId FROM user_index WHERE firmId = ? AND userId > ? ORDER BY userId LIMIT ?").Bind(l.id, p.After, reconcilePiece).All()
	if err != nil {
		return err
	}
	var page []string
	for _, v := range res.Rows {
		page = append(page, string(v[0].Bytes))
	}
	orphans, err := l.unknown(page, true)
	if err != nil {
		return err
	}
	var stmts []*edge.Stmt
	for _, id := range orphans {
		stmts = append(stmts, db.Prepare("DELETE FROM user_index WHERE userId = ? RETURNING 1").Bind(id))
	}
	if err := l.removeAll(db, stmts, p); err != nil {
		return err
	}
	p.turn(page)
	return nil
}

func init() {
	edge.Method("reconcile", (*Ledger).Reconcile)
	edge.Method("rows", (*Session).Rows)
}
