package chat

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
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

// browser starts a headless Chromium with a profile of its own. Without one
// on the machine the test is skipped, unless everything must be tested.
func browser(t *testing.T) context.Context {
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

// tab is a page of somebody: its storage is its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	urls     []string // that the page has asked for
	failures []string // exceptions of its scripts, and what its policy forbade
}

// newTab opens a window that shares nothing with others.
func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	p := &tab{t: t}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.note))
	t.Cleanup(stop)
	p.ctx = ctx
	p.do()
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
func (p *tab) note(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		p.urls = append(p.urls, e.Request.URL)
	case *network.EventWebSocketCreated:
		p.urls = append(p.urls, e.URL)
	case *cdpruntime.EventExceptionThrown:
		p.failures = append(p.failures, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity {
			p.failures = append(p.failures, e.Entry.Text)
		}
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// open loads a page and waits until its script has begun.
func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
	p.wait("the page has begun", `!document.getElementById("door").hidden || !document.getElementById("room").hidden`)
}

// wait asks the page until an expression is true.
func (p *tab) wait(what, expression string) {
	p.t.Helper()
	wasmtest.Eventually(p.t, what, func() bool {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && ok // while the page loads there may be nothing to ask
	})
}

// keys types on whatever has the focus.
func (p *tab) keys(text string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text))
}

// press types Enter as a keyboard does: one event with its text, which a page
// that takes the key for itself gets no character of.
func (p *tab) press() {
	p.t.Helper()
	key := input.DispatchKeyEventParams{Type: kb.KeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r", UnmodifiedText: "\r"}
	up := input.DispatchKeyEventParams{Type: kb.KeyUp, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, up)
		return err
	}))
}

// fill puts text into a field.
func (p *tab) fill(id, text string) {
	p.t.Helper()
	p.do(chromedp.SetValue(chromedp.CSS("#"+id), text))
}

func (p *tab) click(id string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS("#" + id)))
}

// say sends a message as a person does.
func (p *tab) say(text string) {
	p.t.Helper()
	p.do(chromedp.Focus(chromedp.CSS("#text")))
	p.keys(text)
	p.press()
}

// str is the value of an expression.
func (p *tab) str(expression string) string {
	p.t.Helper()
	s, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// texts are the messages that the page shows, in order.
func (p *tab) texts() string {
	p.t.Helper()
	return p.str(`[...document.querySelectorAll("#messages .message .text")].map((e) => e.textContent).join(" | ")`)
}

// sees waits until the page shows exactly these messages.
func (p *tab) sees(texts ...string) {
	p.t.Helper()
	want := strings.Join(texts, " | ")
	wasmtest.Eventually(p.t, "the page shows: "+want, func() bool { return p.texts() == want })
}

// live waits until the page is connected.
func (p *tab) live() {
	p.t.Helper()
	p.wait("the page is live", `document.getElementById("state").dataset.state === "live"`)
}

// here waits until the page lists exactly these people.
func (p *tab) here(names ...string) {
	p.t.Helper()
	p.wait("the page lists "+strings.Join(names, ", "),
		`[...document.querySelectorAll("#people .person span:last-child")].map((e) => e.textContent).join(", ") === `+strconv.Quote(strings.Join(names, ", ")))
}

// asked are the addresses that the page has asked for.
func (p *tab) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.urls...)
}
