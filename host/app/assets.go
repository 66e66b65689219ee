package app

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

const (
	// assetBytesMax bounds one file, as Cloudflare does.
	assetBytesMax = 25 << 20
	// assetCacheBytesMax bounds what is kept in memory of all files of an
	// app; beyond it the cache begins anew.
	assetCacheBytesMax = 64 << 20
)

var errAssetTooLong = errors.New("asset is too long")

// Assets serves an app's static files. Its methods may be called from any
// goroutine. No path, and no symbolic link, leads out of its directory.
type Assets struct {
	root     *os.Root
	notFound string
	alone    bool // the app has no guest, so what is not found ends here

	mu    sync.Mutex
	cache map[string]*asset
	bytes int
}

// asset is a file as it was when it was read.
type asset struct {
	modified time.Time
	size     int64
	headers  []abi.Header
	etag     string
	body     []byte
}

// OpenAssets opens the directory of c.Assets.
func OpenAssets(c *Config) (*Assets, error) {
	root, err := os.OpenRoot(c.Assets.Directory)
	if err != nil {
		return nil, fmt.Errorf("open assets of app %s: %w", c.Name, err)
	}
	return &Assets{root: root, notFound: c.Assets.NotFoundHandling, alone: c.Guest == nil, cache: map[string]*asset{}}, nil
}

// Close lets go of the directory.
func (a *Assets) Close() error { return a.root.Close() }

// Serve answers a request for requestPath, as it was sent and without its
// query. found is false where the app's worker is to answer: no file is there,
// or the method is not GET or HEAD. An app without a guest always gets an
// answer. The response must not be changed.
func (a *Assets) Serve(method, requestPath, ifNoneMatch string) (resp abi.Response, found bool) {
	if method != http.MethodGet && method != http.MethodHead {
		if !a.alone {
			return abi.Response{}, false
		}
		resp = failure(http.StatusMethodNotAllowed, "method_not_allowed", "assets answer GET and HEAD")
		resp.Headers = append(resp.Headers, abi.Header{Name: "Allow", Value: "GET, HEAD"})
		return resp, true
	}
	name, isDir := assetName(requestPath)
	if name != "" {
		file, redirect, err := a.lookup(name, isDir)
		switch {
		case redirect:
			return abi.Response{Status: http.StatusTemporaryRedirect, Headers: []abi.Header{{Name: "Location", Value: slashed(requestPath)}}}, true
		case err == nil:
			return file.respond(http.StatusOK, ifNoneMatch), true
		case !errors.Is(err, fs.ErrNotExist):
			return failure(http.StatusInternalServerError, "internal", "the asset cannot be read"), true
		}
	}
	if !a.alone {
		return abi.Response{}, false
	}
	return a.NotFound(requestPath), true
}

// slashed is where a directory's page lies. A path that begins with two
// slashes must not become another host.
func slashed(requestPath string) string {
	return "/" + strings.TrimLeft(requestPath, "/") + "/"
}

// NotFound answers a path that no file has by the app's not_found_handling:
// the nearest 404.html, or index.html for a single-page application, or 404.
func (a *Assets) NotFound(requestPath string) abi.Response {
	switch a.notFound {
	case pageSPA:
		if file, err := a.file("index.html"); err == nil {
			return file.respond(http.StatusOK, "")
		}
	case page404:
		name, isDir := assetName(requestPath)
		if isDir {
			name += "/"
		}
		for dir := path.Dir(name + "x"); ; dir = path.Dir(dir) {
			if file, err := a.file(path.Join(dir, "404.html")); err == nil {
				return file.respond(http.StatusNotFound, "")
			}
			if dir == "." {
				break
			}
		}
	}
	return failure(http.StatusNotFound, "not_found", "there is no such asset")
}

// failure is an error in the host's usual shape. The texts hold no quotes.
func failure(status uint32, code, message string) abi.Response {
	return abi.Response{
		Status:  status,
		Headers: []abi.Header{{Name: "Content-Type", Value: "application/json"}},
		Body:    fmt.Appendf(nil, "{\"error\":{\"code\":%q,\"message\":%q}}\n", code, message),
	}
}

// assetName is the file's name that a path means; "": none. isDir says that
// the path ends with a slash.
func assetName(requestPath string) (name string, isDir bool) {
	plain, err := url.PathUnescape(requestPath)
	if err != nil || strings.ContainsAny(plain, "\\\x00") || !strings.HasPrefix(plain, "/") {
		return "", false
	}
	name, isDir = strings.CutSuffix(plain[1:], "/")
	if plain == "/" {
		return ".", true
	}
	if !fs.ValidPath(name) {
		return "", false
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment[0] == '.' && segment != ".well-known" || segment == "_headers" || segment == "_redirects" {
			return "", false
		}
	}
	return name, isDir
}

// lookup finds the file of a name: itself, or the index.html of a directory.
// redirect says that the path of a directory lacks its slash.
func (a *Assets) lookup(name string, isDir bool) (file *asset, redirect bool, err error) {
	info, err := a.root.Stat(name)
	switch {
	case err != nil:
		return nil, false, fs.ErrNotExist // a link that leads out is not there either
	case info.IsDir():
		file, err = a.file(path.Join(name, "index.html"))
		return file, err == nil && !isDir, err
	case isDir:
		return nil, false, fs.ErrNotExist
	}
	file, err = a.file(name)
	return file, false, err
}

// file reads a file, or takes it from the cache if it has not changed.
func (a *Assets) file(name string) (*asset, error) {
	f, err := a.root.Open(name)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	a.mu.Lock()
	kept := a.cache[name]
	a.mu.Unlock()
	if kept != nil && kept.modified.Equal(info.ModTime()) && kept.size == info.Size() {
		return kept, nil
	}
	body, err := io.ReadAll(io.LimitReader(f, assetBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read asset %s: %w", name, err)
	}
	if len(body) > assetBytesMax {
		return nil, fmt.Errorf("%s: %w", name, errAssetTooLong)
	}
	return a.keep(name, info, body), nil
}

func (a *Assets) keep(name string, info fs.FileInfo, body []byte) *asset {
	sum := sha256.Sum256(body)
	file := &asset{modified: info.ModTime(), size: info.Size(), body: body, etag: `"` + hex.EncodeToString(sum[:16]) + `"`}
	file.headers = []abi.Header{
		{Name: "Content-Type", Value: mediaType(name)},
		{Name: "ETag", Value: file.etag},
		{Name: "Cache-Control", Value: "public, max-age=0, must-revalidate"},
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.cache[name]; old != nil {
		a.bytes -= len(old.body)
	}
	if a.bytes+len(body) > assetCacheBytesMax {
		clear(a.cache)
		a.bytes = 0
	}
	a.cache[name] = file
	a.bytes += len(body)
	return file
}

func (f *asset) respond(status uint32, ifNoneMatch string) abi.Response {
	if status == http.StatusOK && etagMatches(ifNoneMatch, f.etag) {
		return abi.Response{Status: http.StatusNotModified, Headers: f.headers[1:]}
	}
	return abi.Response{Status: status, Headers: f.headers, Body: f.body}
}

// etagMatches compares weakly, as If-None-Match asks.
func etagMatches(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == etag || item == "*" {
			return true
		}
	}
	return false
}
