package front

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// bookmarkHeader carries a session's bookmark both ways.
const bookmarkHeader = "x-cf-d1-session-commit-token"

// wire is the protocol between the Workers binding and its database. A list
// is one transaction; the answer is a list, or one object that tells of the
// failure. Clients look at the body alone.
func (f *Front) wire(ctx *fasthttp.RequestCtx, src d1.Source, operation string) {
	switch {
	case operation == "dump":
		wireFailure(ctx, fasthttp.StatusNotFound, "unsupported: dump")
		return
	case !ctx.IsPost():
		wireFailure(ctx, fasthttp.StatusMethodNotAllowed, "Only POST is answered here.")
		return
	}
	statements, batch, err := wireStatements(ctx.PostBody())
	if err != nil {
		wireFailure(ctx, fasthttp.StatusBadRequest, err.Error())
		return
	}
	token := string(ctx.Request.Header.Peek(bookmarkHeader))
	results, bookmark, err := f.host.Query(background(), src, statements, batch, token)
	if err != nil {
		wireFailure(ctx, fasthttp.StatusInternalServerError, asFault(err).Message)
		return
	}
	if token != "" {
		ctx.Response.Header.Set(bookmarkHeader, bookmark)
	}
	format := resultsFormat(appendObjects)
	if string(ctx.QueryArgs().Peek("resultsFormat")) == "ROWS_AND_COLUMNS" {
		format = appendTable
	}
	answer(ctx, fasthttp.StatusOK, appendResults(nil, results, format))
}

func wireStatements(body []byte) (_ []d1.Statement, batch bool, err error) {
	if body = bytes.TrimSpace(body); len(body) > 0 && body[0] == '[' {
		var list []statement
		if err := decode(body, &list); err != nil {
			return nil, false, err
		}
		statements, err := hostStatements(list)
		return statements, true, err
	}
	var one statement
	if err := decode(body, &one); err != nil {
		return nil, false, err
	}
	statements, err := hostStatements([]statement{one})
	return statements, false, err
}

func wireFailure(ctx *fasthttp.RequestCtx, status int, message string) {
	body := appendString([]byte(`{"success":false,"error":`), message)
	answer(ctx, status, append(body, '}'))
}
