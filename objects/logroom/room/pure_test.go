package room

import (
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "A-z_0.9": true, "...": true, strings.Repeat("x", 128): true,
		"": false, ".": false, "..": false, "a b": false, "a/b": false, "ä": false, "a\x00": false, strings.Repeat("x", 129): false,
	} {
		if validID(id) != want {
			t.Errorf("%q: %v, want %v", id, !want, want)
		}
	}
}

func TestOwners_WhoMayDoWhat(t *testing.T) {
	declared := owners{keys: map[string]string{"acme": rest.Hash("k"), "upper": strings.ToUpper(rest.Hash("k"))[:7] + rest.Hash("k")[7:]}}
	open := declared
	open.open = true
	for _, c := range []struct {
		name      string
		o         owners
		ns, token string
		create    string
		check     string
	}{
		{"the owner", declared, "acme", "k", "", ""},
		{"no token", declared, "acme", "", "unauthorized", "unauthorized"},
		{"a wrong one", declared, "acme", "x", "forbidden", "forbidden"},
		{"its own hash", declared, "acme", rest.Hash("k"), "forbidden", "forbidden"},
		{"undeclared in serve", declared, "free", "k", "forbidden", "forbidden"},
		{"undeclared in dev", open, "free", "", "", "unauthorized"},
		{"undeclared in dev, with a token", open, "free", "k", "", "forbidden"},
		{"declared in dev", open, "acme", "", "unauthorized", "unauthorized"},
	} {
		if got := codeOf(c.o.mayCreate(c.ns, c.token)); got != c.create {
			t.Errorf("%s: create: %q, want %q", c.name, got, c.create)
		}
		if got := codeOf(c.o.check(c.ns, c.token)); got != c.check {
			t.Errorf("%s: check: %q, want %q", c.name, got, c.check)
		}
	}
}

func codeOf(err error) string {
	var p *rest.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

func TestEvent_RecordRoundTrip(t *testing.T) {
	for _, e := range []Event{
		{Seq: 1, AuthorID: "a", Content: "c", CreatedAt: 1},
		{Seq: math.MaxInt64, AuthorID: strings.Repeat("a", AuthorBytesMax), Content: strings.Repeat("c", ContentBytesMax), CreatedAt: -62135596800000, Key: strings.Repeat("k", KeyBytesMax)},
		{Seq: 255, AuthorID: "ä", Content: "\x00\"", CreatedAt: math.MaxInt64, Key: "é"},
	} {
		got, err := eventOf(eventKey(e.Seq), e.record())
		if err != nil || got != e {
			t.Errorf("got %+v, %v, want %+v", got, err, e)
		}
	}
	for _, rec := range []string{"", "short", strings.Repeat("\xff", 12)} {
		if _, err := eventOf(eventKey(1), []byte(rec)); !errors.Is(err, errRecord) {
			t.Errorf("%q: %v", rec, err)
		}
	}
	if eventKey(9) >= eventKey(10) || eventKey(255) >= eventKey(256) {
		t.Error("keys are not in the order of seqs")
	}
}

func TestReading_Parse(t *testing.T) {
	rd, err := readingOf(url.Values{})
	if err != nil || rd.limit != ReadLimitDefault || rd.desc || rd.filtered() || rd.before != math.MaxInt64 {
		t.Fatalf("%+v, %v", rd, err)
	}
	for _, bad := range []string{"limit=0", "limit=1001", "limit=", "afterSeq=-1", "afterSeq=9223372036854775807", "beforeSeq=x", "order=up", "afterDate=x", "beforeDate=x"} {
		q, _ := url.ParseQuery(bad)
		if _, err := readingOf(q); codeOf(err) != "bad_request" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestParseLines_AllOrNone(t *testing.T) {
	const first = `{"seq":1,"authorId":"a","content":"c","createdAt":"2024-01-02T00:00:00Z"}`
	for _, c := range []struct{ name, body, says string }{
		{"a gap", first + "\n" + strings.Replace(first, `"seq":1`, `"seq":3`, 1), "line 2: seq is 3, expected 2"},
		{"from 2", strings.Replace(first, `"seq":1`, `"seq":2`, 1), "line 1: seq is 2, expected 1"},
		{"no author", `{"seq":1,"content":"c","createdAt":"2024-01-02T00:00:00Z"}`, "line 1: authorId is missing"},
		{"no time", `{"seq":1,"authorId":"a","content":"c"}`, "line 1: createdAt"},
		{"a bad time", strings.Replace(first, "2024", "x", 1), "line 1: createdAt"},
		{"not JSON", first + "\n\n{", "line 3: the body is not a JSON object"},
	} {
		if _, _, err := parseLines([]byte(c.body)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
	second := strings.Replace(strings.Replace(first, `"seq":1`, `"seq":2`, 1), "01-02", "01-01", 1)
	events, unordered, err := parseLines([]byte(first + "\r\n\n" + second + "\n"))
	if err != nil || len(events) != 2 || !unordered {
		t.Fatalf("%+v, %v, %v", events, unordered, err)
	}
	if _, unordered, _ := parseLines([]byte(first)); unordered {
		t.Fatal("one line is not out of order")
	}
}

func TestTrim_BoundsNumberAndBytes(t *testing.T) {
	for name, test := range map[string]struct{ events, contentBytes, keptMax int }{
		"many small": {5000, 10, 2 * recentMax},
		"few large":  {500, ContentBytesMax, 2*recentBytesMax/ContentBytesMax + 1},
		"one huge":   {3, 3 * recentBytesMax, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Room{}
			content := strings.Repeat("x", test.contentBytes)
			for i := range test.events {
				r.recent = append(r.recent, Event{Seq: int64(i + 1), Content: content})
				r.held += len(content)
				r.trim()
				if len(r.recent) == 0 || len(r.recent) > test.keptMax || r.held != len(r.recent)*len(content) {
					t.Fatalf("after %d: %d kept, want 1 to %d, %d bytes counted", i+1, len(r.recent), test.keptMax, r.held)
				}
				if last := r.recent[len(r.recent)-1].Seq; last != int64(i+1) {
					t.Fatalf("the newest kept is %d, want %d", last, i+1)
				}
			}
		})
	}
}
