package engage

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestEach_AsksAFewAtOnceAndJoinsTheirErrors: callers that wait for each other
// lose no error.
func TestEach_AsksAFewAtOnceAndJoinsTheirErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, calls atomic.Int64
		errOdd := errors.New("odd")
		began := time.Now()
		err := each(5*callersMax, func(i int) error {
			calls.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(time.Second)
			if i%2 == 1 {
				return errOdd
			}
			return nil
		})
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || !errors.Is(err, errOdd) || len(joined.Unwrap()) != 5*callersMax/2 {
			t.Errorf("errors: %v", err)
		}
		if took := time.Since(began); calls.Load() != 5*callersMax || most.Load() != callersMax || took != 5*time.Second {
			t.Errorf("%d calls, %d at once, in %s", calls.Load(), most.Load(), took)
		}
		if err := each(0, func(int) error { return errOdd }); err != nil {
			t.Errorf("of none: %v", err)
		}
	})
}
