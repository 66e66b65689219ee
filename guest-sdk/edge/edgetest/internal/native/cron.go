package native

import (
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/cron"
)

// trigger is a cron of the app's configuration.
type trigger struct {
	text     string
	schedule *cron.Schedule
	next     time.Time
}

func (w *World) openCrons() error {
	for _, text := range w.cfg.App.Crons {
		s, err := cron.Parse(text)
		if err != nil {
			return err
		}
		w.crons = append(w.crons, &trigger{text, s, s.Next(w.now())})
	}
	return nil
}

// fireCron queues the earliest trigger that is due, if one is.
func (w *World) fireCron() bool {
	var first *trigger
	for _, c := range w.crons {
		if !c.next.After(w.now()) && (first == nil || c.next.Before(first.next)) {
			first = c
		}
	}
	if first == nil {
		return false
	}
	at := first.next
	first.next = first.schedule.Next(w.now())
	if err := w.runCron(first.text, at.UnixMilli(), nil); err != nil {
		w.logs = append(w.logs, fmt.Sprintf("%s ERROR cron %s: %v", w.now().Format("15:04:05.000"), first.text, err))
	}
	return true
}

// runCron queues a run of the worker's scheduled handler.
func (w *World) runCron(text string, ms int64, r reply) error {
	o, err := w.instance()
	if err != nil {
		return err
	}
	return o.push(&event{kind: abi.EventScheduled, message: &abi.ScheduledEvent{Cron: text, ScheduledMs: ms}, reply: r})
}
