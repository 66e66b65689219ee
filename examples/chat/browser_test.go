package chat

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/holdfast-run/holdfast/internal/browsertest"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// tab is the page as somebody uses it.
type tab struct {
	*browsertest.Tab
	t *testing.T
}

func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	return &tab{browsertest.Open(t, browser), t}
}

// open loads a page and waits until its script has begun.
func (p *tab) open(url string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(url))
	p.Wait("the page has begun", `!document.getElementById("door").hidden || !document.getElementById("room").hidden`)
}

// say sends a message as a person does.
func (p *tab) say(text string) {
	p.t.Helper()
	p.Do(chromedp.Focus(chromedp.CSS("#text")))
	p.Keys(text)
	p.Press()
}

// texts are the messages that the page shows, in order.
func (p *tab) texts() string {
	p.t.Helper()
	return p.Str(`[...document.querySelectorAll("#messages .message .text")].map((e) => e.textContent).join(" | ")`)
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
	p.Wait("the page is live", `document.getElementById("state").dataset.state === "live"`)
}

// here waits until the page lists exactly these people.
func (p *tab) here(names ...string) {
	p.t.Helper()
	p.Wait("the page lists "+strings.Join(names, ", "),
		`[...document.querySelectorAll("#people .person span:last-child")].map((e) => e.textContent).join(", ") === `+strconv.Quote(strings.Join(names, ", ")))
}
