package engage

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// timings keep how long each call took, by kind. Safe for any goroutine.
type timings struct {
	mu      sync.Mutex
	kinds   map[string][]time.Duration
	n       int
	refused int // answers of 503, tried again
}

func (t *timings) add(kind string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = map[string][]time.Duration{}
	}
	t.kinds[kind] = append(t.kinds[kind], d)
	t.n++
}

func (t *timings) refuse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused++
}

func (t *timings) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// quantile is the value below which a share of sorted values lies.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// lagEvery and lagMax are how often, and how long, the index is waited for.
const (
	lagEvery = 200 * time.Millisecond
	lagMax   = 10 * time.Minute
)

// readsEach is how often each kind of reading is measured.
const readsEach = 20

// read waits for the index and measures reading: lists, states, reports, the
// proof of the audit trail.
func (r *run) read(ctx context.Context, out io.Writer) error {
	began := time.Now()
	writing := began.Sub(r.began)
	fmt.Fprintf(out, "filled in %.1f s, %.0f calls/s\n", writing.Seconds(), float64(r.calls.total())/writing.Seconds())
	for {
		var lag struct{ Pending, DeadLetters int64 }
		if err := r.call(ctx, call{kind: "ask for the lag", method: "GET", path: r.firm(":lag"), want: 200, into: &lag}); err != nil {
			return err
		}
		if lag.DeadLetters > 0 {
			return fmt.Errorf("%w: %d index rows can never be written", ErrWrong, lag.DeadLetters)
		}
		if lag.Pending <= 1 { // the question itself leaves a row
			break
		}
		if time.Since(began) > lagMax {
			return fmt.Errorf("%w: the index is %d rows behind after %s", ErrWrong, lag.Pending, lagMax)
		}
		if err := pause(ctx, lagEvery); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "the index was complete %.1f s later\n", time.Since(began).Seconds())
	for i := range readsEach {
		for _, path := range []string{
			"/conversations", "/conversations?status=active&practiceArea=family", fmt.Sprintf("/conversations/c%06d", i%r.cfg.Conversations),
			"/reports/attention", "/reports/workload", "/reports/practice-areas?days=30", "/reports/conflicts", "/reports/audit", "/reports/access",
		} {
			kind := "GET " + path
			if strings.Contains(path, "/c0") {
				kind = "GET /conversations/ID"
			}
			if err := r.call(ctx, call{kind: kind, method: "GET", path: r.firm(path), want: 200}); err != nil {
				return err
			}
		}
	}
	return r.prove(ctx, out)
}

// prove walks along the audit trail, in as many calls as the host wants.
func (r *run) prove(ctx context.Context, out io.Writer) error {
	for cursor := ""; ; {
		var proof struct {
			OK               bool
			Rows             int
			BrokenAt, Cursor string
		}
		path := r.firm("/audit:verify?cursor=" + cursor)
		if err := r.call(ctx, call{kind: "GET /audit:verify", method: "GET", path: path, want: 200, orWant: 202, into: &proof}); err != nil {
			return err
		}
		if cursor = proof.Cursor; cursor != "" {
			continue
		}
		if !proof.OK {
			return fmt.Errorf("%w: the audit chain is broken at %s", ErrWrong, proof.BrokenAt)
		}
		fmt.Fprintf(out, "the audit chain of %d rows holds\n", proof.Rows)
		return nil
	}
}

// summary is the table at the end.
func (r *run) summary(out io.Writer) {
	m := &r.made
	fmt.Fprintf(out, "\nmade: %d users, %d conversations (%s, deleted %d), %d messages, %d parties, %d conflicts (%s), %d assignments\n", m.Users, m.Conversations,
		counts(m.Status), m.Deleted, m.Messages, m.Parties, m.Conflicts, counts(m.Fates), m.Assignments)
	fmt.Fprintf(out, "refused with 503 and tried again: %d\n\n%-50s %9s %9s %9s %9s\n", r.calls.refused, "call", "count", "p50 ms", "p99 ms", "max ms")
	kinds := slices.SortedFunc(maps.Keys(r.calls.kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(r.calls.kinds[b]), len(r.calls.kinds[a])), cmp.Compare(a, b))
	})
	for _, k := range kinds {
		d := r.calls.kinds[k]
		slices.Sort(d)
		fmt.Fprintf(out, "%-50s %9d %9.2f %9.2f %9.2f\n", k, len(d), ms(quantile(d, 0.5)), ms(quantile(d, 0.99)), ms(d[len(d)-1]))
	}
	fmt.Fprintf(out, "\nfirm %s, key %s\n", r.cfg.Firm, m.Key)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// counts are a map's numbers as text, in the order of its keys.
func counts(m map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprint(k, " ", m[k]))
	}
	return strings.Join(parts, ", ")
}
