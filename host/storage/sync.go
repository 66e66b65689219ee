package storage

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// syncer waits for the syncs of applied batches.
//
//  1. apply pushes a batch after Pebble has queued it for its sync.
//  2. one goroutine takes the batches in that order, waits for each, and
//     calls durable. Pebble syncs many batches at once: most waits are over
//     when they begin.
//  3. the first error goes to failed; every later batch gets its own error
//     from Pebble, whose log takes nothing after a failure.
type syncer struct {
	queue  chan syncRequest
	done   sync.WaitGroup
	failed func(error)
}

type syncRequest struct {
	batch   *pebble.Batch
	durable func(error)
}

func (s *syncer) start(failed func(error)) {
	s.failed = failed
	s.done.Go(s.run)
}

// push waits while the queue is full.
func (s *syncer) push(batch *pebble.Batch, durable func(error)) {
	s.queue <- syncRequest{batch, durable}
}

// stop returns when all pushed batches are decided. Nothing is pushed after.
func (s *syncer) stop() {
	close(s.queue)
	s.done.Wait()
}

func (s *syncer) run() {
	for request := range s.queue {
		err := request.batch.SyncWait()
		if err != nil {
			s.failed(err)
		} else {
			err = request.batch.Close()
		}
		if request.durable != nil {
			request.durable(err)
		}
	}
}
