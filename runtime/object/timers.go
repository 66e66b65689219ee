package object

import "time"

// askAfter is how long a guest that has read its clock may keep a timer to
// itself: asking after each event would cost more than the event.
const askAfter = 5 * time.Millisecond

// askTimers pumps a guest that may have armed a timer, a little later.
func (o *Object) askTimers() {
	if o.asking || o.guest == nil || !o.guest.ClockRead() {
		return
	}
	o.asking = true
	life := o.life
	o.dir.cfg.After(askAfter, func() {
		o.post(func() {
			o.asking = false
			if o.life == life && o.guest != nil && o.guest.ClockRead() {
				o.turn(Guest.Tick)
			}
		})
	})
}

// armTimer wakes the loop for the guest's next timer.
func (o *Object) armTimer() {
	if o.frozen != nil {
		return // armed as it was
	}
	o.askTimers()
	at := int64(0)
	if o.guest != nil {
		at, _ = o.guest.Deadline()
	}
	if at == o.timerAt {
		return
	}
	if o.timer != nil {
		o.timer.Stop()
	}
	o.timer, o.timerAt = nil, at
	if at == 0 {
		return
	}
	life := o.life
	o.timer = o.dir.cfg.Clock.AfterFunc(time.Duration(at-o.dir.cfg.Clock.Mono()), func() {
		o.post(func() {
			if o.life == life && o.live {
				o.timerAt = 0
				o.turn(Guest.Tick)
			}
		})
	})
}
