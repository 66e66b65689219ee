package front

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// harm is what happens to one request on its way.
type harm string

const (
	harmNone      harm = ""
	harmCutBefore harm = "the connection is cut before the server hears"
	harmCutAfter  harm = "the connection is cut when the server has answered"
	harmCutHalf   harm = "the connection is cut in the middle of the answer"
	harmHalfJSON  harm = "half of the answer comes, as if it were whole"
	harmNothing   harm = "the answer is empty"
	harmBusy      harm = "something before the server answers 503"
	harmHold      harm = "the answer does not come, and nobody waits for it any more"
)

var harms = []harm{harmCutBefore, harmCutAfter, harmCutHalf, harmHalfJSON, harmNothing, harmBusy, harmHold}

// heard reports that the server has got the request.
func (h harm) heard() bool { return h != harmCutBefore && h != harmBusy }

// proxy stands before a server and does harm to one of the requests.
type proxy struct {
	t      *testing.T
	target string
	url    string
	over   chan struct{} // closed at the end: nothing is held any longer

	mu    sync.Mutex
	count int // pipelines since arm, those that only end a stream left out
	at    int // the one that is harmed, counted from 1
	harm  harm
	hook  func()   // called before that request goes on, if not nil
	held  func()   // called when an answer is held
	lost  func()   // called before the client hears of its harm, if not nil
	sent  []string // bodies that the server has got
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{t: t, target: target, over: make(chan struct{})}
	server := httptest.NewServer(p)
	p.url = server.URL
	t.Cleanup(func() {
		close(p.over)
		server.CloseClientConnections()
		server.Close()
	})
	return p
}

// arm lets the n-th request from now on come to harm, and forgets what was
// sent.
func (p *proxy) arm(n int, h harm) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count, p.at, p.harm, p.hook, p.sent = 0, n, h, nil, nil
}

// before calls fn before the n-th request from now on goes on.
func (p *proxy) before(n int, fn func()) {
	p.arm(n, harmNone)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook = fn
}

// tried is how many of the requests since arm that have text the server has
// got.
func (p *proxy) tried(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, body := range p.sent {
		n += strings.Count(body, text)
	}
	return n
}

// next is what happens to a request.
func (p *proxy) next(body string) (h harm, hook func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !strings.Contains(body, `[{"type":"close"}]`) {
		if p.count++; p.count == p.at {
			h, hook = p.harm, p.hook
		}
	}
	if h.heard() {
		p.sent = append(p.sent, body)
	}
	return h, hook
}

func (p *proxy) ends() {
	if p.lost != nil {
		p.lost()
	}
}

// apart gives each request to the server a connection of its own: what was left
// open by a server that is gone is for other tests.
var apart = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	h, hook := p.next(string(body))
	if hook != nil {
		hook()
	}
	switch h {
	case harmCutBefore:
		p.ends()
		panic(http.ErrAbortHandler)
	case harmBusy:
		p.ends()
		http.Error(w, `{"error":"come back later"}`, http.StatusServiceUnavailable)
		return
	}
	target, err := url.JoinPath(p.target, r.URL.Path)
	if err != nil {
		p.t.Error(err)
	}
	resp, err := apart.Post(target, "application/json", bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler) // the server is down
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if h != harmNone {
		p.ends()
	}
	switch h {
	case harmCutAfter:
		panic(http.ErrAbortHandler)
	case harmHold:
		p.mu.Lock()
		p.held()
		p.mu.Unlock()
		<-p.over
		return
	case harmHalfJSON:
		answer = answer[:len(answer)/2]
	case harmNothing:
		answer = nil
	}
	w.WriteHeader(resp.StatusCode)
	if h == harmCutHalf {
		_, _ = w.Write(answer[:len(answer)/2]) // the client is cut off in any case
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(answer) // the client may have gone
}
