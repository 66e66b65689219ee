package engage

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A plan is all that one conversation will be asked to do. It depends on the
// seed and on the conversation's number alone, whoever carries it out when.

// How a conversation ends.
const (
	endNot = iota
	endCompleted
	endTerminated
	endDeleted // completed before
)

// plan is one conversation.
type plan struct {
	number   int
	session  string
	client   string
	email    string
	area     string
	goals    []string
	reached  int // goals that are completed
	none     bool
	against  []other
	messages int
	assign   []int // users, one after the other
	urgent   int   // place in priorities, of the last
	secured  bool
	end      int
	rng      *rand.Rand // of the messages
}

// other is a party of the other side.
type other struct {
	kind, name string
	aliases    []string
	fate       int // of conflicts with it
}

// What becomes of a conflict.
const (
	fateOpen = iota
	fateReviewing
	fateCleared
	fateConfirmed
)

var (
	priorities  = []string{"urgent", "high", "normal", "low"}
	resolutions = []string{"waived", "client_consented", "no_conflict"}
)

// streams keep the random numbers of one purpose apart from another's.
const (
	streamUser = iota + 1
	streamClient
	streamPlan
	streamTalk
	streamLength
)

func (c *Config) random(stream, n int) *rand.Rand {
	return rand.New(rand.NewPCG(c.Seed, uint64(stream)<<40|uint64(n)))
}

// clientOf is the client of a conversation: a fifth are companies.
func (c *Config) clientOf(n int) (name, email string) {
	r := c.random(streamClient, n)
	name, email = person(r)
	if r.IntN(5) == 0 {
		name = company(r)
	}
	return name, email
}

// planOf plans conversation n, which has so many messages.
func (c *Config) planOf(n, messages int) *plan {
	r := c.random(streamPlan, n)
	p := &plan{number: n, session: fmt.Sprintf("c%06d", n), messages: messages, rng: c.random(streamTalk, n)}
	p.client, p.email = c.clientOf(n)
	p.area = areas[weighted(r, areaOdds)]
	for _, i := range r.Perm(len(goalTexts))[:r.IntN(5)] {
		p.goals = append(p.goals, goalTexts[i])
	}
	p.secured = r.IntN(10) < 7
	p.end = weighted(r, []int{62, 28, 8, 2})
	if p.end == endCompleted || p.end == endDeleted {
		p.reached = len(p.goals)
	} else if len(p.goals) > 0 {
		p.reached = r.IntN(len(p.goals) + 1)
	}
	switch k := r.IntN(10); {
	case k < 2:
		p.none = true
	case k < 8:
		p.against = append(p.against, c.opponent(r, n))
		if k == 7 {
			p.against = append(p.against, c.opponent(r, n))
		}
	}
	if c.Users > 0 {
		for range weighted(r, []int{30, 55, 12, 3}) {
			p.assign = append(p.assign, r.IntN(c.Users))
		}
	}
	p.urgent = weighted(r, []int{5, 20, 55, 20})
	return p
}

// opponent is somebody of the other side; in one of twelve cases it is the
// client of another conversation, so that there is a conflict.
func (c *Config) opponent(r *rand.Rand, n int) other {
	o := other{kind: "opposing_party", name: company(r), fate: weighted(r, []int{35, 15, 40, 10})}
	if r.IntN(4) == 0 {
		o.kind = "entity"
	}
	if r.IntN(6) == 0 {
		o.aliases = []string{company(r)}
	}
	if m := r.IntN(c.Conversations); r.IntN(12) == 0 && m != n {
		name, _ := c.clientOf(m)
		if o.name = disguise(r, name); r.IntN(6) == 0 {
			o.name, o.aliases = company(r), []string{name}
		}
	}
	return o
}

// lengths are how many messages each conversation has: many have few, some
// have many, and all have c.Messages together.
func (c *Config) lengths() []int {
	r := c.random(streamLength, 0)
	weights, sum := make([]float64, c.Conversations), 0.0
	for i := range weights {
		weights[i] = math.Exp(r.NormFloat64() * 0.9)
		sum += weights[i]
	}
	out, at, given := make([]int, c.Conversations), 0.0, 0
	for i, w := range weights {
		at += w
		out[i] = int(math.Round(at/sum*float64(c.Messages))) - given
		given += out[i]
	}
	return out
}

// user is somebody who works for the firm.
type user struct{ id, name, email, role, status string }

func (c *Config) userOf(n int) user {
	r := c.random(streamUser, n)
	name, email := person(r)
	return user{
		id: fmt.Sprintf("u%03d", n), name: name, email: email,
		role:   []string{"attorney", "paralegal", "intake", "admin"}[weighted(r, []int{45, 30, 20, 5})],
		status: []string{"active", "inactive"}[weighted(r, []int{95, 5})],
	}
}
