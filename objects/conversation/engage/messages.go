package engage

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// Messages are stored as clients see them.

// remember reads the newest messages.
func (s *Session) remember() error {
	entries, failed := s.kv().List(edge.ListOptions{Prefix: messagePrefix, Start: numberKey(messagePrefix, max(1, s.head.Messages-RecentMax+1))})
	for _, v := range entries {
		s.recent.add(v)
	}
	return failed()
}

// incoming is a message as a client gives it.
type incoming struct {
	role, content, key string
	facts              map[string]json.RawMessage
}

func incomingOf(body []byte) (in incoming, err error) {
	f, err := rest.Parse(body)
	if err != nil {
		return in, err
	}
	if in.role, err = oneOf(f, "role", intake.Roles, false); err != nil {
		return in, err
	}
	if in.content, err = f.Text("content", ContentBytesMax, false); err != nil {
		return in, err
	}
	if in.key, err = f.Text("key", KeyBytesMax, true); err != nil || !f.Has("facts") {
		return in, err
	}
	if json.Unmarshal(f["facts"], &in.facts) != nil {
		return in, rest.Bad("facts must be an object")
	}
	return in, checkFacts(in.facts)
}

// knownFacts are the facts that are fields of the conversation.
var knownFacts = map[string]int{"clientName": NameBytesMax, "clientEmail": EmailBytesMax, "practiceArea": WordBytesMax}

func checkFacts(facts rest.Fields) error {
	if len(facts) > FactsMax {
		return rest.TooLarge("facts has over " + strconv.Itoa(FactsMax) + " entries")
	}
	for name, value := range facts {
		if most, known := knownFacts[name]; known {
			if _, err := facts.Text(name, most, true); err != nil {
				return prefixed("facts.", err)
			}
		} else if len(value) > FactBytesMax || len(name) > WordBytesMax {
			return rest.TooLarge("facts." + name + " is over " + strconv.Itoa(FactBytesMax) + " bytes, or its name over " + strconv.Itoa(WordBytesMax))
		}
	}
	return nil
}

// prefixed names where a problem's field is.
func prefixed(where string, err error) error {
	if p, ok := err.(*rest.Problem); ok {
		return rest.Refuse(p.Status, p.Code, where+p.Message)
	}
	return err
}

// learn takes facts into the conversation; the answer is whether there were
// any.
func (s *Session) learn(facts rest.Fields) (bool, error) {
	others := len(s.conv.Facts)
	for name := range facts {
		if _, known := knownFacts[name]; !known && s.conv.Facts[name] == nil {
			others++
		}
	}
	if others > FactsMax {
		return false, rest.TooLarge("the conversation would have over " + strconv.Itoa(FactsMax) + " facts")
	}
	for name, value := range facts {
		text, _ := facts.Text(name, math.MaxInt, true) // checked before
		switch name {
		case "clientName":
			s.conv.ClientName = text
		case "clientEmail":
			s.conv.ClientEmail = text
		case "practiceArea":
			s.conv.PracticeArea = text
		default:
			if s.conv.Facts == nil {
				s.conv.Facts = map[string]json.RawMessage{}
			}
			s.conv.Facts[name] = value
		}
	}
	return len(facts) > 0, nil
}

// postMessage appends a message. A key that was used before answers the first
// message.
func (s *Session) postMessage(c *call) (*edge.Response, error) {
	in, err := incomingOf(c.req.Body)
	if err != nil {
		return nil, err
	}
	if first, ok, err := s.earlier(in.key); err != nil {
		return nil, err
	} else if ok {
		s.commit(c.note(nil))
		return s.answerMessage(200, first), nil
	}
	if err := open(s.conv); err != nil {
		return nil, err
	}
	learned, err := s.learn(in.facts)
	if err != nil {
		return nil, err
	}
	if learned {
		s.putConv()
	}
	b := s.append(&in, learned)
	s.commit(c.note(nil))
	return s.answerMessage(201, b), nil
}

// append gives a message its place, adds it to the change and tells sockets.
func (s *Session) append(in *incoming, learned bool) []byte {
	fixed := s.fixed
	now := s.touch()
	s.head.Messages++
	if in.role == "client" {
		s.head.ClientMessages++
	}
	if !learned && !(in.role == "client" && s.head.ClientMessages == intake.ClientMessagesEnough) {
		s.fixed = fixed // a message alone changes nothing else of it
	}
	b := intake.AppendMessage(make([]byte, 0, 160+len(s.id)+len(in.content)), s.id, &intake.Message{Seq: s.head.Messages, Role: in.role, Content: in.content, CreatedAt: now})
	s.put(numberKey(messagePrefix, s.head.Messages), b)
	if in.key != "" {
		s.put(onceKey+in.key, strconv.AppendInt(nil, s.head.Messages, 10))
		s.once.add(in.key)
	}
	s.recent.add(b)
	s.tell("message", func(out []byte) []byte { return append(out, b...) })
	s.tellState()
	return b
}

// replyKeptMax is the largest buffer of an answer that a session keeps. Of
// usual messages a hundred fit; with the longest an answer takes 6 MiB.
const replyKeptMax = 256 << 10

// answerMessage answers a message with the state. The buffer is used again,
// unless it is a large one: an answer is handed to the host before the next
// event is taken.
func (s *Session) answerMessage(status int, message []byte) *edge.Response {
	b := append(append(append(s.reply[:0], `{"message":`...), message...), `,"state":`...)
	b = append(s.appendState(b), '}')
	if s.reply = b; cap(b) > replyKeptMax {
		s.reply = nil
	}
	return edge.JSONBytes(status, b)
}

// getMessages answers a page of messages in the order of seq.
func (s *Session) getMessages(c *call) (*edge.Response, error) {
	q, err := rest.Query(c.req)
	if err != nil {
		return nil, err
	}
	after, err := rest.QueryNumber(q, "afterSeq", 0, 0, math.MaxInt64-1)
	if err != nil {
		return nil, err
	}
	before, err := rest.QueryNumber(q, "beforeSeq", math.MaxInt64, 0, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	limit, err := rest.QueryNumber(q, "limit", ReadLimitDefault, 1, ReadLimitMax)
	if err != nil {
		return nil, err
	}
	b := []byte(`{"messages":[`)
	n, more := int64(0), false
	entries, failed := s.kv().List(edge.ListOptions{
		Start: numberKey(messagePrefix, after+1), End: numberKey(messagePrefix, before), Limit: int(limit + 1),
	})
	for _, v := range entries {
		if n == limit {
			more = true
			break
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	if err := failed(); err != nil {
		return nil, err
	}
	b = strconv.AppendBool(append(b, `],"hasMore":`...), more)
	s.commit(c.note(nil))
	return edge.JSONBytes(200, append(b, '}')), nil
}
