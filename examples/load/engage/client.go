package engage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// call is one request and what it must answer.
type call struct {
	kind         string // under which it is measured
	method, path string
	body         any
	want         int
	orWant       int // another status that is right; 0: none
	into         any // nil: the answer is not looked at
}

// triesMax is how often a call is made that is answered 503; retryFirst is how
// long the second one waits where the host does not say, doubled each time.
const (
	triesMax   = 8
	retryFirst = 100 * time.Millisecond
)

// call makes a call, again where the host has too much to do, and measures
// each try. Any answer but the wanted one is an error that wraps ErrWrong.
func (r *run) call(ctx context.Context, c call) error {
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return err
		}
	}
	wait := retryFirst
	for try := 1; ; try++ {
		status, answer, after, err := r.try(ctx, c, body)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w: %s: %w", ErrWrong, c.kind, err)
		}
		if status == c.want || status == c.orWant {
			if c.into == nil {
				return nil
			}
			return json.Unmarshal(answer, c.into)
		}
		if status != http.StatusServiceUnavailable || try == triesMax {
			return fmt.Errorf("%w: %s: %s %s answered %d, want %d: %.300s", ErrWrong, c.kind, c.method, c.path, status, c.want, answer)
		}
		r.calls.refuse()
		if err := pause(ctx, max(wait, after)); err != nil {
			return err
		}
		wait *= 2
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// try sends a request once; after is what a Retry-After asks for.
func (r *run) try(ctx context.Context, c call, body []byte) (status int, answer []byte, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, c.method, r.cfg.URL+c.path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("X-User-Id", "u000")
	began := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, nil, 0, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, 0, err
	}
	r.calls.add(c.kind, time.Since(began))
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		after = time.Duration(s) * time.Second
	}
	return resp.StatusCode, answer, after, nil
}
