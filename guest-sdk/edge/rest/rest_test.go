package rest

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func codeOf(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

func TestFields_TypesAndLengths(t *testing.T) {
	for _, c := range []struct {
		body string
		read func(f Fields) error
		code string
		says string
	}{
		{`{"s":"x"}`, func(f Fields) error { _, err := f.Text("s", 1, false); return err }, "", ""},
		{`{}`, func(f Fields) error { _, err := f.Text("s", 1, false); return err }, "bad_request", "s is missing"},
		{`{}`, func(f Fields) error { _, err := f.Text("s", 1, true); return err }, "", ""},
		{`{"s":null}`, func(f Fields) error { _, err := f.Text("s", 1, true); return err }, "", ""},
		{`{"s":""}`, func(f Fields) error { _, err := f.Text("s", 1, true); return err }, "bad_request", "s must not be empty"},
		{`{"s":3}`, func(f Fields) error { _, err := f.Text("s", 1, false); return err }, "bad_request", "s must be a string"},
		{`{"s":"ä"}`, func(f Fields) error { _, err := f.Text("s", 1, false); return err }, "too_large", "s is over 1 bytes"},
		{`{"n":3}`, func(f Fields) error { _, err := f.Number("n"); return err }, "", ""},
		{`{"n":3.5}`, func(f Fields) error { _, err := f.Number("n"); return err }, "bad_request", "n must be a whole number"},
		{`{"n":"3"}`, func(f Fields) error { _, err := f.Number("n"); return err }, "bad_request", "n must be a whole number"},
		{`{"l":[1]}`, func(f Fields) error { _, err := f.List("l"); return err }, "", ""},
		{`{"l":{}}`, func(f Fields) error { _, err := f.List("l"); return err }, "bad_request", "l must be an array"},
	} {
		f, err := Parse([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.read(f); codeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s %q", c.body, err, c.code, c.says)
		}
	}
	for _, body := range []string{``, `[]`, `null`, `"x"`, `{`, "{\"a\":\"\xff\"}"} {
		if _, err := Parse([]byte(body)); codeOf(err) != "bad_request" {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\n\r\t\x00\x1f\u2028ä😀")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil || got != s {
			t.Fatalf("%q became %q, %v", s, got, err)
		}
	})
}

func TestCursor_RoundTripAndRefusals(t *testing.T) {
	for _, c := range []Cursor{{}, {At: 1 << 60, ID: "a", Seq: 7}, {At: -1, ID: "é\""}} {
		got, ok, err := QueryCursor(url.Values{"cursor": {c.String()}})
		if got != c || !ok || err != nil {
			t.Errorf("%+v became %+v, %v, %v", c, got, ok, err)
		}
	}
	for _, bad := range []string{"!", "e30x", "AAAA"} {
		if _, _, err := QueryCursor(url.Values{"cursor": {bad}}); codeOf(err) != "bad_request" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestQueryTime_BoundsStayExclusive(t *testing.T) {
	for _, c := range []struct {
		text string
		up   bool
		want int64
	}{
		{"1970-01-01T00:00:00Z", false, 0},
		{"1970-01-01T00:00:00.001Z", true, 1},
		{"1970-01-01T00:00:00.0005Z", false, 0},
		{"1970-01-01T00:00:00.0005Z", true, 1},
		{"1970-01-01T01:00:00+01:00", false, 0},
	} {
		if ms, ok, err := QueryTime(url.Values{"d": {c.text}}, "d", c.up); ms != c.want || !ok || err != nil {
			t.Errorf("%s up %v: %d, %v, want %d", c.text, c.up, ms, err, c.want)
		}
	}
	for _, bad := range []string{"yesterday", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01 00:00:00Z"} {
		if _, _, err := QueryTime(url.Values{"d": {bad}}, "d", false); codeOf(err) != "bad_request" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestTruth(t *testing.T) {
	f, err := Parse([]byte(`{"a":true,"b":false,"c":null,"d":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "none": false} {
		if got, err := f.Truth(name); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := f.Truth("d"); codeOf(err) != "bad_request" {
		t.Errorf("a number: %v", err)
	}
}

func TestCredential_HashAndForms(t *testing.T) {
	h := Hash("k")
	if !IsHash(h) || IsHash("k") || IsHash("sha256:00") || IsHash(h[len(hashPrefix):]) {
		t.Errorf("IsHash of %s and others", h)
	}
	if !Matches(h, "k") || !Matches(strings.ToUpper(h), "k") || Matches(h, h) || Matches("", "") {
		t.Error("Matches")
	}
}

// FuzzParse holds Parse to encoding/json.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : 1 , "b":[{"c":"}\\"]"}],"a":null}`, `{"\u0061\\n":"x\"y","":{}}`, `[]`, `{"a":1}x`, `{"a":tru}`, "{\"a\":\t-1.5e3}", `null`, `{"a":null,"b":"","c":"\\u00e4"}`,
		// of nothing but strings, or nearly so
		`{"a":"b"}`, ` { "a" : "b" , "c" : "ä" , "a" : "d" } `, "{\"a\":\"b\tc\"}", "{\"a\tb\":\"\"}", `{"a":"x",}`, `{"a":"x"}x`, `{"a":"x"`, `{"a":"x" "b":"y"}`, `{"a" "x"}`, `{"a":"x",b}`, `{"a":`, `{"a`, `{`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if !utf8.ValidString(body) {
			return
		}
		var want map[string]json.RawMessage
		good := json.Unmarshal([]byte(body), &want) == nil && want != nil
		got, err := Parse([]byte(body))
		if good != (err == nil) || len(got) != len(want) {
			t.Fatalf("%q: %v, %v, want %v", body, got, err, want)
		}
		for name, raw := range want {
			if string(got[name]) != string(raw) {
				t.Fatalf("%q: %q is %q, want %q", body, name, got[name], raw)
			}
			var text string
			if s, ok := unquote(got[name]); ok != (json.Unmarshal(raw, &text) == nil && string(raw) != "null") || ok && s != text {
				t.Fatalf("%q: %q reads as %q, %v, want %q", body, name, s, ok, text)
			}
		}
	})
}

func TestAppendTime_EveryDay(t *testing.T) {
	for ms := int64(-3 * dayMs); ms < 4*365*110*dayMs; ms += dayMs*7 + 3_723_457 {
		if got, want := TimeText(ms), time.UnixMilli(ms).UTC().Format(timeLayout); got != want {
			t.Fatalf("%d: %s, want %s", ms, got, want)
		}
	}
	for _, year := range []int{1970, 1999, 2000, 2024, 2100, 2399, 2400, 9999} {
		for at := time.Date(year, 1, 1, 23, 59, 59, 999e6, time.UTC); at.Year() == year; at = at.AddDate(0, 0, 1) {
			if got, want := TimeText(at.UnixMilli()), at.Format(timeLayout); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	}
}

func FuzzAppendTime(f *testing.F) {
	for _, ms := range []int64{0, -1, plainMsMax, plainMsMax - 1, 1 << 62, -1 << 62} {
		f.Add(ms)
	}
	f.Fuzz(func(t *testing.T, ms int64) {
		if got, want := TimeText(ms), time.UnixMilli(ms).UTC().Format(timeLayout); got != want {
			t.Fatalf("%d: %s, want %s", ms, got, want)
		}
	})
}
