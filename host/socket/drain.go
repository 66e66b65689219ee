package socket

import (
	"context"
	"time"
)

// drainEvery is the time between two helpings of a drain.
const drainEvery = 20 * time.Millisecond

// drain sends every socket its close frame: DrainPerSecond of them in a
// second, faster where that would take more than half of what ctx leaves, so
// that the last have time to answer.
func (s *Server) drain(ctx context.Context, code int, reason string) {
	all := s.all()
	helping := drainHelping(ctx, len(all), s.cfg.DrainPerSecond)
	for len(all) > 0 {
		n := min(helping, len(all))
		for _, k := range all[:n] {
			k.Close(code, reason)
		}
		if all = all[n:]; len(all) == 0 {
			return
		}
		pause := time.NewTimer(drainEvery)
		select {
		case <-pause.C:
		case <-ctx.Done(): // the rest are told at once; Shutdown cuts them off
			pause.Stop()
			helping = len(all)
		}
	}
}

// drainHelping is how many sockets are closed every drainEvery.
func drainHelping(ctx context.Context, sockets, perSecond int) int {
	if perSecond < 0 {
		return max(sockets, 1)
	}
	helping := max(1, int(int64(perSecond)*int64(drainEvery)/int64(time.Second)))
	if until, ok := ctx.Deadline(); ok {
		turns := max(1, int(time.Until(until)/2/drainEvery))
		helping = max(helping, (sockets+turns-1)/turns)
	}
	return helping
}
