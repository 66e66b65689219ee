// Package front puts D1's HTTP interfaces before a d1.Host: the REST API that
// the SDKs and wrangler speak, the wire of the Workers binding, and Hrana,
// which libSQL's clients speak. It owns paths, JSON, status codes and what the
// token of a database allows; it refuses to know operators, who are checked
// before it, and to run SQL.
package front

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// Defaults of Config.
const (
	streamIdleDefault = 10 * time.Second
	streamsMaxDefault = 10_000
	fileKeepDefault   = time.Hour
	filesMaxDefault   = 64
)

// Config of a Front. Zero fields have defaults.
type Config struct {
	Host       *d1.Host      // required; it stays the caller's
	StreamIdle time.Duration // after which a Hrana stream ends (10 s)
	StreamsMax int           // Hrana streams at one time (10,000)
	FileKeep   time.Duration // how long the files of exports and imports are kept (1 h)
	FilesMax   int           // such files at one time (64)
}

// Front answers requests for a host. Its methods may be called from any
// goroutine.
type Front struct {
	host    *d1.Host
	streams *streams
	files   *files
}

// New makes a front. Close it before its host.
func New(cfg Config) *Front {
	if cfg.StreamIdle == 0 {
		cfg.StreamIdle = streamIdleDefault
	}
	if cfg.StreamsMax == 0 {
		cfg.StreamsMax = streamsMaxDefault
	}
	if cfg.FileKeep == 0 {
		cfg.FileKeep = fileKeepDefault
	}
	if cfg.FilesMax == 0 {
		cfg.FilesMax = filesMaxDefault
	}
	return &Front{
		host:    cfg.Host,
		streams: &streams{max: cfg.StreamsMax, idle: cfg.StreamIdle, byName: map[string]*hranaStream{}},
		files:   &files{max: cfg.FilesMax, keep: cfg.FileKeep, byToken: map[string]*file{}},
	}
}

// Close ends all streams, which rolls their transactions back, and drops the
// files of exports and imports.
func (f *Front) Close() error {
	f.streams.close()
	return f.files.close()
}

// grant is what whoever asks may do: everything, or with one database.
type grant struct {
	operator bool
	database string // name
	readOnly bool
}

// allows says whether a request for a database may go on.
func (g grant) allows(name string) error {
	if g.operator || g.database == name {
		return nil
	}
	return &d1.Error{Kind: d1.KindForbidden, Message: "The token is not one of this database."}
}

// source is a database as the asker may use it.
func (g grant) source(name string) (d1.Source, error) {
	return d1.Source{Name: name, ReadOnly: g.readOnly}, g.allows(name)
}

// Handle answers a request and reports whether it was one of D1's. operator
// says that whoever asks may do everything; others need a token of a database,
// or a file's address. It returns when the answer is complete; it keeps
// nothing of ctx.
func (f *Front) Handle(ctx *fasthttp.RequestCtx, operator bool) bool {
	path := string(ctx.Path())
	if rest, ok := strings.CutPrefix(path, filesPath); ok {
		f.file(ctx, rest)
		return true
	}
	isREST := strings.HasPrefix(path, "/client/v4/accounts/")
	isBinding := path == "/query" || path == "/execute" || path == "/dump" // workerd's; its token names the database
	if !isREST && !isBinding && !strings.HasPrefix(path, "/d1/") {
		return false
	}
	g := grant{operator: operator}
	scheme, token, _ := strings.Cut(string(ctx.Request.Header.Peek("Authorization")), " ")
	if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(token, d1.TokenPrefix) {
		name, role, err := f.host.CheckToken(token)
		if err != nil {
			unauthorized(ctx, err)
			return true
		}
		g = grant{database: name, readOnly: role != d1.RoleReadWrite}
	} else if !operator || isBinding {
		return false
	}
	switch {
	case isREST:
		return f.account(ctx, g, strings.TrimPrefix(path, "/client/v4/accounts/"))
	case isBinding:
		return f.named(ctx, g, g.database+path)
	}
	return f.named(ctx, g, strings.TrimPrefix(path, "/d1/"))
}

func (f *Front) account(ctx *fasthttp.RequestCtx, g grant, path string) bool {
	_, rest, _ := strings.Cut(path, "/")
	rest, ok := strings.CutPrefix(rest, "d1/database")
	if !ok || rest != "" && rest[0] != '/' {
		return false
	}
	f.rest(ctx, g, strings.Trim(rest, "/"))
	return true
}

// named answers below /d1/{name}. Where a client has cut the name off, the
// token says it.
func (f *Front) named(ctx *fasthttp.RequestCtx, g grant, path string) bool {
	path = strings.TrimSuffix(path, "/")
	name, operation, found := strings.Cut(path, "/")
	if g.database != "" && (name == "v2" || name == "v3") {
		name, operation, found = g.database, path, true
	}
	isHrana := strings.HasPrefix(operation, "v2") || strings.HasPrefix(operation, "v3")
	if !found || !isHrana && operation != "query" && operation != "execute" && operation != "dump" {
		return false
	}
	src, err := g.source(name)
	switch {
	case err != nil && isHrana:
		hranaFailure(ctx, fasthttp.StatusForbidden, asHrana(err))
	case err != nil:
		wireFailure(ctx, fasthttp.StatusForbidden, asFault(err).Message)
	case isHrana:
		f.hrana(ctx, src, operation)
	default:
		f.wire(ctx, src, operation)
	}
	return true
}

// unauthorized answers a token that is worth nothing, in a shape that all
// clients read.
func unauthorized(ctx *fasthttp.RequestCtx, err error) {
	message := appendString(nil, asFault(err).Message)
	b := append([]byte(`{"success":false,"errors":[{"code":10000,"message":`), message...)
	b = append(append(b, `}],"messages":[],"result":null,"message":`...), message...)
	b = append(append(b, `,"code":"AUTH_JWT_INVALID","error":`...), message...)
	ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
	answer(ctx, fasthttp.StatusUnauthorized, append(b, '}'))
}

// background is the context of all queries: fasthttp does not tell that a
// client went away, and the host has a timeout of its own.
func background() context.Context { return context.Background() }

func answer(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
}

// asFault is the host's error, or one of ours for what is none.
func asFault(err error) *d1.Error {
	var fault *d1.Error
	if errors.As(err, &fault) {
		return fault
	}
	return &d1.Error{Kind: d1.KindInternal, Message: err.Error(), Cause: err}
}

func invalid(message string) error { return &d1.Error{Kind: d1.KindInvalid, Message: message} }
