package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/browsertest"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

const secret = "the-secret-of-the-harbour"

func start(t *testing.T, cfg host.Config) *wasmtest.Host {
	t.Helper()
	return wasmtest.Start(t, cfg, "objects/logroom", "examples/chat")
}

// makeRoom makes a room with a known secret.
func makeRoom(t *testing.T, h *wasmtest.Host, id, name string) {
	t.Helper()
	a := wasmtest.Do(t, "POST", h.URL+"/logs", "", map[string]any{"id": id, "name": name, "ownerNamespace": "chat", "secret": secret})
	if a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
}

func appendAs(t *testing.T, h *wasmtest.Host, id, author, content string) {
	t.Helper()
	a := wasmtest.Do(t, "POST", h.URL+"/logs/"+id+"/events", secret, map[string]any{"authorId": author, "content": content})
	if a.Status != 201 {
		t.Fatalf("append: %d %s", a.Status, a.Body)
	}
}

// invite is a link into a room.
func invite(h *wasmtest.Host, id, secret string) string {
	return h.URL + "/chat/#room=" + id + "&secret=" + url.QueryEscape(secret)
}

// enter comes in by an invite.
func (p *tab) enter(h *wasmtest.Host, id, name string) {
	p.t.Helper()
	p.open(invite(h, id, secret))
	p.Fill("author", name)
	p.Click("enter-button")
	p.live()
}

func TestPage_TwoPeopleTalk(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	ann := newTab(t, b)
	ann.open(h.URL + "/chat/")
	ann.Fill("author", "Ann")
	ann.Fill("room-name", "Harbour")
	ann.Click("enter-button")
	ann.live()
	ann.here("Ann (you)")
	if got := ann.Str(`document.getElementById("title").textContent`); got != "Harbour" {
		t.Fatalf("the room's name is %q", got)
	}
	ann.say("ahoy")
	ann.sees("ahoy")

	link := ann.Str(`import("/chat/session.js").then((s) => { const k = s.load(); return s.inviteLink(k.id, k.secret); })`)
	bob := newTab(t, b)
	bob.open(link)
	bob.Fill("author", "Bob")
	bob.Click("enter-button")
	bob.live()
	bob.sees("ahoy")
	ann.here("Ann (you)", "Bob")
	bob.here("Bob (you)", "Ann")
	bob.say("well met")
	ann.sees("ahoy", "well met")
	bob.sees("ahoy", "well met")
	if n := ann.Str(`String(document.querySelectorAll("#outbox .message").length)`); n != "0" {
		t.Fatalf("%s messages are still on the way", n)
	}

	bob.Click("leave")
	bob.Wait("the door is shown", `!document.getElementById("door").hidden`)
	ann.here("Ann (you)")
}

func TestPage_SecretStaysOutOfAddresses(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	makeRoom(t, h, "quiet", "Quiet")
	ann := newTab(t, b)
	ann.enter(h, "quiet", "Ann")
	if at := ann.Str(`location.href`); at != h.URL+"/chat/#room=quiet" {
		t.Fatalf("the address bar shows %s", at)
	}
	ann.Do(chromedp.Reload())
	ann.live()
	ann.here("Ann (you)")
	host := strings.TrimPrefix(h.URL, "http://")
	for _, u := range ann.Asked() {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Scheme != "data" && parsed.Host != host {
			t.Errorf("the page asks %s", u)
		}
		before, _, _ := strings.Cut(u, "#")
		if strings.Contains(before, secret) {
			t.Errorf("the secret is in %s", u)
		}
	}
}

func TestPage_ComesBackAfterARestart(t *testing.T) {
	b := browsertest.Start(t)
	dir := t.TempDir()
	h := start(t, host.Config{DataDir: dir})
	makeRoom(t, h, "pier", "Pier")
	addr := strings.TrimPrefix(h.URL, "http://")
	ann, bob := newTab(t, b), newTab(t, b)
	ann.enter(h, "pier", "Ann")
	bob.enter(h, "pier", "Bob")
	ann.say("before")
	bob.sees("before")
	h.Stop()
	ann.Wait("the page has noticed", `document.getElementById("state").dataset.state !== "live"`)
	ann.say("while it was away")
	ann.Wait("the message waits", `document.querySelectorAll("#outbox .message").length === 1`)

	// What others said meanwhile, on another address of the same data.
	away := start(t, host.Config{DataDir: dir})
	for i := range 3 {
		appendAs(t, away, "pier", "Cat", fmt.Sprintf("missed %d", i))
	}
	away.Stop()

	h = start(t, host.Config{DataDir: dir, Addr: addr})
	bob.live()
	ann.live()
	want := []string{"before", "missed 0", "missed 1", "missed 2", "while it was away"}
	bob.sees(want...)
	ann.sees(want...)
	bob.say("after")
	ann.sees(append(want, "after")...)
	ann.Wait("nothing waits", `document.querySelectorAll("#outbox .message").length === 0`)
	ann.here("Ann (you)", "Bob")
}

func TestPage_LostAcknowledgementSendsOnce(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	makeRoom(t, h, "mole", "Mole")
	ann := newTab(t, b)
	ann.enter(h, "mole", "Ann")
	// From its first message on the page hears nothing until it reconnects.
	ann.Str(`import("/_holdfast/client.js").then(({ Connection }) => {
		const take = Connection.prototype.take;
		Connection.prototype.take = function (data) {
			if (!data.includes('"type":"ack"') && !data.includes('"type":"event"')) return take.call(this, data);
			if (!data.includes('"type":"ack"')) return;
			Connection.prototype.take = take;
			this.socket.close(4000);
		};
		return "";
	})`)
	ann.say("once")
	ann.sees("once")
	ann.say("twice")
	ann.sees("once", "twice")
	if head := wasmtest.Do(t, "GET", h.URL+"/logs/mole", secret, nil).JSON(t)["headSeq"]; head != 2.0 {
		t.Fatalf("the room has %v messages", head)
	}
}

func TestPage_KeyboardAlone(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	ann := newTab(t, b)
	ann.open(h.URL + "/chat/")
	ann.Wait("the name has the focus", `document.activeElement.id === "author"`)
	ann.Keys("Ann")
	ann.Keys(kb.Tab) // to the choice, "New room" being chosen
	ann.Keys(kb.Tab)
	ann.Wait("the room's name has the focus", `document.activeElement.id === "room-name"`)
	ann.Keys("Quay")
	ann.Press()
	ann.live()
	ann.Wait("the message has the focus", `document.activeElement.id === "text"`)
	ann.Keys("one")
	ann.Press()
	ann.Keys("two")
	ann.Press()
	ann.sees("one", "two")
	ann.Wait("the message has the focus still", `document.activeElement.id === "text" && document.activeElement.value === ""`)
}

func TestPage_SaysWhyItCannotGoOn(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{Vars: map[string]string{"OWNER_KEYS": `{"chat":"sha256:` + strings.Repeat("0", 64) + `"}`}})
	ann := newTab(t, b)
	says := func(text string) {
		t.Helper()
		ann.Wait("the door says: "+text, `!document.getElementById("door-error").hidden && document.getElementById("door-error").textContent.includes(`+fmt.Sprintf("%q", text)+`)`)
	}
	ann.open(h.URL + "/chat/")
	ann.Click("enter-button")
	says("Please give your name.")
	ann.Fill("author", "Ann")
	ann.Fill("room-name", "Closed")
	ann.Click("enter-button")
	says("Only the owner of this namespace makes rooms")
	bob := newTab(t, b)
	ann, bob = bob, ann
	ann.open(invite(h, "nowhere", "wrong"))
	ann.Fill("author", "Ann")
	ann.Click("enter-button")
	says("There is no such room.")
}

func TestPage_DeletedRoom(t *testing.T) {
	b := browsertest.Start(t)
	const key = "the-owner-key"
	h := start(t, host.Config{Vars: map[string]string{"OWNER_KEYS": `{"chat":"sha256:` + hashOf(key) + `"}`}})
	a := wasmtest.Do(t, "POST", h.URL+"/logs", key, map[string]any{"id": "gone", "name": "Gone", "ownerNamespace": "chat", "secret": secret})
	if a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	ann := newTab(t, b)
	ann.enter(h, "gone", "Ann")
	ann.say("still here")
	ann.sees("still here")
	if a := wasmtest.Do(t, "DELETE", h.URL+"/logs/gone", key, nil); a.Status != 204 {
		t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	ann.Wait("the page says so", `document.getElementById("state").textContent === "This room has been deleted" && document.getElementById("composer").hidden`)
}

func TestPage_LongHistory(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	makeRoom(t, h, "long", "Long")
	const said = 250
	var events []map[string]string
	for i := range said {
		events = append(events, map[string]string{"authorId": fmt.Sprint("author", i%3), "content": fmt.Sprint("m", i)})
	}
	if a := wasmtest.Do(t, "POST", h.URL+"/logs/long/events:batch", secret, map[string]any{"events": events}); a.Status != 201 {
		t.Fatalf("batch: %d %s", a.Status, a.Body)
	}
	ann := newTab(t, b)
	ann.enter(h, "long", "Ann")
	shown := func(n int) {
		t.Helper()
		ann.Wait(fmt.Sprintf("%d messages are shown, in order", n),
			fmt.Sprintf(`(() => { const s = [...document.querySelectorAll("#messages .message")].map((e) => Number(e.dataset.seq)); return s.length === %d && s.every((v, i) => v === %d + i); })()`, n, said-n+1))
	}
	shown(100)
	ann.Wait("the newest is in sight", `(() => { const s = document.getElementById("scroller"); return s.scrollHeight - s.scrollTop - s.clientHeight < 2; })()`)
	ann.Click("earlier")
	shown(200)
	ann.Click("earlier")
	shown(250)
	ann.Wait("there is nothing earlier", `document.getElementById("earlier").hidden`)
}

func TestPage_NarrowNeedsNoSidewaysScroll(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	makeRoom(t, h, "narrow", "A room with a rather long name that goes on and on")
	appendAs(t, h, "narrow", "Somebody with a long name indeed, longer than any line", strings.Repeat("unbroken", 60))
	for _, width := range []int64{320, 390, 760, 1100} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			p := newTab(t, b)
			fits := func(where string) {
				t.Helper()
				p.Wait(where+" fits", `document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth && document.getElementById("scroller").scrollWidth <= document.getElementById("scroller").clientWidth`)
			}
			p.Do(chromedp.EmulateViewport(width, 640))
			p.open(h.URL + "/chat/")
			p.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("details").open = true`))
			fits("the door")
			p.Do(chromedp.Navigate("about:blank"))
			p.enter(h, "narrow", fmt.Sprint("Ann", width))
			p.Wait("history is shown", `document.querySelectorAll("#messages .message").length === 1`)
			fits("the room")
			p.Wait("the composer is in sight", `document.getElementById("send").getBoundingClientRect().bottom <= innerHeight`)
		})
	}
}

// hashOf is a token as OWNER_KEYS has it.
func hashOf(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}
