package engage

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// talk is how a message of a role begins, goes on, and what may lie between.
type talk struct{ open, middle, end []string }

// In these sentences {name}, {other}, {area}, {month}, {money} and {days} stand
// for something.
var talks = map[string]talk{
	"client": {
		open: []string{
			"Hello, I am looking for help with a matter of {area}.", "Thank you for getting back to me.", "Sorry, I had to look that up.", "Yes, that is right.",
			"No, not as far as I know.", "I have just found the letter.", "It is about {other}.", "To be honest I am not sure where to begin.", "It started in {month}.",
		},
		middle: []string{
			"We agreed on {money}, but nobody wrote it down.", "They told me on the phone that it would take {days} days.", "I have e-mails from {month} and a few photographs.",
			"{other} has not answered since {month}.", "My sister was there and would say so.", "I signed something, but I did not get a copy.",
			"The first payment was {money}; the second one never came.", "They say that I was late, which is not true.", "There was a meeting, and three people heard it.",
			"I asked twice, in writing.", "Since then I have had to pay {money} myself.", "The notice gives me {days} days.", "I would rather settle this than go to court.",
		},
		end: []string{
			"What should I do now?", "Is that a problem?", "I can send you everything tonight.", "Please call me {name}.", "How much will this cost?",
			"I hope that helps.", "Do I have to answer them?", "I would be glad of an appointment.",
		},
	},
	"assistant": {
		open: []string{
			"Thank you, {name}.", "I am sorry to hear that.", "That is useful.", "Let me make sure that I understand.", "Understood.", "I have noted that.",
		},
		middle: []string{
			"So far I have: an agreement in {month}, about {money}, with {other}.", "This kind of question belongs to {area}.", "A lawyer of the firm will read all of this.",
			"Nothing that you write here goes to the other side.", "Deadlines matter here: {days} days is not long.", "I cannot give legal advice, but I can collect what is needed.",
			"Before we go on the firm has to check for conflicts of interest.",
		},
		end: []string{
			"Who else was involved?", "Do you have that in writing?", "When exactly was that?", "Is there anybody on the other side whom we should know of?",
			"What would be a good outcome for you?", "Has anybody else advised you on this?", "May I ask for the full name of the company?", "Did they give a reason?",
		},
	},
	"staff": {
		open: []string{"Good morning {name}, I am with the firm.", "I have read your notes.", "A quick word on where we are.", "Thank you for waiting."},
		middle: []string{
			"We have opened a file for your matter of {area}.", "I have asked for the records from {month}.", "The deadline is in {days} days, which is enough.",
			"I would not write to {other} for the time being.", "Our estimate is {money}, and we will tell you before it changes.",
		},
		end: []string{"I will call you tomorrow.", "Please bring the originals.", "Nothing for you to do today.", "Let me know if a time suits you."},
	},
}

var months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

// sentence is one to eight sentences of a role; most messages are short.
func (t *talk) sentence(r *rand.Rand, p *plan) string {
	parts := []string{pick(r, t.open)}
	for n := min(r.IntN(4)*r.IntN(4)/2, 6); n > 0; n-- {
		parts = append(parts, pick(r, t.middle))
	}
	if r.IntN(3) > 0 {
		parts = append(parts, pick(r, t.end))
	}
	other := "the other side"
	if len(p.against) > 0 {
		other = p.against[0].name
	}
	first, _, _ := strings.Cut(p.client, " ")
	return strings.NewReplacer("{name}", first, "{other}", other, "{area}", p.area, "{month}", pick(r, months),
		"{money}", fmt.Sprintf("€%d,%03d", 1+r.IntN(90), 50*r.IntN(20)), "{days}", fmt.Sprint(7*(1+r.IntN(8)))).Replace(strings.Join(parts, " "))
}
