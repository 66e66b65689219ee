package d1

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	sqlite3driver "github.com/ncruces/go-sqlite3/driver"
	"github.com/tursodatabase/libsql-client-go/libsql"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// This file is all that knows libsql-client-go, and what it does not do as
// one would think:
//
//   - making a connector for file: leaves a goroutine behind: one connector,
//     with one name, serves all local databases.
//   - it drops parameters that have names, and miscounts repeated numbers:
//     parameters are numbered, and counted, here.
//   - a text of several statements is sent without a transaction: only single
//     statements go out, between a BEGIN and a COMMIT of ours.
//   - error codes are dropped, and messages get prefixes: D1's form is
//     rebuilt from SQLite's messages.
//   - a result of rows comes without changes and last row id: a statement
//     that returns no rows is executed, for the others the server is asked.
//   - rows_read and rows_written are dropped: rows returned are counted.
//   - text in a column declared TIMESTAMP or DATETIME comes as a time, its
//     form lost: it is written back as CURRENT_TIMESTAMP writes it.
//   - a blob whose base64 is padded comes as NULL, without an error. libSQL's
//     own server does not pad.
//   - an integer that is no JSON string panics.
//   - after an answer that is not 200 a connection refuses whatever comes next,
//     and says so only then: remote.go drops it at once.
//   - closing a connection asks the server to end its stream, without a
//     deadline, on a goroutine of its own.

// client opens connections.
type client struct{ local driver.Connector }

func newClient(dsn string) (*client, error) {
	connector, err := libsql.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("d1: open libSQL: %w", err)
	}
	return &client{local: connector}, nil
}

// connectLocal is the storage engine's opener for databases.
func (c *client) connectLocal() (*sqlite3.Conn, io.Closer, error) {
	conn, err := c.local.Connect(context.Background())
	if err != nil {
		return nil, nil, err
	}
	raw, ok := conn.(sqlite3driver.Conn)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("d1: libSQL opened a %T", conn), conn.Close())
	}
	return raw.Raw(), conn, nil
}

// openRemote makes a pool of one connection; nothing is sent yet.
func (h *Host) openRemote(src Source) (backend, error) {
	var options []libsql.Option
	if src.Token != "" {
		options = append(options, libsql.WithAuthToken(src.Token))
	}
	connector, err := libsql.NewConnector(src.URL, options...)
	if err != nil {
		return nil, fault(KindInvalid, "%s", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(1)
	return &remote{host: h, pool: pool}, nil
}

// remoteArgs are parameters as the client takes them.
func remoteArgs(params []abi.Value) []any {
	args := make([]any, len(params))
	for i, v := range params {
		switch v.Kind {
		case abi.ValueInteger:
			args[i] = v.Int
		case abi.ValueFloat:
			args[i] = v.Float
		case abi.ValueText:
			args[i] = string(v.Bytes)
		case abi.ValueBlob:
			args[i] = append([]byte{}, v.Bytes...)
		}
	}
	return args
}

// remoteValue is a column as the client gives it.
func remoteValue(v any) (abi.Value, error) {
	switch v := v.(type) {
	case nil:
		return abi.Null(), nil
	case int64:
		return abi.Integer(v), nil
	case float64:
		return abi.Float(v), nil
	case json.Number:
		f, err := v.Float64()
		return abi.Float(f), err
	case string:
		return abi.Text(v), nil
	case []byte:
		return abi.Blob(v), nil
	case bool:
		if v {
			return abi.Integer(1), nil
		}
		return abi.Integer(0), nil
	case time.Time:
		return abi.Text(timestamp(v)), nil
	}
	return abi.Value{}, fault(KindInternal, "The database answered with a %T.", v)
}

func timestamp(t time.Time) string {
	form := "2006-01-02 15:04:05"
	if t.Nanosecond() != 0 {
		form += ".999999999"
	}
	if _, offset := t.Zone(); offset != 0 {
		form += "-07:00"
	}
	return t.Format(form)
}

// remoteKind tells how a statement must be sent to learn what it did.
type remoteKind int

const (
	remoteReads   remoteKind = iota // gives rows, changes nothing
	remoteWrites                    // changes, gives no rows
	remoteReturns                   // does both
)

func kindOf(statement string) remoteKind {
	switch sqltext.FirstWord(statement) {
	case "SELECT", "VALUES", "EXPLAIN", "PRAGMA", "":
		return remoteReads
	case "WITH":
		for _, word := range []string{"INSERT", "UPDATE", "DELETE", "REPLACE"} {
			if sqltext.HasWord(statement, word) {
				return remoteReturns
			}
		}
		return remoteReads
	}
	if sqltext.HasWord(statement, "RETURNING") {
		return remoteReturns
	}
	return remoteWrites
}

// clientPrefixes are what the client and libSQL put before SQLite's message.
var clientPrefixes = regexp.MustCompile(`^(?:failed to execute SQL:[^\n]*\n?|failed to execute statement\n|SQL_[A-Z_]+: |SQLITE_[A-Z_]+: |SQLite error: |SQL string could not be parsed: |\s+)+`)

// httpStatus is how the client reports an answer that is not 200.
// The body's text is missing where it has no key "error".
var httpStatus = regexp.MustCompile(`error code (\d{3}|[A-Z_]+): ?(.*)`)

// serverTimedOut is how servers say that a transaction has lasted too long.
var serverTimedOut = regexp.MustCompile(`(?i)transaction (?:took too long|timed-?out)|operation exceeded timeout`)

// serverTexts are what a host of this kind says of itself, as a server; the
// code at the end may be missing.
var serverTexts = []struct {
	text string
	kind Kind
}{
	{textQueueFull, KindOverloaded}, {textQueueSlow, KindOverloaded}, {textInternal, KindInternal},
	{textDiskFull, KindStorage}, {textTables, KindStorage}, {textReadOnly, KindStorage}, {textSync, KindStorage},
}

// messageCodes finds the code of a message of SQLite.
var messageCodes = []struct{ part, code string }{
	{"UNIQUE constraint failed", "SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)"},
	{"NOT NULL constraint failed", "SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)"},
	{"CHECK constraint failed", "SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)"},
	{"FOREIGN KEY constraint failed", "SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"},
	{"constraint failed", "SQLITE_CONSTRAINT"},
	{"cannot store ", "SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_DATATYPE)"},
	{"not authorized to use function", "SQLITE_ERROR"},
	{"not authorized", "SQLITE_AUTH"},
	{"is prohibited", "SQLITE_AUTH"},
	{"too big", "SQLITE_TOOBIG"},
	{"datatype mismatch", "SQLITE_MISMATCH"},
	{"database is locked", "SQLITE_BUSY"},
	{"disk is full", "SQLITE_FULL"},
	{"interrupted", "SQLITE_INTERRUPT"},
}

// remoteError puts an error of the client into D1's words.
func remoteError(ctx context.Context, err error) error {
	var known *Error
	var network *url.Error
	var op net.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(context.Cause(ctx), context.Canceled):
		return &Error{Kind: KindCanceled, Message: "The query was canceled.", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: KindTimeout, Message: textTimeout, Retryable: true, Cause: err}
	case errors.As(err, &network), errors.As(err, &op), errors.Is(err, driver.ErrBadConn), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Kind: KindUnavailable, Message: textConnection, Retryable: true, Cause: err}
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return &Error{Kind: KindUnavailable, Message: "The remote database did not answer in JSON.", Retryable: true, Cause: err}
	}
	message := err.Error()
	if found := httpStatus.FindStringSubmatch(message); found != nil {
		return remoteRefusal(found[1], found[2], err)
	}
	message = strings.TrimSpace(clientPrefixes.ReplaceAllString(message, ""))
	if serverTimedOut.MatchString(message) {
		return &Error{Kind: KindTimeout, Message: "The remote database ended the transaction: it took too long.", Retryable: true, Cause: err}
	}
	for _, known := range serverTexts {
		if text, _, _ := strings.Cut(known.text, ": SQLITE_"); message == text {
			return &Error{Kind: known.kind, Message: known.text, Retryable: true, Cause: err}
		}
	}
	for _, known := range messageCodes {
		if strings.Contains(message, known.part) {
			return &Error{Kind: KindSQL, Message: message + ": " + known.code, Cause: err}
		}
	}
	return &Error{Kind: KindSQL, Message: message + ": SQLITE_ERROR", Cause: err}
}

// remoteRefusal is an answer of the server's that is not about SQL. A stream
// that it does not know any more has taken its transaction with it; the client
// drops the text of that from libSQL's own server.
func remoteRefusal(code, text string, err error) error {
	switch {
	case code == "400" && (text == "" || strings.Contains(text, "stream has expired")):
		return &Error{Kind: KindUnavailable, Message: "The remote database ended the stream; what was not committed is lost.", Retryable: true, Cause: err}
	case code == "401" || code == "403":
		return &Error{Kind: KindUnauthorized, Message: "The remote database refused the token.", Cause: err}
	case code == "404":
		return &Error{Kind: KindNotFound, Message: "The remote server has no such database.", Cause: err}
	case code[0] == '4' && code != "408" && code != "429":
		return &Error{Kind: KindInternal, Message: "The remote database refused the request (" + code + ").", Cause: err}
	}
	return &Error{Kind: KindUnavailable, Message: textConnection, Retryable: true, Cause: err}
}
