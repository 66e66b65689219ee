package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/browsertest"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

const platformKey = "the-platform-key"

// start starts a host with the engage app and the page.
func start(t *testing.T, cfg host.Config) *wasmtest.Host {
	t.Helper()
	h := sha256.Sum256([]byte(platformKey))
	cfg.Vars = map[string]string{"PLATFORM_KEY": "sha256:" + hex.EncodeToString(h[:])}
	return wasmtest.Start(t, cfg, "objects/conversation", "examples/dashboard")
}

type object = map[string]any

// firm is a firm that the API knows.
type firm struct {
	t       *testing.T
	h       *wasmtest.Host
	id, key string
}

// found makes a firm with two users, ann and bob.
func found(t *testing.T, h *wasmtest.Host, id string) *firm {
	t.Helper()
	a := wasmtest.Do(t, "POST", h.URL+"/firms", platformKey, object{"firmId": id, "name": id})
	if a.Status != 201 {
		t.Fatalf("found: %d %s", a.Status, a.Body)
	}
	f := &firm{t, h, id, a.JSON(t)["key"].(string)}
	f.do("PUT", "/users/ann", 200, object{"email": "ann@example.com", "name": "Ann Attorney", "role": "attorney", "status": "active"})
	f.do("PUT", "/users/bob", 200, object{"email": "bob@example.com", "name": "Bob Björk", "role": "paralegal", "status": "active"})
	return f
}

// do calls the API, as somebody else than the page.
func (f *firm) do(method, path string, want int, body any) object {
	f.t.Helper()
	a := wasmtest.Do(f.t, method, f.h.URL+"/firms/"+f.id+path, f.key, body)
	if a.Status != want {
		f.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.Status, want, a.Body)
	}
	if len(a.Body) == 0 {
		return nil
	}
	return a.JSON(f.t)
}

// begin makes a conversation.
func (f *firm) begin(session, client, area string) {
	f.t.Helper()
	f.do("POST", "/conversations", 201, object{"sessionId": session, "userId": "user-" + session, "clientName": client, "clientEmail": session + "@example.com",
		"practiceArea": area, "goals": []object{{"id": "g1", "title": "Collect the letters"}, {"id": "g2", "title": "Ask for the dates"}}})
}

func (f *firm) say(session, role, content string) {
	f.t.Helper()
	f.do("POST", "/conversations/"+session+"/messages", 201, object{"role": role, "content": content})
}

func (f *firm) party(session, kind, name string) {
	f.t.Helper()
	f.do("POST", "/conversations/"+session+"/parties", 201, object{"type": kind, "name": name})
}

// rows are a report's.
func (f *firm) rows(report string) (rows []object) {
	f.t.Helper()
	for _, r := range f.do("GET", "/reports/"+report, 200, nil)["rows"].([]any) {
		rows = append(rows, r.(object))
	}
	return rows
}

// indexed waits until lists show so many conversations that fit a query.
func (f *firm) indexed(query string, n int) {
	f.t.Helper()
	wasmtest.Eventually(f.t, fmt.Sprintf("the index has %d of %s", n, query), func() bool {
		return len(f.do("GET", "/conversations?limit=200&"+query, 200, nil)["conversations"].([]any)) == n
	})
}

// conflict makes two conversations whose parties conflict, and answers the
// conflict's id: it is new-client's.
func (f *firm) conflict() string {
	f.t.Helper()
	f.begin("old-client", "Müller GmbH", "contracts")
	f.begin("new-client", "Zoë Okafor", "employment")
	f.party("old-client", "client", "Müller GmbH")
	a := f.do("POST", "/conversations/new-client/parties", 201, object{"type": "opposing_party", "name": "MULLER Inc."})
	return a["conflicts"].([]any)[0].(object)["conflictId"].(string)
}

// page is the dashboard as somebody uses it.
type page struct {
	*browsertest.Tab
	t *testing.T
	f *firm
}

func open(t *testing.T, browser context.Context, f *firm) *page {
	t.Helper()
	p := &page{browsertest.Open(t, browser), t, f}
	p.Do(chromedp.EmulateViewport(1280, 800))
	p.Do(chromedp.Navigate(f.h.URL + "/dashboard/"))
	p.Wait("the page asks who it is", `!document.getElementById("door").hidden`)
	return p
}

// signedIn opens the page as ann, at a view.
func signedIn(t *testing.T, browser context.Context, f *firm, hash string) *page {
	t.Helper()
	p := open(t, browser, f)
	p.signIn(f.id, f.key, "ann")
	p.Wait("ann is in", `!document.getElementById("view").hidden && document.getElementById("who").textContent === "Ann Attorney"`)
	if hash != "" {
		p.goTo(hash)
	}
	return p
}

func (p *page) signIn(firm, key, user string) {
	p.t.Helper()
	p.Fill("firm", firm)
	p.Fill("key", key)
	p.Fill("user", user)
	p.Click("sign-in-button")
}

// goTo opens a view and waits until it has what it shows.
func (p *page) goTo(hash string) {
	p.t.Helper()
	p.Do(chromedp.Evaluate[chromedp.Void](`location.hash = ` + browsertest.Quote(hash)))
	p.Wait(hash+" is shown", `location.hash === `+browsertest.Quote(hash)+` && document.activeElement.id === "view-title" &&
		(document.querySelector("tbody tr, .empty, .desk:not([hidden])") !== null)`)
}

// live opens a conversation and waits until it is connected.
func (p *page) live(session string) {
	p.t.Helper()
	p.goTo("#/conversations/" + session)
	p.connected()
}

func (p *page) connected() {
	p.t.Helper()
	p.Wait("the view is live", `document.getElementById("connection")?.textContent === "Live"`)
}

// clients are the first column's names, in order.
func (p *page) clients() string {
	p.t.Helper()
	return p.Str(`[...document.querySelectorAll("tbody tr td:first-child a")].map((a) => a.textContent).join(", ")`)
}

// sees waits until an expression is a text.
func (p *page) sees(expression, want string) {
	p.t.Helper()
	got := ""
	ok := func() bool { got = p.Str(expression); return got == want }
	for range 600 {
		if ok() {
			return
		}
		p.Str(`new Promise((done) => setTimeout(() => done(""), 50))`)
	}
	p.t.Fatalf("%s is %q, want %q", expression, got, want)
}

// messages are the texts that a conversation shows.
const messages = `[...document.querySelectorAll("#messages .text")].map((e) => e.textContent).join(" | ")`

// scheme sets what the browser says of light and dark.
func (p *page) scheme(name string) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	}))
}

// zone sets where the browser is.
func (p *page) zone(name string) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
		return err
	}))
}

// views are all of the page's, with what each needs to be there.
var views = []string{
	"#/conversations", "#/conversations/new-client", "#/reports/attention", "#/reports/workload", "#/reports/practice-areas", "#/reports/conflicts",
	"#/reports/audit", "#/reports/access", "#/audit",
}

// dialogs are the page's, by the button of new-client's view that opens each.
var dialogs = []string{"add-party", "assign", "complete", "terminate"}
