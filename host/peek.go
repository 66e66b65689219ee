package host

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Limits of one look into an object.
const (
	peekTimeout  = 30 * time.Second
	peekBytesMax = 4 << 20
	peekRowsMax  = 1000
)

// peek runs fn on the storage of an object that exists, between turns and
// without an instance; what fn changes is dropped.
func (h *Host) peek(ctx context.Context, namespace, id string, byName bool, fn func(o *storage.Object) error) error {
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return err
	}
	if _, stored, err := h.storage.Stat(namespace, r.ID); err != nil || !stored {
		return errors.Join(fmt.Errorf("%w: %s has no object %s", admin.ErrNotFound, namespace, id), err)
	}
	look := func(o *storage.Object) error {
		err := fn(o)
		return errors.Join(err, o.Abort())
	}
	class := h.dir.Class(namespace)
	if class != nil {
		return caller(h.dir.Do(ctx, class, r, func(o *object.Object) error { return look(o.Storage().(*storage.Object)) }))
	}
	o, err := h.storage.OpenWith(r, storage.ObjectOptions{})
	if err != nil {
		return caller(err)
	}
	return caller(errors.Join(look(o), o.Close()))
}

// KV lists an object's kv entries in order, from behind a key.
func (h *Host) KV(ctx context.Context, namespace, id string, byName bool, prefix, after string, limit int) (entries []admin.Entry, next string, err error) {
	err = h.peek(ctx, namespace, id, byName, func(o *storage.Object) error {
		size := 0
		options := store.ListOptions{Prefix: prefix, StartAfter: after, HasStartAfter: after != ""}
		return o.List(options, func(key string, value []byte) bool {
			if len(entries) == limit || size > peekBytesMax {
				next = entries[len(entries)-1].Key
				return false
			}
			size += len(key) + len(value)
			entries = append(entries, admin.Entry{Key: key, Value: base64.StdEncoding.EncodeToString(value)})
			return true
		})
	})
	return entries, next, err
}

// errWrites ends a look that would change something.
var errWrites = errors.New("the statement writes")

// SQL runs statements on an object's database. What only reads leaves the
// instance alone; what writes discards it first, and is durable on return.
func (h *Host) SQL(ctx context.Context, namespace, id string, byName bool, query string, params []any) (out admin.Rows, err error) {
	args, err := sqlArgs(params)
	if err != nil {
		return out, err
	}
	err = h.peek(ctx, namespace, id, byName, func(o *storage.Object) error {
		if out, err = sqlRows(o, query, args); err == nil && o.Dirty() {
			return errWrites
		}
		return err
	})
	if !errors.Is(err, errWrites) {
		return out, statementFault(err)
	}
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return out, err
	}
	err = h.rewrite(ctx, r, "Durable Object reset because an operator wrote to its database.", func(o *storage.Object, durable func(error)) (bool, error) {
		if out, err = sqlRows(o, query, args); err != nil {
			return false, errors.Join(err, o.Abort())
		}
		return o.Commit(durable)
	})
	return out, statementFault(err)
}

// statementFault says that a failed statement is the caller's.
func statementFault(err error) error {
	var fault *store.SQLError
	if errors.As(err, &fault) || errors.Is(err, store.ErrTransactionSQL) || errors.Is(err, store.ErrAborted) {
		return fmt.Errorf("%w: %w", admin.ErrConflict, err)
	}
	return err
}

func sqlRows(o *storage.Object, query string, args []abi.Value) (out admin.Rows, err error) {
	o.SetDeadline(time.Now().Add(peekTimeout))
	defer o.SetDeadline(time.Time{})
	c, err := o.Exec(query, args)
	if err != nil {
		return out, err
	}
	out = admin.Rows{Columns: c.Columns(), Rows: [][]any{}}
	size := 0
	for {
		row, ok, err := c.Next(nil)
		if err != nil {
			return out, err
		}
		if !ok {
			break
		}
		if len(out.Rows) == peekRowsMax || size > peekBytesMax {
			out.More = true
			continue // a statement that writes runs to its end
		}
		values := make([]any, len(row))
		for i := range row {
			values[i] = jsonValue(&row[i])
			size += 9 + len(row[i].Bytes)
		}
		out.Rows = append(out.Rows, values)
	}
	out.RowsRead, out.RowsWritten = c.RowsRead(), c.RowsWritten()
	return out, c.Close()
}

// jsonValue is a value of SQL as JSON has it; a blob is {"base64": …}.
func jsonValue(v *abi.Value) any {
	switch v.Kind {
	case abi.ValueInteger:
		return v.Int
	case abi.ValueFloat:
		if text := strconv.FormatFloat(v.Float, 'g', -1, 64); !json.Valid([]byte(text)) {
			return text // an infinity
		}
		return v.Float
	case abi.ValueText:
		return string(v.Bytes)
	case abi.ValueBlob:
		return map[string]string{"base64": base64.StdEncoding.EncodeToString(v.Bytes)}
	}
	return nil
}

// sqlArgs are the parameters of a statement, from JSON.
func sqlArgs(params []any) ([]abi.Value, error) {
	var args []abi.Value
	for i, p := range params {
		switch p := p.(type) {
		case nil:
			args = append(args, abi.Null())
		case bool:
			n := int64(0)
			if p {
				n = 1
			}
			args = append(args, abi.Integer(n))
		case string:
			args = append(args, abi.Text(p))
		case json.Number:
			if n, err := p.Int64(); err == nil {
				args = append(args, abi.Integer(n))
			} else if f, err := p.Float64(); err == nil {
				args = append(args, abi.Float(f))
			} else {
				return nil, fmt.Errorf("%w: params[%d] is %s, no number of SQL", admin.ErrConflict, i, p)
			}
		case map[string]any:
			text, _ := p["base64"].(string)
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil || len(p) != 1 {
				return nil, fmt.Errorf(`%w: params[%d] must be null, a boolean, number, string or {"base64":…}`, admin.ErrConflict, i)
			}
			args = append(args, abi.Blob(b))
		default:
			return nil, fmt.Errorf(`%w: params[%d] must be null, a boolean, number, string or {"base64":…}`, admin.ErrConflict, i)
		}
	}
	return args, nil
}
