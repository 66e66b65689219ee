package cron

import (
	"math/bits"
	"time"
)

// Schedule says when a cron trigger fires, in UTC. It does not change.
type Schedule struct {
	text    string
	minutes uint64 // bit 0: minute 0
	hours   uint64
	months  uint64 // bit 1: January
	day     dayRule
	weekday weekdayRule
}

// dayRule is the day-of-month field.
type dayRule struct {
	kind  dayKind
	set   uint64 // daySet: bit 1: the first
	value int    // dayNearest: the day; dayLast…: days before the last
}

type dayKind uint8

const (
	dayAny         dayKind = iota // *
	daySet                        // 1,15
	dayNearest                    // 15W: the weekday nearest to the day
	dayLast                       // L, L-3
	dayLastNearest                // LW, L-3W
)

// weekdayRule is the day-of-week field; 0 is Sunday here.
type weekdayRule struct {
	kind weekdayKind
	set  uint64
	day  time.Weekday
	nth  int
}

type weekdayKind uint8

const (
	weekdayAny  weekdayKind = iota // *
	weekdaySet                     // MON-FRI
	weekdayLast                    // 6L: the month's last Friday
	weekdayNth                     // 2#1: the month's first Monday
)

// scheduleYears is how far Next looks: a fifth weekday of February comes once
// in 28 years, or 40 across a century without a leap day.
const scheduleYears = 41

// String is the text that the schedule was read from.
func (s *Schedule) String() string { return s.text }

// Next is the first time after after at which the schedule fires. It is zero
// where there is none, which Parse refuses.
func (s *Schedule) Next(after time.Time) time.Time {
	t := after.UTC().Truncate(time.Minute).Add(time.Minute)
	year, month, day := t.Date()
	if s.dayMatches(year, month, day) {
		if minute, ok := s.minuteFrom(t.Hour(), t.Minute()); ok {
			return time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
		}
	}
	minute, _ := s.minuteFrom(0, 0)
	for last := year + scheduleYears; year <= last; {
		if day++; day > daysIn(year, month) || s.months&(1<<month) == 0 {
			day = 1
			if month++; month > time.December {
				month, year = time.January, year+1
			}
		}
		if s.dayMatches(year, month, day) {
			return time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
		}
	}
	return time.Time{}
}

// minuteFrom is the first minute of the day that fires, from hour:minute on.
func (s *Schedule) minuteFrom(hour, minute int) (int, bool) {
	if s.hours&(1<<hour) != 0 {
		if later := s.minutes >> minute << minute; later != 0 {
			return hour*60 + bits.TrailingZeros64(later), true
		}
	}
	later := s.hours >> (hour + 1) << (hour + 1)
	if later == 0 {
		return 0, false
	}
	return bits.TrailingZeros64(later)*60 + bits.TrailingZeros64(s.minutes), true
}

// dayMatches joins the two day fields: where both say something, one is
// enough.
func (s *Schedule) dayMatches(year int, month time.Month, day int) bool {
	if s.months&(1<<month) == 0 {
		return false
	}
	switch {
	case s.day.kind == dayAny && s.weekday.kind == weekdayAny:
		return true
	case s.day.kind == dayAny:
		return s.weekday.matches(year, month, day)
	case s.weekday.kind == weekdayAny:
		return s.day.matches(year, month, day)
	}
	return s.day.matches(year, month, day) || s.weekday.matches(year, month, day)
}

func (r *dayRule) matches(year int, month time.Month, day int) bool {
	last := daysIn(year, month)
	switch r.kind {
	case daySet:
		return r.set&(1<<day) != 0
	case dayNearest:
		return r.value <= last && day == nearestWeekday(year, month, r.value)
	case dayLast:
		return day == last-r.value
	case dayLastNearest:
		return r.value < last && day == nearestWeekday(year, month, last-r.value)
	}
	return true
}

func (r *weekdayRule) matches(year int, month time.Month, day int) bool {
	weekday := weekdayOf(year, month, day)
	switch r.kind {
	case weekdaySet:
		return r.set&(1<<weekday) != 0
	case weekdayLast:
		return weekday == r.day && day+7 > daysIn(year, month)
	case weekdayNth:
		return weekday == r.day && (day-1)/7+1 == r.nth
	}
	return true
}

// nearestWeekday is the day from Monday to Friday nearest to day, within its
// month.
func nearestWeekday(year int, month time.Month, day int) int {
	switch weekdayOf(year, month, day) {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == daysIn(year, month) {
			return day - 2
		}
		return day + 1
	}
	return day
}

func weekdayOf(year int, month time.Month, day int) time.Weekday {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
