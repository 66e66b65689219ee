// Package browsertest drives pages in a headless Chromium for tests. It owns
// the browser's process and profile; it refuses to know any page.
package browsertest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// Start starts a headless Chromium with a profile of its own, until the test
// ends. Without one on the machine the test is skipped, unless everything must
// be tested.
func Start(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("HOLDFAST_TEST_ALL") == "1" {
			t.Fatalf("HOLDFAST_TEST_ALL=1 wants the browser too: %v", err)
		}
		t.Skipf("the page is tested in Chromium: %v", err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1100, 760), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// Tab is a page of somebody: its storage is its own. Its methods belong to the
// test's goroutine, and end the test where they fail. A test whose page throws,
// logs an error or breaks its policy fails in the end.
type Tab struct {
	Ctx context.Context // of chromedp
	t   *testing.T

	mu       sync.Mutex
	urls     []string
	failures []string
}

// Open opens a window that shares nothing with others.
func Open(t *testing.T, browser context.Context) *Tab {
	t.Helper()
	p := &Tab{t: t}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.note))
	t.Cleanup(stop)
	p.Ctx = ctx
	p.Do()
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, f := range p.failures {
			t.Errorf("the page failed: %s", f)
		}
	})
	return p
}

// note keeps what the browser tells of the page.
func (p *Tab) note(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		p.urls = append(p.urls, e.Request.URL)
	case *network.EventWebSocketCreated:
		p.urls = append(p.urls, e.URL)
	case *cdpruntime.EventExceptionThrown:
		p.failures = append(p.failures, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *cdpruntime.EventConsoleAPICalled:
		if e.Type == cdpruntime.ConsoleAPICalledTypeError {
			p.failures = append(p.failures, "console: "+consoleText(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity {
			p.failures = append(p.failures, e.Entry.Text)
		}
	}
}

// consoleText is what a page has logged.
func consoleText(args []*cdpruntime.RemoteObject) string {
	b, err := json.Marshal(args)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Do runs steps.
func (p *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.Ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// Wait asks the page until an expression is true.
func (p *Tab) Wait(what, expression string) {
	p.t.Helper()
	wasmtest.Eventually(p.t, what, func() bool {
		ok, err := chromedp.Run(p.Ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && ok // while the page loads there may be nothing to ask
	})
}

// Keys types on whatever has the focus.
func (p *Tab) Keys(text string) {
	p.t.Helper()
	p.Do(chromedp.KeyEvent(text))
}

// Press types Enter as a keyboard does: one event with its text, which a page
// that takes the key for itself gets no character of.
func (p *Tab) Press() {
	p.t.Helper()
	key := input.DispatchKeyEventParams{Type: kb.KeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r", UnmodifiedText: "\r"}
	up := input.DispatchKeyEventParams{Type: kb.KeyUp, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, up)
		return err
	}))
}

// Fill puts text into the field of an id.
func (p *Tab) Fill(id, text string) {
	p.t.Helper()
	p.Do(chromedp.SetValue(chromedp.CSS("#"+id), text))
}

// Click clicks on the element of an id.
func (p *Tab) Click(id string) {
	p.t.Helper()
	p.Do(chromedp.Click(chromedp.CSS("#" + id)))
}

// Str is the value of an expression, which may be a promise of it.
func (p *Tab) Str(expression string) string {
	p.t.Helper()
	s, err := chromedp.Run(p.Ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// Asked are the addresses that the page has asked for, those of sockets too.
func (p *Tab) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.urls...)
}

// Quote is text as an expression.
func Quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return `""` // no text is without JSON
	}
	return string(b)
}
