package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Event is one entry of a log.
type Event struct {
	ID        string    `json:"id"`
	LogID     string    `json:"logId"`
	Seq       int64     `json:"seq"` // from 1, without gaps, never used twice
	AuthorID  string    `json:"authorId"`
	Content   string    `json:"content"`
	CreatedAt time.Time `json:"createdAt"`
}

// Metadata is what a log is.
type Metadata struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	OwnerNamespace string    `json:"ownerNamespace"`
	CreatedAt      time.Time `json:"createdAt"`
	RetentionDays  *int      `json:"retentionDays"` // nil: for ever
	HeadSeq        int64     `json:"headSeq"`
	Epoch          string    `json:"epoch"`
	Connections    int       `json:"connections"`
}

// CreateOptions are a new log. ID and Secret may be empty: the server makes
// them.
type CreateOptions struct {
	ID             string `json:"id,omitempty"`
	Name           string `json:"name"`
	OwnerNamespace string `json:"ownerNamespace"`
	Secret         string `json:"secret,omitempty"`
	RetentionDays  *int   `json:"retentionDays,omitempty"`
}

// Created is a log that was made, and its secret, also where the caller chose
// it.
type Created struct {
	Metadata
	Secret string `json:"secret"`
}

// Create makes a log under an owner namespace. It is sent once: after a lost
// connection the log may exist, and its ID, if it was chosen, be ErrConflict.
// The client remembers the secret.
func (c *Client) Create(ctx context.Context, o CreateOptions) (*Created, error) {
	out := &Created{}
	if _, err := c.do(ctx, call{method: http.MethodPost, path: "/logs", token: c.cfg.OwnerKey, body: o, into: out}); err != nil {
		return nil, err
	}
	if out.Secret == "" {
		out.Secret = o.Secret
	}
	c.UseSecret(out.ID, out.Secret)
	return out, nil
}

// Metadata describes a log; ErrNotFound where there is none.
func (c *Client) Metadata(ctx context.Context, logID string) (*Metadata, error) {
	out := &Metadata{}
	if _, err := c.do(ctx, call{method: http.MethodGet, path: logPath(logID), token: c.token(logID), repeat: true, into: out}); err != nil {
		return nil, err
	}
	return out, nil
}

// AppendOptions are a new event. Key, the idempotency key, is made where it is
// empty, so that a repeated request appends once; give one to repeat over a
// restart of the caller.
type AppendOptions struct {
	AuthorID string `json:"authorId"`
	Content  string `json:"content"`
	Key      string `json:"key,omitempty"`
}

// Append appends an event; when it returns the event is durable. It is tried
// again until it succeeds, is refused, or Config.Tries are used up.
func (c *Client) Append(ctx context.Context, logID string, o AppendOptions) (*Event, error) {
	if o.Key == "" {
		o.Key = newKey()
	}
	out := &Event{}
	if _, err := c.do(ctx, call{method: http.MethodPost, path: logPath(logID) + "/events", token: c.token(logID), body: o, repeat: true, into: out}); err != nil {
		return nil, err
	}
	return out, nil
}

// AppendAll appends up to 500 events as one: all or none, with consecutive
// seqs. Keys are made as by Append.
func (c *Client) AppendAll(ctx context.Context, logID string, events []AppendOptions) ([]Event, error) {
	keyed := make([]AppendOptions, len(events))
	for i, o := range events {
		if keyed[i] = o; o.Key == "" {
			keyed[i].Key = newKey()
		}
	}
	var out struct{ Events []Event }
	body := map[string]any{"events": keyed}
	if _, err := c.do(ctx, call{method: http.MethodPost, path: logPath(logID) + "/events:batch", token: c.token(logID), body: body, repeat: true, into: &out}); err != nil {
		return nil, err
	}
	return out.Events, nil
}

// ReadOptions bound a read by seq. Zero fields mean no bound.
type ReadOptions struct {
	AfterSeq  int64 // exclusive
	BeforeSeq int64 // exclusive; 0: none
	Limit     int   // 1 to 1000; 0: the server's 100
	Newest    bool  // newest first
}

// QueryOptions add filters to a read. Dates are exclusive; ContentContains is
// a literal part of the content.
type QueryOptions struct {
	ReadOptions
	AuthorID        string
	ContentContains string
	AfterDate       time.Time
	BeforeDate      time.Time
}

// Page is a part of a log.
type Page struct {
	Events  []Event `json:"events"`
	HeadSeq int64   `json:"headSeq"`
	Epoch   string  `json:"epoch"`
	HasMore bool    `json:"hasMore"`
}

// Read reads a page of events, those just appended included.
func (c *Client) Read(ctx context.Context, logID string, o ReadOptions) (*Page, error) {
	return c.Query(ctx, logID, QueryOptions{ReadOptions: o})
}

// Query reads the events that match.
func (c *Client) Query(ctx context.Context, logID string, o QueryOptions) (*Page, error) {
	out := &Page{}
	path := logPath(logID) + "/events?" + o.values().Encode()
	if _, err := c.do(ctx, call{method: http.MethodGet, path: path, token: c.token(logID), repeat: true, into: out}); err != nil {
		return nil, err
	}
	return out, nil
}

func (o *QueryOptions) values() url.Values {
	q := url.Values{}
	set := func(name, value string, has bool) {
		if has {
			q.Set(name, value)
		}
	}
	set("afterSeq", strconv.FormatInt(o.AfterSeq, 10), o.AfterSeq != 0)
	set("beforeSeq", strconv.FormatInt(o.BeforeSeq, 10), o.BeforeSeq != 0)
	set("limit", strconv.Itoa(o.Limit), o.Limit != 0)
	set("order", "desc", o.Newest)
	set("authorId", o.AuthorID, o.AuthorID != "")
	set("contentContains", o.ContentContains, o.ContentContains != "")
	set("afterDate", o.AfterDate.UTC().Format(time.RFC3339Nano), !o.AfterDate.IsZero())
	set("beforeDate", o.BeforeDate.UTC().Format(time.RFC3339Nano), !o.BeforeDate.IsZero())
	return q
}

// Delete deletes a log for good; it needs the owner key. ErrNotFound where
// there was none.
func (c *Client) Delete(ctx context.Context, logID string) error {
	repeated, err := c.do(ctx, call{method: http.MethodDelete, path: logPath(logID), token: c.cfg.OwnerKey, repeat: true})
	if repeated && errors.Is(err, ErrNotFound) {
		return nil // an earlier try, whose answer was lost, has deleted it
	}
	return err
}
