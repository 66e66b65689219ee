package engage

import (
	"context"
	"fmt"
)

// Made is what a run has made, as the host's answers said.
type Made struct {
	Key           string // of the firm
	Users         int
	ActiveUsers   int
	Conversations int
	Messages      int
	Parties       int
	Conflicts     int
	Assignments   int
	Deleted       int
	Status        map[string]int // of conversations that are not deleted, by status
	Areas         map[string]int // the same by practice area
	Assigned      map[string]int // active conversations that are not deleted, by user
	Matches       map[string]int // conflicts by how names matched
	Fates         map[string]int // conflicts by status
}

func newMade() Made {
	return Made{Status: map[string]int{}, Areas: map[string]int{}, Assigned: map[string]int{}, Matches: map[string]int{}, Fates: map[string]int{}}
}

func (r *run) note(fn func(m *Made)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(&r.made)
}

// object is a body.
type object = map[string]any

// found makes the firm.
func (r *run) found(ctx context.Context) error {
	var made struct{ Key string }
	r.key = r.cfg.PlatformKey
	err := r.call(ctx, call{kind: "found the firm", method: "POST", path: "/firms", body: object{"firmId": r.cfg.Firm, "name": "Firm " + r.cfg.Firm}, want: 201, into: &made})
	r.key, r.made.Key = made.Key, made.Key
	return err
}

func (r *run) makeUser(ctx context.Context, n int) error {
	u := r.cfg.userOf(n)
	err := r.call(ctx, call{kind: "save a user", method: "PUT", path: r.firm("/users/" + u.id), want: 200,
		body: object{"email": u.email, "name": u.name, "role": u.role, "status": u.status}})
	if err == nil {
		r.note(func(m *Made) {
			m.Users++
			if u.status == "active" {
				m.ActiveUsers++
			}
		})
	}
	return err
}

func (r *run) firm(path string) string { return "/firms/" + r.cfg.Firm + path }

// begin makes a conversation and registers its client.
func (r *run) begin(ctx context.Context, p *plan) error {
	goals := []object{}
	for i, g := range p.goals {
		goals = append(goals, object{"id": fmt.Sprint("g", i+1), "title": g})
	}
	body := object{"sessionId": p.session, "userId": "client-" + p.session, "clientName": p.client, "clientEmail": p.email, "practiceArea": p.area, "goals": goals}
	if p.none {
		body["opposingPartyNone"] = true
	}
	if err := r.call(ctx, call{kind: "begin a conversation", method: "POST", path: r.firm("/conversations"), body: body, want: 201}); err != nil {
		return err
	}
	r.note(func(m *Made) { m.Conversations++ })
	return r.register(ctx, p, other{kind: "client", name: p.client})
}

// register adds a party and settles the conflicts that its check finds.
func (r *run) register(ctx context.Context, p *plan, o other) error {
	var found struct{ Conflicts []conflict }
	body := object{"type": o.kind, "name": o.name}
	if len(o.aliases) > 0 {
		body["aliases"] = o.aliases
	}
	if err := r.call(ctx, call{kind: "add a party", method: "POST", path: r.below(p, "/parties"), body: body, want: 201, into: &found}); err != nil {
		return err
	}
	r.note(func(m *Made) { m.Parties++ })
	for _, c := range found.Conflicts {
		status, err := r.settle(ctx, c, o.fate)
		if err != nil {
			return err
		}
		r.note(func(m *Made) { m.Conflicts++; m.Matches[c.MatchType]++; m.Fates[status]++ })
	}
	return nil
}

// conflict is what of one the run goes by.
type conflict struct{ ConflictID, MatchType string }

// settle brings a conflict to its fate, and answers its status.
func (r *run) settle(ctx context.Context, c conflict, fate int) (string, error) {
	verb := func(verb string, body any) error {
		return r.call(ctx, call{kind: verb + " a conflict", method: "POST", path: r.firm("/conflicts/" + c.ConflictID + ":" + verb), body: body, want: 200})
	}
	if fate == fateOpen {
		return "detected", nil
	}
	if err := verb("review", nil); err != nil || fate == fateReviewing {
		return "reviewing", err
	}
	if fate == fateConfirmed {
		return "confirmed", verb("confirm", object{"resolution": "cannot_represent", "notes": "The firm acts for the other side."})
	}
	return "cleared", verb("clear", object{"resolution": resolutions[len(c.ConflictID)%len(resolutions)], "notes": "Checked with the partner in charge."})
}

func (r *run) below(p *plan, path string) string {
	return r.firm("/conversations/" + p.session + path)
}

// carryOut says what is said, and does the rest of a plan.
func (r *run) carryOut(ctx context.Context, p *plan) error {
	for i := range p.messages {
		if err := r.say(ctx, p, i); err != nil {
			return err
		}
		if i == p.messages/3 {
			if err := r.intake(ctx, p); err != nil {
				return err
			}
		}
	}
	if p.messages == 0 {
		if err := r.intake(ctx, p); err != nil {
			return err
		}
	}
	if err := r.assign(ctx, p); err != nil {
		return err
	}
	return r.end(ctx, p)
}

// say sends message i: the client and the assistant in turn, and now and then
// somebody of the firm.
func (r *run) say(ctx context.Context, p *plan, i int) error {
	role := []string{"client", "assistant"}[i%2]
	if p.secured && i > 4 && i%7 == 6 {
		role = "staff"
	}
	t := talks[role]
	body := object{"role": role, "content": t.sentence(p.rng, p), "key": fmt.Sprint("m", i)}
	err := r.call(ctx, call{kind: "say something", method: "POST", path: r.below(p, "/messages"), body: body, want: 201})
	if err == nil {
		r.note(func(m *Made) { m.Messages++ })
	}
	return err
}

// intake is what follows when enough has been said: parties, goals, the login.
func (r *run) intake(ctx context.Context, p *plan) error {
	for _, o := range p.against {
		if err := r.register(ctx, p, o); err != nil {
			return err
		}
	}
	if p.secured {
		if err := r.call(ctx, call{kind: "secure", method: "POST", path: r.below(p, ":secure"), want: 200}); err != nil {
			return err
		}
	}
	for i := range p.reached {
		if err := r.call(ctx, call{kind: "complete a goal", method: "POST", path: r.below(p, fmt.Sprintf("/goals/g%d:complete", i+1)), want: 200}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) assign(ctx context.Context, p *plan) error {
	for i, n := range p.assign {
		body := object{"assignedTo": r.cfg.userOf(n).id, "assignedBy": "u000", "priority": priorities[(p.urgent+i)%len(priorities)], "estimatedHours": float64(1+p.number%40) / 2}
		if err := r.call(ctx, call{kind: "assign", method: "POST", path: r.below(p, "/assignments"), body: body, want: 201}); err != nil {
			return err
		}
		r.note(func(m *Made) { m.Assignments++ })
	}
	return nil
}

// end ends a conversation, or leaves it active.
func (r *run) end(ctx context.Context, p *plan) error {
	status := "active"
	steps := map[int][]call{
		endCompleted:  {{kind: "complete", method: "POST", path: r.below(p, ":complete"), body: object{"reason": "the matter is closed"}, want: 200}},
		endTerminated: {{kind: "terminate", method: "POST", path: r.below(p, ":terminate"), body: object{"reason": "the client went elsewhere"}, want: 200}},
		endDeleted: {
			{kind: "complete", method: "POST", path: r.below(p, ":complete"), want: 200},
			{kind: "delete", method: "DELETE", path: r.below(p, ""), want: 204},
		},
	}
	for _, step := range steps[p.end] {
		if err := r.call(ctx, step); err != nil {
			return err
		}
	}
	switch p.end {
	case endCompleted:
		status = "completed"
	case endTerminated:
		status = "terminated"
	}
	r.note(func(m *Made) {
		if p.end == endDeleted {
			m.Deleted++
			return
		}
		m.Status[status]++
		m.Areas[p.area]++
		if len(p.assign) > 0 && status == "active" {
			m.Assigned[r.cfg.userOf(p.assign[len(p.assign)-1]).id]++
		}
	})
	return nil
}
