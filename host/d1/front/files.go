package front

import (
	"bufio"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// filesPath begins the addresses of files. Whoever knows one may use it: that
// is what signed URLs are.
const filesPath = "/client/v4/d1-files/"

// files are the texts of exports that wait to be fetched and of imports that
// wait to be run.
type files struct {
	max  int
	keep time.Duration

	mu      sync.Mutex
	byToken map[string]*file
}

// file is one of them.
type file struct {
	path     string
	name     string // that the client sees
	etag     string // MD5 in hex, announced before an upload
	database string
	ready    bool
	upload   bool
	timer    *time.Timer
}

// add keeps a file for a while and returns its token.
func (f *files) add(entry *file) (token string, err error) {
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails
	token = hex.EncodeToString(random[:])
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.byToken) >= f.max {
		return "", errors.Join(&d1.Error{Kind: d1.KindOverloaded, Message: "Too many exports and imports are under way.", Retryable: true}, os.Remove(entry.path))
	}
	f.byToken[token] = entry
	entry.timer = time.AfterFunc(f.keep, func() { _ = f.drop(token) }) // at worst the file stays until the next start
	return token, nil
}

// find is the file that has been uploaded for a database under a name.
func (f *files) find(token string) (file, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entry, ok := f.byToken[token]
	if !ok {
		return file{}, false
	}
	return *entry, true
}

func (f *files) drop(token string) error {
	f.mu.Lock()
	entry, ok := f.byToken[token]
	delete(f.byToken, token)
	f.mu.Unlock()
	if !ok {
		return nil
	}
	entry.timer.Stop()
	return os.Remove(entry.path)
}

func (f *files) close() error {
	f.mu.Lock()
	var tokens []string
	for token := range f.byToken {
		tokens = append(tokens, token)
	}
	f.mu.Unlock()
	var errs []error
	for _, token := range tokens {
		errs = append(errs, f.drop(token))
	}
	return errors.Join(errs...)
}

// file answers a file's address: GET for an export, PUT for an import.
func (f *Front) file(ctx *fasthttp.RequestCtx, token string) {
	entry, ok := f.files.find(token)
	switch {
	case !ok:
		answer(ctx, fasthttp.StatusNotFound, []byte(`{"success":false,"errors":[{"code":7404,"message":"There is no such file, or it is too old."}],"messages":[],"result":null}`))
	case ctx.IsGet() && !entry.upload:
		sendFile(ctx, entry.path, "application/sql", func() {})
	case ctx.IsPut() && entry.upload:
		sum := md5.Sum(ctx.PostBody())
		if got := hex.EncodeToString(sum[:]); got != entry.etag {
			restFailure(ctx, invalid("The file's MD5 is "+got+", announced was "+entry.etag))
			return
		}
		if err := os.WriteFile(entry.path, ctx.PostBody(), 0o600); err != nil {
			restFailure(ctx, err)
			return
		}
		f.files.mu.Lock()
		if found := f.files.byToken[token]; found != nil {
			found.ready = true
		}
		f.files.mu.Unlock()
		ctx.Response.Header.Set("ETag", `"`+entry.etag+`"`)
		ctx.SetStatusCode(fasthttp.StatusOK)
	default:
		noRoute(ctx)
	}
}

// sendFile streams a file; done is called when it has left.
func sendFile(ctx *fasthttp.RequestCtx, path, contentType string, done func()) {
	opened, err := os.Open(path)
	if err != nil {
		done()
		restFailure(ctx, err)
		return
	}
	info, err := opened.Stat()
	if err != nil {
		_ = opened.Close() // was only read
		done()
		restFailure(ctx, err)
		return
	}
	ctx.SetContentType(contentType)
	ctx.SetBodyStream(&closing{bufio.NewReaderSize(opened, 1<<16), opened, done}, int(info.Size()))
}

// closing is a file that does something more when it is closed.
type closing struct {
	*bufio.Reader
	file *os.File
	done func()
}

// Close is called by the server when the body has been sent.
func (c *closing) Close() error {
	err := c.file.Close()
	c.done()
	return err
}
