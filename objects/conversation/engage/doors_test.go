package engage

import (
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// What tests do to a firm past its HTTP calls; compiled guests have none of it.
func init() {
	// testD1 is every row that D1 has.
	edge.Method("testD1", func(l *Ledger, _ string) (string, error) {
		text := ""
		for _, table := range []string{"conversation_index", "user_index", "case_assignment_index", "conflict_detection_index", "audit_log_index"} {
			res, err := l.db().Prepare("SELECT * FROM " + table).All()
			if err != nil {
				return "", err
			}
			for _, row := range res.Rows {
				for _, v := range row {
					text += fmt.Sprintf("%s %d|", v.Bytes, v.Int)
				}
				text += table + "\n"
			}
		}
		return text, nil
	})
	edge.Method("testRun", func(l *Ledger, sql string) (bool, error) {
		_, err := l.db().Prepare(sql).Run()
		return true, err
	})
	// testHold keeps the registry from taking events until testRelease.
	var hold chan struct{}
	edge.Method("testHold", func(r *Registry, _ string) (bool, error) {
		hold = make(chan struct{})
		r.state.WaitUntil("hold", func() error {
			return r.state.BlockConcurrencyWhile(func() error { <-hold; return nil })
		})
		return true, nil
	})
	edge.Method("testRelease", func(*Session, string) (bool, error) { close(hold); return true, nil })
	// testPrepare begins PrepareErase, and testPrepared says whether it is over.
	prepared := false
	edge.Method("testPrepare", func(s *Session, p person) (bool, error) {
		prepared = false
		s.state.WaitUntil("prepare", func() error { _, err := s.PrepareErase(p); prepared = err == nil; return err })
		return true, nil
	})
	edge.Method("testPrepared", func(*Session, string) (bool, error) { return prepared, nil })
}

// What tests do to a session and its checks.
func init() {
	// testPend keeps a party whose check is under way and whose caller is gone.
	edge.Method("testPend", func(s *Session, name string) (string, error) {
		i, err := s.intend(&intake.Party{Type: intake.Client, Name: name}, "somebody")
		if err != nil {
			return "", err
		}
		s.resolving[s.parties[i].PartyID] = true
		return s.parties[i].PartyID, nil
	})
	// testRetry lets that check be tried again.
	edge.Method("testRetry", func(s *Session, _ string) (bool, error) {
		clear(s.resolving)
		s.emit.pump.Retry()
		s.emit.pump.Kick()
		return true, nil
	})
	// testAnswer is the registry's answer on its way; testSettle is its arrival.
	answers := map[string]*registered{}
	edge.Method("testAnswer", func(s *Session, party string) (bool, error) {
		for i := range s.parties {
			if s.parties[i].PartyID == party {
				ans, err := edge.Call[registered](registryOf(s.env, s.firm), "register", registration{Session: s.id, Party: s.parties[i].Party})
				answers[party] = &ans
				return true, err
			}
		}
		return false, nil
	})
	edge.Method("testSettle", func(s *Session, party string) (bool, error) {
		clear(s.resolving)
		for i := range s.parties {
			if s.parties[i].PartyID == party {
				s.settle(i, answers[party], &call{actor: actor{User: "somebody"}, at: s.now(), action: "party_added", resourceType: resourceConversation, resourceID: s.id})
			}
		}
		return true, nil
	})
	// testCut keeps a session's notes from the ledger.
	edge.Method("testCut", func(s *Session, firm string) (bool, error) {
		s.emit.firm = firm
		return true, nil
	})
	edge.Method("testReply", func(s *Session, _ string) (int, error) { return cap(s.reply), nil })
}
