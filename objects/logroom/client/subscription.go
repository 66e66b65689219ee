package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
)

// SubscribeOptions say what a subscription begins with.
type SubscribeOptions struct {
	AuthorID string // who is present
	// AfterSeq is the last event that the caller has: 0 for the whole log,
	// less for what happens from now on.
	AfterSeq int64
	Epoch    string // of the caller's events, if it has any
}

// Kind says what an Update is.
type Kind int

// The kinds of updates.
const (
	// KindEvent is the next event: seqs rise, each comes once. A seq is left
	// out only where retention has deleted it.
	KindEvent Kind = iota
	// KindPresence is an author who came or went.
	KindPresence
	// KindConnected is a connection that stands, the first or a later one;
	// Present is who is there.
	KindConnected
	// KindDisconnected is a connection that was lost; the subscription comes
	// back by itself.
	KindDisconnected
	// KindReset says that the log's history is another one: the caller drops
	// its events, and those of the new history follow from the first.
	KindReset
)

// Update is what a subscription brings.
type Update struct {
	Kind     Kind
	Event    Event
	AuthorID string // of KindPresence
	Online   bool
	HeadSeq  int64    // of KindConnected and KindReset
	Present  []string // authors
	Err      error    // why KindDisconnected
}

// Subscription follows a log over any number of connections.
type Subscription struct {
	c       *Client
	logID   string
	author  string
	updates chan Update
	cancel  context.CancelFunc
	ctx     context.Context

	mu    sync.Mutex // of what follows
	after int64      // the last event given; less than 0: none, and no history wanted
	epoch string
	err   error // set before updates is closed
}

// updatesMax is how many updates wait for a slow caller. Then the connection
// is read no further, and the server may close it (1013): it is resumed.
const updatesMax = 256

// Subscribe follows a log until Close. Its goroutine connects at once.
func (c *Client) Subscribe(logID string, o SubscribeOptions) *Subscription {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Subscription{
		c: c, logID: logID, author: o.AuthorID, after: o.AfterSeq, epoch: o.Epoch,
		updates: make(chan Update, updatesMax), cancel: cancel, ctx: ctx,
	}
	go s.run()
	return s
}

// Next waits for the next update. Its error is ctx's, or the end of the
// subscription: ErrClosed, ErrDeleted, or the server's refusal, from then on.
func (s *Subscription) Next(ctx context.Context) (Update, error) {
	select {
	case u, ok := <-s.updates:
		if !ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			return Update{}, s.err
		}
		return u, nil
	case <-ctx.Done():
		return Update{}, ctx.Err()
	}
}

// Position is what SubscribeOptions take to go on behind the last update that
// was made; those that Next has not given yet are counted.
func (s *Subscription) Position() (epoch string, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch, s.after
}

// Close ends the subscription; updates that wait are still given.
func (s *Subscription) Close() { s.cancel() }

// run connects until something final happens.
func (s *Subscription) run() {
	defer close(s.updates)
	for failures := 1; ; failures++ {
		welcomed, err := s.connection()
		if welcomed {
			failures = 1
		}
		if errors.Is(err, errAgain) {
			continue
		}
		var final *Error
		switch {
		case s.ctx.Err() != nil:
			s.end(ErrClosed)
			return
		case errors.As(err, &final) && (final.Status < 500 || final.Status >= closeCodeFirst):
			s.end(err)
			return
		}
		if welcomed {
			s.give(Update{Kind: KindDisconnected, Err: err})
		}
		if sleep(s.ctx, s.c.backoff(failures)) != nil {
			s.end(ErrClosed)
			return
		}
	}
}

func (s *Subscription) end(err error) {
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
}

// closeCodeFirst is the first of the close codes that are the app's own; a
// status below it is HTTP's.
const closeCodeFirst = 4000

// give hands an update over; it waits for the caller.
func (s *Subscription) give(u Update) {
	select {
	case s.updates <- u:
	case <-s.ctx.Done():
	}
}

// dial opens a connection that goes on where the last one ended.
func (s *Subscription) dial() (*websocket.Conn, error) {
	q := url.Values{"authorId": {s.author}}
	s.mu.Lock()
	if s.after >= 0 {
		q.Set("afterSeq", strconv.FormatInt(s.after, 10))
		if s.epoch != "" {
			q.Set("epoch", s.epoch)
		}
	}
	s.mu.Unlock()
	header := http.Header{}
	if t := s.c.token(s.logID); t != "" {
		header.Set("Authorization", "Bearer "+t)
	}
	conn, resp, err := s.c.cfg.Dialer.DialContext(s.ctx, s.c.RealtimeURL(s.logID)+"?"+q.Encode(), header)
	if err != nil && resp != nil && resp.StatusCode >= 400 {
		return nil, errorOf(resp, nil)
	}
	return conn, err
}

// errAgain asks for a new connection at once.
var errAgain = errors.New("connect again")

// connection opens a connection and reads it to its end. welcomed tells
// whether it was one.
func (s *Subscription) connection() (welcomed bool, err error) {
	conn, err := s.dial()
	if err != nil {
		return false, err
	}
	done := make(chan struct{})
	var pinger sync.WaitGroup
	pinger.Go(func() { s.ping(conn, done) })
	defer func() {
		close(done)
		pinger.Wait()
		_ = conn.Close() // it has ended, or is given up
	}()
	for {
		_ = conn.SetReadDeadline(time.Now().Add(3 * s.c.cfg.PingEvery)) // fails only on a closed connection, as the read then does
		_, b, err := conn.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			if final := closeError(closed.Code, closed.Text); final != nil {
				return welcomed, final
			}
		}
		if err != nil {
			return welcomed, err
		}
		kind, err := s.frame(b)
		welcomed = welcomed || kind == "welcome"
		if err != nil {
			return welcomed, err
		}
	}
}

// ping keeps the connection alive until done, and closes it with the
// subscription. Only it writes.
func (s *Subscription) ping(conn *websocket.Conn, done <-chan struct{}) {
	t := time.NewTicker(s.c.cfg.PingEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if conn.WriteMessage(websocket.TextMessage, []byte("ping")) != nil {
				return // the read ends too
			}
		case <-s.ctx.Done():
			_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second)) // a courtesy
			_ = conn.Close()
			return
		case <-done:
			return
		}
	}
}

// message is a frame of the server.
type message struct {
	Type     string
	HeadSeq  int64
	Epoch    string
	Event    Event
	AuthorID string
	State    string
	Presence []struct{ AuthorID string }
}

// frame takes one frame and answers its type.
func (s *Subscription) frame(b []byte) (string, error) {
	if string(b) == "pong" {
		return "pong", nil
	}
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		return "", fmt.Errorf("logs: a frame that is no JSON: %w", err)
	}
	switch m.Type {
	case "welcome":
		s.welcome(&m)
	case "event":
		return m.Type, s.event(m.Event)
	case "presence":
		s.give(Update{Kind: KindPresence, AuthorID: m.AuthorID, Online: m.State == "online"})
	case "reset":
		s.mu.Lock()
		s.after, s.epoch = 0, m.Epoch
		s.mu.Unlock()
		s.give(Update{Kind: KindReset, HeadSeq: m.HeadSeq})
		return m.Type, errAgain
	}
	return m.Type, nil // "deleted" is followed by its close
}

func (s *Subscription) welcome(m *message) {
	s.mu.Lock()
	if s.after < 0 {
		s.after = m.HeadSeq
	}
	if s.epoch == "" {
		s.epoch = m.Epoch
	}
	s.mu.Unlock()
	u := Update{Kind: KindConnected, HeadSeq: m.HeadSeq}
	for _, p := range m.Presence {
		u.Present = append(u.Present, p.AuthorID)
	}
	s.give(u)
}

// event gives an event once. What lies between it and the last one, which is
// nothing as a rule, is read first.
func (s *Subscription) event(e Event) error {
	s.mu.Lock()
	after := s.after
	s.mu.Unlock()
	for e.Seq > after+1 {
		page, err := s.c.Read(s.ctx, s.logID, ReadOptions{AfterSeq: after, BeforeSeq: e.Seq, Limit: 1000})
		if err != nil {
			return err
		}
		for _, missed := range page.Events {
			s.pass(missed)
			after = missed.Seq
		}
		if !page.HasMore {
			break // what is missing is past its retention
		}
	}
	if e.Seq > after {
		s.pass(e)
	}
	return nil
}

func (s *Subscription) pass(e Event) {
	s.mu.Lock()
	s.after = e.Seq
	s.mu.Unlock()
	s.give(Update{Kind: KindEvent, Event: e})
}
