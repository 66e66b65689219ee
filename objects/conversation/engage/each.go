package engage

import (
	"errors"
	"sync"
)

// callersMax is how many objects are asked at once.
const callersMax = 16

// each runs call for 0 to n-1, up to callersMax at once, and returns when all
// are done, with their errors joined.
func each(n int, call func(i int) error) error {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex // natively callers wake each other
		failed []error
	)
	places := make(chan struct{}, callersMax)
	for i := range n {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if err := call(i); err != nil {
				mu.Lock()
				failed = append(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}
