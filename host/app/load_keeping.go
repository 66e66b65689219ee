package app

import "fmt"

// The most that storage settings may be.
const (
	historyDaysMax = 3650
	keepMiBMax     = 1 << 30
	keepObjectsMax = 1 << 40
)

// loadKeeping reads holdfast.history_days and holdfast.classes[].
func (l *loader) loadKeeping(own *object) {
	if days := own.days("history_days"); days != nil {
		l.Keeping = append(l.Keeping, Keeping{HistoryDays: days})
	}
	seen := map[string]bool{}
	for i, o := range own.children("classes") {
		k := Keeping{
			Class: o.need("class"), HistoryDays: o.days("history_days"),
			ObjectMiB: o.number("object_mib", keepMiBMax), TotalMiB: o.number("total_mib", keepMiBMax),
			Objects: o.number("objects", keepObjectsMax),
		}
		if seen[k.Class] {
			own.fail(fmt.Sprintf("classes[%d].class", i), "the class %s stands twice", k.Class)
		}
		seen[k.Class] = true
		o.end()
		l.Keeping = append(l.Keeping, k)
	}
}

// days reads a number of days, nil where it is not set.
func (o *object) days(name string) *int {
	if _, ok := o.fields[name]; !ok {
		return nil
	}
	days := o.between(name, 0, historyDaysMax)
	return &days
}
