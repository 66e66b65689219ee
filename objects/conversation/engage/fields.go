package engage

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// oneOf reads a text that must be one of words.
func oneOf(f rest.Fields, name string, words []string, optional bool) (string, error) {
	s, err := f.Text(name, math.MaxInt, optional)
	if err != nil || s == "" && optional {
		return s, err
	}
	if !intake.Oneof(words, s) {
		return "", rest.Bad(name + " must be one of " + strings.Join(words, ", "))
	}
	return s, nil
}

// filterOneOf reads a filter of a query; "" where it is absent.
func filterOneOf(q url.Values, name string, words []string) (string, error) {
	s := q.Get(name)
	if s != "" && !intake.Oneof(words, s) || s == "" && q.Has(name) {
		return "", rest.Bad(name + " must be one of " + strings.Join(words, ", "))
	}
	return s, nil
}

// filterText reads a filter that may be any text; has is false where it is
// absent.
func filterText(q url.Values, name string, most int) (s string, has bool, err error) {
	if s = q.Get(name); len(s) > most {
		return "", false, rest.Bad(name + " is over " + strconv.Itoa(most) + " bytes")
	}
	return s, q.Has(name), nil
}

// hoursOf reads an optional number of hours.
func hoursOf(f rest.Fields, name string) (*float64, error) {
	if !f.Has(name) {
		return nil, nil
	}
	var h float64
	if json.Unmarshal(f[name], &h) != nil || math.IsNaN(h) || h < 0 || h > 1e6 {
		return nil, rest.Bad(name + " must be a number from 0 to 1000000")
	}
	return &h, nil
}

// dateOf reads an optional time, or a day at its beginning in UTC.
func dateOf(f rest.Fields, name string) (int64, error) {
	s, err := f.Text(name, 64, true)
	if err != nil || s == "" {
		return 0, err
	}
	if ms, err := rest.ParseTime(s); err == nil {
		return ms, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, rest.Bad(name + " must be a time such as 2026-11-22T08:00:00.123Z, or a day such as 2026-11-22")
	}
	return t.UnixMilli(), nil
}

// goalsOf reads the goals of a conversation.
func goalsOf(f rest.Fields) ([]intake.Goal, error) {
	if !f.Has("goals") {
		return nil, nil
	}
	raws, err := f.List("goals")
	if err != nil {
		return nil, err
	}
	if len(raws) > GoalsMax {
		return nil, rest.TooLarge("goals has over " + strconv.Itoa(GoalsMax) + " entries")
	}
	goals, seen := make([]intake.Goal, len(raws)), map[string]bool{}
	for i, raw := range raws {
		where := "goals[" + strconv.Itoa(i) + "]"
		var g rest.Fields
		if json.Unmarshal(raw, &g) != nil || g == nil {
			return nil, rest.Bad(where + " must be an object")
		}
		if goals[i].ID, err = g.Text("id", WordBytesMax, false); err == nil {
			goals[i].Title, err = g.Text("title", TitleBytesMax, false)
		}
		if err != nil {
			return nil, prefixed(where+".", err)
		}
		if seen[goals[i].ID] {
			return nil, rest.Bad(where + ".id is there twice")
		}
		if strings.Contains(goals[i].ID, "/") {
			return nil, rest.Bad(where + ".id must not contain /")
		}
		seen[goals[i].ID] = true
	}
	return goals, nil
}

// textsOf reads an optional array of texts.
func textsOf(f rest.Fields, name string, most, bytesMax int) ([]string, error) {
	if !f.Has(name) {
		return nil, nil
	}
	raws, err := f.List(name)
	if err != nil {
		return nil, err
	}
	if len(raws) > most {
		return nil, rest.TooLarge(name + " has over " + strconv.Itoa(most) + " entries")
	}
	out := make([]string, len(raws))
	for i, raw := range raws {
		where := name + "[" + strconv.Itoa(i) + "]"
		if out[i], err = (rest.Fields{where: raw}).Text(where, bytesMax, false); err != nil {
			return nil, err
		}
	}
	return out, nil
}
