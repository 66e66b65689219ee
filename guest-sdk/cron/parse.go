package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const cronBytesMax = 256

// cronField is one of a cron's five.
type cronField struct {
	name     string
	min, max int
	names    []string // of min, min+1 and so on
}

var (
	cronMinute  = cronField{name: "minute", min: 0, max: 59}
	cronHour    = cronField{name: "hour", min: 0, max: 23}
	cronDay     = cronField{name: "day of month", min: 1, max: 31}
	cronMonth   = cronField{name: "month", min: 1, max: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	cronWeekday = cronField{name: "day of week", min: 1, max: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
)

// Parse reads a cron trigger of five fields as Cloudflare writes them:
// weekday 1 is Sunday, names may stand for numbers, L, W and # have Quartz's
// meaning, and a range may wrap around. One that never fires is an error.
func Parse(text string) (*Schedule, error) {
	fields := strings.Fields(text)
	if len(fields) != 5 || len(text) > cronBytesMax {
		return nil, fmt.Errorf("want a cron of five fields, got %.40q", text)
	}
	s := &Schedule{text: text}
	var errs [5]error
	s.minutes, errs[0] = cronMinute.set(fields[0])
	s.hours, errs[1] = cronHour.set(fields[1])
	s.day, errs[2] = parseDay(fields[2])
	s.months, errs[3] = cronMonth.set(fields[3])
	s.weekday, errs[4] = parseWeekday(fields[4])
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("cron %q never fires", text)
	}
	return s, nil
}

func (f *cronField) fault(text string) error {
	return fmt.Errorf("cron's %s %q: want *, numbers from %d to %d, ranges, lists or steps", f.name, text, f.min, f.max)
}

// set reads *, and lists of values, ranges and steps, as bits.
func (f *cronField) set(text string) (uint64, error) {
	if text == "*" {
		return f.run(f.min, f.max, 1), nil
	}
	var set uint64
	for item := range strings.SplitSeq(text, ",") {
		bits, ok := f.item(item)
		if !ok {
			return 0, f.fault(text)
		}
		set |= bits
	}
	return set, nil
}

// item reads a, a-b, a/n, a-b/n or */n.
func (f *cronField) item(text string) (uint64, bool) {
	span, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		var ok bool
		if step, ok = number(stepText); !ok || step < 1 || step > f.max-f.min {
			return 0, false
		}
	}
	if span == "*" {
		return f.run(f.min, f.max, step), stepped
	}
	fromText, toText, ranged := strings.Cut(span, "-")
	from, ok := f.value(fromText)
	if !ok {
		return 0, false
	}
	to := from
	if ranged {
		if to, ok = f.value(toText); !ok {
			return 0, false
		}
	} else if stepped {
		to = f.max
	}
	return f.run(from, to, step), true
}

// run is every step-th value from from to to, past the end to the beginning
// where to is less.
func (f *cronField) run(from, to, step int) uint64 {
	span := f.max - f.min + 1
	if to < from {
		to += span
	}
	var set uint64
	for v := from; v <= to; v += step {
		set |= 1 << (f.min + (v-f.min)%span)
	}
	return set
}

// value reads a number or a name.
func (f *cronField) value(text string) (int, bool) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.min + i, true
		}
	}
	n, ok := number(text)
	return n, ok && n >= f.min && n <= f.max
}

// number reads digits alone.
func number(text string) (int, bool) {
	if text == "" || len(text) > 4 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

func parseDay(text string) (dayRule, error) {
	if text == "*" {
		return dayRule{kind: dayAny}, nil
	}
	bare, nearest := strings.CutSuffix(text, "W")
	if rest, last := strings.CutPrefix(bare, "L"); last {
		r := dayRule{kind: dayLast}
		if nearest {
			r.kind = dayLastNearest
		}
		if rest == "" {
			return r, nil
		}
		before, ok := number(strings.TrimPrefix(rest, "-"))
		if !ok || rest[0] != '-' || before < 1 || before > 30 {
			return r, fmt.Errorf("cron's day of month %q: want L, LW, L-n or L-nW with n from 1 to 30", text)
		}
		r.value = before
		return r, nil
	}
	if nearest {
		day, ok := cronDay.value(bare)
		if !ok {
			return dayRule{}, fmt.Errorf("cron's day of month %q: want nW with n from 1 to 31", text)
		}
		return dayRule{kind: dayNearest, value: day}, nil
	}
	set, err := cronDay.set(text)
	return dayRule{kind: daySet, set: set}, err
}

func parseWeekday(text string) (weekdayRule, error) {
	if text == "*" {
		return weekdayRule{kind: weekdayAny}, nil
	}
	if text == "L" {
		return weekdayRule{kind: weekdaySet, set: 1 << time.Saturday}, nil
	}
	if dayText, last := strings.CutSuffix(text, "L"); last {
		day, ok := cronWeekday.value(dayText)
		if !ok {
			return weekdayRule{}, fmt.Errorf("cron's day of week %q: want a day before L", text)
		}
		return weekdayRule{kind: weekdayLast, day: time.Weekday(day - 1)}, nil
	}
	if dayText, nthText, nth := strings.Cut(text, "#"); nth {
		day, dayOK := cronWeekday.value(dayText)
		n, nOK := number(nthText)
		if !dayOK || !nOK || n < 1 || n > 5 {
			return weekdayRule{}, fmt.Errorf("cron's day of week %q: want day#n with n from 1 to 5", text)
		}
		return weekdayRule{kind: weekdayNth, day: time.Weekday(day - 1), nth: n}, nil
	}
	set, err := cronWeekday.set(text)
	return weekdayRule{kind: weekdaySet, set: set >> 1}, err
}
