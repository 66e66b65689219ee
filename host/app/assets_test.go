package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func openAssets(t *testing.T, notFound string, withGuest bool, files map[string]string) (*Assets, string) {
	t.Helper()
	dir := tree(t, files)
	c := &Config{Name: "a", Assets: &AssetsConfig{Directory: filepath.Join(dir, "public"), NotFoundHandling: notFound}}
	if withGuest {
		c.Guest = &Guest{}
	}
	a, err := OpenAssets(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, c.Assets.Directory
}

func header(r abi.Response, name string) string {
	for _, h := range r.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

var site = map[string]string{
	"public/index.html": "home", "public/404.html": "not here", "public/app.JS": "js", "public/noext": "bytes", "public/a b/c%d.txt": "odd name",
	"public/docs/index.html": "docs", "public/docs/404.html": "no such page", "public/docs/deep/x.css": "css", "public/empty/keep.txt": "",
	"public/.env": "secret", "public/.well-known/security.txt": "contact", "public/_headers": "x", "secret.txt": "outside",
}

func TestAssets_FindsFiles(t *testing.T) {
	a, _ := openAssets(t, pageNone, true, site)
	for path, want := range map[string]string{
		"/":                         "home",
		"/index.html":               "home",
		"/app.JS":                   "js",
		"/noext":                    "bytes",
		"/a%20b/c%25d.txt":          "odd name",
		"/docs/":                    "docs",
		"/docs/deep/x.css":          "css",
		"/.well-known/security.txt": "contact",
		"/empty/keep.txt":           "",
	} {
		if r, found := a.Serve("GET", path, ""); !found || r.Status != 200 || string(r.Body) != want {
			t.Errorf("%s: %d %q, %v; want %q", path, r.Status, r.Body, found, want)
		}
	}
	for path, want := range map[string]string{"/app.JS": "text/javascript; charset=utf-8", "/docs/": "text/html; charset=utf-8", "/noext": "application/octet-stream"} {
		if r, _ := a.Serve("HEAD", path, ""); header(r, "Content-Type") != want {
			t.Errorf("%s has type %q, want %q", path, header(r, "Content-Type"), want)
		}
	}
	if r, found := a.Serve("GET", "/docs", ""); !found || r.Status != 307 || header(r, "Location") != "/docs/" {
		t.Errorf("a directory without its slash: %+v, %v", r, found)
	}
}

func TestAssets_LeavesTheRestToTheWorker(t *testing.T) {
	a, dir := openAssets(t, page404, true, site)
	if err := os.Symlink("../secret.txt", filepath.Join(dir, "out.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(dir, "up")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("index.html", filepath.Join(dir, "in.html")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"", "x", "/none", "/docs/none", "/docs/deep", "/docs/deep/", "/app.JS/", "/app.JS/x", "/index.html%00", "/docs//index.html", "//docs/index.html", "/docs\\index.html", "/docs%5Cindex.html",
		"/../secret.txt", "/docs/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%zz", "/.env", "/_headers", "/out.txt", "/up/secret.txt", "/up",
	} {
		if r, found := a.Serve("GET", path, ""); found {
			t.Errorf("%q: got %d %q", path, r.Status, r.Body)
		}
	}
	if _, found := a.Serve("POST", "/", ""); found {
		t.Error("a POST was answered")
	}
	if r, found := a.Serve("GET", "/in.html", ""); !found || string(r.Body) != "home" {
		t.Errorf("a link within the directory: %+v, %v", r, found)
	}
}

func TestAssets_NotFoundHandling(t *testing.T) {
	for _, test := range []struct {
		handling, path, body string
		status               uint32
	}{
		{pageNone, "/none", "", 404},
		{page404, "/none", "not here", 404},
		{page404, "/docs/none", "no such page", 404},
		{page404, "/docs/deep/er/none", "no such page", 404},
		{page404, "/docs/deep/", "no such page", 404},
		{page404, "/%zz", "not here", 404},
		{pageSPA, "/any/where", "home", 200},
		{pageSPA, "/docs/deep/x.css", "css", 200},
	} {
		a, _ := openAssets(t, test.handling, false, site)
		r, found := a.Serve("GET", test.path, "")
		if !found || r.Status != test.status || test.body != "" && string(r.Body) != test.body {
			t.Errorf("%s %s: %d %q, %v; want %d %q", test.handling, test.path, r.Status, r.Body, found, test.status, test.body)
		}
	}
	a, _ := openAssets(t, page404, false, map[string]string{"public/index.html": ""})
	if r, _ := a.Serve("GET", "/none", ""); r.Status != 404 || !strings.Contains(string(r.Body), `"code":"not_found"`) {
		t.Errorf("without a 404.html: %d %q", r.Status, r.Body)
	}
	if r, found := a.Serve("POST", "/", ""); !found || r.Status != 405 || header(r, "Allow") != "GET, HEAD" {
		t.Errorf("POST without a guest: %+v, %v", r, found)
	}
}

func TestAssets_ETags(t *testing.T) {
	a, dir := openAssets(t, pageNone, true, site)
	first, _ := a.Serve("GET", "/app.JS", "")
	etag := header(first, "ETag")
	for _, list := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if r, found := a.Serve("GET", "/app.JS", list); !found || r.Status != 304 || r.Body != nil || header(r, "ETag") != etag {
			t.Errorf("If-None-Match %s: %+v", list, r)
		}
	}
	if r, _ := a.Serve("GET", "/app.JS", `"x"`); r.Status != 200 {
		t.Errorf("another ETag: %d", r.Status)
	}
	file := filepath.Join(dir, "app.JS")
	write(t, file, "JS")
	if err := os.Chtimes(file, time.Time{}, time.Unix(1_700_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	if r, _ := a.Serve("GET", "/app.JS", etag); r.Status != 200 || string(r.Body) != "JS" {
		t.Errorf("after a change: %d %q", r.Status, r.Body)
	}
}

func TestAssets_CacheIsBounded(t *testing.T) {
	big := strings.Repeat("x", 20<<20)
	a, _ := openAssets(t, pageNone, true, map[string]string{"public/1": big, "public/2": big, "public/3": big, "public/4": big, "public/long": big + big})
	for _, path := range []string{"/1", "/2", "/3", "/4", "/1"} {
		if r, _ := a.Serve("GET", path, ""); len(r.Body) != len(big) {
			t.Errorf("%s has %d bytes", path, len(r.Body))
		}
		if a.bytes > assetCacheBytesMax {
			t.Errorf("the cache holds %d bytes", a.bytes)
		}
	}
	if r, found := a.Serve("GET", "/long", ""); !found || r.Status != 500 {
		t.Errorf("a file beyond the limit: %d, %v", r.Status, found)
	}
}
