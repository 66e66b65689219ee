package object

import (
	"context"
	"errors"
	"log/slog"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/gate"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// ready opens the storage and, where no instance has seen it yet, carries
// out the restore that an earlier one has asked for.
func (o *Object) ready() error {
	if err := o.open(); err != nil || o.storage == nil || o.live {
		return err
	}
	t := o.gate.Open()
	changed, err := o.storage.Rewind(t.Durable)
	if changed {
		o.gate.Seal(t, []gate.Effect{o.pokeEffect()}, true)
	}
	if errors.Is(err, store.ErrNoHistory) || errors.Is(err, store.ErrTooLarge) {
		o.log(slog.LevelError, "restore given up", "error", err.Error())
		return nil
	}
	return err
}

// pokeEffect tells the scheduler of the alarm that storage holds now.
func (o *Object) pokeEffect() gate.Effect {
	a, set := o.storage.Alarm()
	return &funcEffect{release: func() {
		if set {
			o.dir.alarms.Poke(a.DueMs)
		}
	}}
}

// dropInstance discards the instance before its storage is changed behind its
// back: what it, or its frozen image, remembers would no longer be true. Loop
// only.
func (o *Object) dropInstance(reason string) {
	if o.live {
		o.crash(&Error{abi.Reset, reason, abi.FailureRetryable})
	}
}

// Rewrite changes an object's storage from outside: a restore, a copy, an
// import. On the object's loop it discards the instance, live or frozen, with
// its unfinished events failed as retryable, then lets change commit, and
// returns when that is durable. Sockets live on. change gets the storage with
// a clean turn; what it answers is whether it has committed anything.
func (d *Directory) Rewrite(ctx context.Context, c *Class, r store.Ref, reason string, change func(s store.Object, durable func(error)) (bool, error)) error {
	settled := make(chan error, 1)
	err := d.Do(ctx, c, r, func(o *Object) error {
		o.dropInstance(reason)
		t := o.gate.Open()
		changed, err := change(o.storage, t.Durable)
		if err != nil && !changed {
			return errors.Join(err, o.storage.Abort())
		}
		effects := []gate.Effect{o.pokeEffect(), &funcEffect{
			release: func() { settled <- nil },
			drop:    func(err error) { settled <- err },
		}}
		o.gate.Seal(t, effects, changed)
		return err
	})
	if err != nil {
		return err
	}
	select {
	case err := <-settled:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AlarmNow sets an object's alarm, as choose answers it, due now: what the
// handler has not begun yet, or has given up, runs. The instance stays.
func (d *Directory) AlarmNow(ctx context.Context, c *Class, r store.Ref, choose func(s store.Object) (store.Alarm, error)) error {
	settled := make(chan error, 1)
	err := d.Do(ctx, c, r, func(o *Object) error {
		if o.alarmRun != nil {
			settled <- nil // it runs already
			return nil
		}
		a, err := choose(o.storage)
		if err != nil {
			return err
		}
		a.DueMs = d.now().UnixMilli()
		if err := o.storage.SetAlarm(a); err != nil {
			return err
		}
		t := o.gate.Open()
		changed, err := o.storage.Commit(t.Durable)
		if err != nil {
			return err
		}
		o.gate.Seal(t, []gate.Effect{o.pokeEffect(), &funcEffect{
			release: func() { settled <- nil },
			drop:    func(err error) { settled <- err },
		}}, changed)
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err := <-settled:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Erase runs erase on an object's loop, with the instance discarded and the
// storage closed, so that the object can be deleted for good.
func (d *Directory) Erase(ctx context.Context, c *Class, r store.Ref, reason string, erase func() error) error {
	return d.Do(ctx, c, r, func(o *Object) error {
		o.dropInstance(reason)
		o.closeStorage()
		return erase()
	})
}
