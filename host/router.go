package host

import (
	"fmt"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/host/ingress"
)

// router is the routes in force and what is behind them.
type router struct {
	match  *app.Router
	apps   map[string]*running
	assets []*running // apps with assets; their files win where they exist
	start  bool       // nobody claims "/"
}

// route puts the routes of the current apps in force.
func (h *Host) route() error {
	apps := h.running()
	r := &router{apps: map[string]*running{}}
	configs := make([]*app.Config, len(apps))
	for i, a := range apps {
		configs[i] = a.cfg
		r.apps[a.name] = a
	}
	var err error
	if r.match, err = app.NewRouter(configs); err != nil {
		return err
	}
	_, claimed := r.match.Match("localhost", "/")
	r.start = !claimed
	h.router.Store(r)
	return nil
}

// Route finds what answers a path.
func (h *Host) Route(host, path string) (ingress.Target, bool) {
	r := h.router.Load()
	if r == nil {
		return nil, false
	}
	m, ok := r.match.Match(host, path)
	if !ok {
		if path == "/" && r.start {
			return &startPage{h}, true
		}
		return nil, false
	}
	a := r.apps[m.App]
	limit := m.BodyBytesMax
	if limit == 0 {
		limit = int64(pick(a.cfg.Limits.BodyMiB, h.cfg.Limits.BodyMiB)) << 20
	}
	switch m.Kind {
	case app.KindObject:
		class := h.namespace(a, m.Binding)
		if class == nil {
			return nil, false
		}
		return &objectTarget{h: h, class: class, name: m.Name, limit: limit, a: a}, true
	case app.KindAssets:
		return &assetsTarget{a: a}, true
	}
	if a.assets != nil && !a.cfg.Assets.RunWorkerFirst {
		return &assetsTarget{a: a, next: workerOf(a, limit)}, true
	}
	if w := workerOf(a, limit); w != nil {
		return w, true
	}
	return nil, false
}

func workerOf(a *running, limit int64) ingress.Target {
	if a.workers == nil {
		return nil
	}
	return &workerTarget{pool: a.workers, limit: limit, a: a}
}

// assetsTarget serves an app's files, and leaves the rest to its worker.
type assetsTarget struct {
	a    *running
	next ingress.Target // nil: files only
}

// BodyBytesMax is the worker's.
func (t *assetsTarget) BodyBytesMax() int64 {
	if t.next == nil {
		return 0
	}
	return t.next.BodyBytesMax()
}

// Serve answers with a file where there is one.
func (t *assetsTarget) Serve(x *ingress.Exchange) {
	match := ""
	for _, h := range x.Request.Headers {
		if strings.EqualFold(h.Name, "If-None-Match") {
			match = h.Value
		}
	}
	resp, found := t.a.assets.Serve(x.Request.Method, x.Path, match)
	if !found && t.next != nil {
		t.next.Serve(x)
		return
	}
	if !found && resp.Status == 0 {
		x.Fail(404, "not_found", "no such path")
		return
	}
	x.Respond(&resp)
}

// startPage lists what runs, where no app claims "/".
type startPage struct{ h *Host }

// BodyBytesMax is small: nothing is read.
func (p *startPage) BodyBytesMax() int64 { return 1 }

// Serve answers with the page.
func (p *startPage) Serve(x *ingress.Exchange) {
	var b strings.Builder
	b.WriteString(startHead)
	for _, a := range p.h.running() {
		fmt.Fprintf(&b, "<li><strong>%s</strong>: ", escape(a.name))
		for i, r := range a.cfg.Routes {
			if i > 0 {
				b.WriteString(", ")
			}
			if link, ok := linkOf(r.Pattern); ok {
				fmt.Fprintf(&b, `<a href="%s">%s</a>`, escape(link), escape(r.Pattern))
			} else {
				fmt.Fprintf(&b, "<code>%s</code>", escape(r.Pattern))
			}
		}
		b.WriteString("</li>\n")
	}
	b.WriteString("</ul>\n</main></body></html>\n")
	x.Respond(&abi.Response{Status: 200, Headers: []abi.Header{{Name: "Content-Type", Value: "text/html; charset=utf-8"}}, Body: []byte(b.String())})
}

// linkOf is a path that a route can be opened at.
func linkOf(pattern string) (string, bool) {
	p := strings.TrimSuffix(pattern, "*")
	return p, strings.HasPrefix(p, "/") && !strings.ContainsAny(p, ":*") && strings.HasSuffix(pattern, "/*")
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace

const startHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:42rem;padding:0 1rem;color:#1b1f24;background:#fff}
@media (prefers-color-scheme:dark){body{color:#e6e8ea;background:#16191d}a{color:#8ab4f8}}</style></head>
<body><main><h1>Holdfast runs</h1>
<p>Durable objects on this machine. These apps answer here:</p>
<ul>
`
