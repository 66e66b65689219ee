package dashboard

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/browsertest"
)

// tabTo presses Tab until what has the focus fits.
func (p *page) tabTo(what, expression string) {
	p.t.Helper()
	for range 80 {
		p.Keys(kb.Tab)
		if p.Str(`String(Boolean(((e) => `+expression+`)(document.activeElement)))`) == "true" {
			p.Wait("the focus is seen", `document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle === "solid"`)
			return
		}
	}
	p.t.Fatalf("80 times Tab do not lead to %s", what)
}

func TestKeyboard_AConflictIsReviewedAndCleared(t *testing.T) {
	b := browsertest.Start(t)
	f := found(t, start(t, host.Config{}), "acme")
	id := f.conflict()
	f.indexed("conflictStatus=conflict_detected", 1)
	p := open(t, b, f)
	p.Wait("the firm's id has the focus", `document.activeElement.id === "firm"`)
	for _, text := range []string{"acme", f.key, "ann"} {
		p.Keys(text)
		p.Keys(kb.Tab)
	}
	p.Press() // the button
	p.Wait("the view's title has the focus", `document.activeElement.id === "view-title" && document.querySelector("tbody a")`)
	p.tabTo("the conversation", `e.textContent === "Zoë Okafor"`)
	p.Press()
	p.connected()
	p.tabTo("the conflict", `e.textContent === "Review"`)
	p.Press()
	p.Wait("the focus goes on to what is next", `document.activeElement.textContent === "Clear…"`)
	p.Press()
	p.Wait("the dialog has the focus", `document.activeElement.name === "resolution"`)
	p.Keys(kb.Escape)
	p.Wait("Escape closes it, and gives the focus back", `!document.querySelector("dialog") && document.activeElement.textContent === "Clear…"`)
	p.Press()
	p.Wait("it is open again", `document.activeElement.name === "resolution"`)
	for range 8 { // nothing behind the dialog takes the focus
		p.Keys(kb.Tab)
		p.Wait("the focus stays", `document.activeElement === document.body || document.activeElement.closest("dialog")`)
	}
	p.tabTo("the resolution", `e.name === "resolution"`)
	p.Keys("The c") // finds "The client consented"
	p.Keys(kb.Tab)
	p.Keys("signed on paper")
	p.tabTo("the button", `e.textContent === "Clear it"`)
	p.Press()
	p.Wait("the conflict is cleared, and has the focus", fmt.Sprintf(`!document.querySelector("dialog") && document.activeElement.dataset.conflict === %q && document.activeElement.classList.contains("cleared")`, id))
	p.Wait("the conversation is clear", `document.getElementById("conflict-status").textContent === "clear"`)
	c := f.do("GET", "/conversations/new-client", 200, nil)["conflicts"].([]any)[0].(object)
	if c["status"] != "cleared" || c["resolution"] != "client_consented" || c["notes"] != "signed on paper" || c["resolvedBy"] != "ann" {
		t.Fatalf("the conflict is %v", c)
	}
}

// interactive are roles that somebody can act on.
var interactive = map[string]bool{
	"button": true, "link": true, "textbox": true, "combobox": true, "checkbox": true, "radio": true, "searchbox": true, "spinbutton": true, "Date": true, "dialog": true, "log": true, "region": true,
	"table": true, "image": true, "img": true, "navigation": true,
}

// nameless are the elements without an accessible name; all is how many there
// are with one.
func (p *page) nameless() (nameless []string, all int) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		tree, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return err
		}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil || !interactive[strings.Trim(string(n.Role.Value), `"`)] {
				continue
			}
			if all++; n.Name == nil || strings.Trim(string(n.Name.Value), `" `) == "" {
				nameless = append(nameless, string(n.Role.Value))
			}
		}
		return nil
	}))
	return nameless, all
}

func TestNames_EveryControlHasOne(t *testing.T) {
	b := browsertest.Start(t)
	f := office(t)
	p := open(t, b, f)
	named := func(where string, least int) {
		t.Helper()
		if none, all := p.nameless(); len(none) > 0 || all < least {
			t.Errorf("%s: %d of %d have no name: %v", where, len(none), all, none)
		}
	}
	named("the door", 4)
	p = signedIn(t, b, f, "")
	for _, width := range []int64{1280, 360} {
		p.Do(chromedp.EmulateViewport(width, 800))
		for _, v := range views {
			p.goTo(v)
			named(v, 6)
		}
		p.live("new-client")
		for _, id := range dialogs {
			p.Click(id)
			p.Wait(id+" is open", `document.querySelector("dialog[open]")`)
			named("the dialog of "+id, 3)
			p.Keys(kb.Escape)
			p.Wait(id+" is closed", `!document.querySelector("dialog") && document.activeElement.id === `+browsertest.Quote(id))
		}
	}
}

func TestPhone_NoViewScrollsSideways(t *testing.T) {
	b := browsertest.Start(t)
	f := office(t)
	f.say("new-client", "client", strings.Repeat("unbroken", 60))
	f.begin("long", strings.Repeat("Longname", 30), strings.Repeat("area", 20))
	f.indexed("practiceArea="+strings.Repeat("area", 20), 1)
	p := signedIn(t, b, f, "")
	fits := func(where string) {
		t.Helper()
		p.Wait(where+" fits", `document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth &&
			[...document.querySelectorAll("dialog, .panel, .scroller")].every((e) => e.getBoundingClientRect().right <= innerWidth && e.scrollWidth <= e.clientWidth)`)
	}
	for _, width := range []int64{360, 768} {
		p.Do(chromedp.EmulateViewport(width, 740))
		for _, v := range append(views, "#/conversations/long") {
			p.goTo(v)
			fits(fmt.Sprint(v, " at ", width))
		}
		p.live("new-client")
		for _, id := range dialogs {
			p.Click(id)
			fits(fmt.Sprint("the dialog of ", id, " at ", width))
			p.Keys(kb.Escape)
			p.Wait(id+" is closed", `!document.querySelector("dialog")`)
		}
	}
	p.Do(chromedp.EmulateViewport(360, 740))
	p.goTo("#/conversations")
	p.Wait("rows are cards with labels", `getComputedStyle(document.querySelector("tbody td:nth-child(2)"), "::before").content === '"Practice area"'`)
	p.Do(chromedp.SetValue(chromedp.CSS(".sorter select"), "clientName up"), chromedp.Evaluate[chromedp.Void](`document.querySelector(".sorter select").dispatchEvent(new Event("change"))`))
	p.Wait("and can be sorted", `document.querySelector("tbody a").textContent === "Client 0"`)
}

// faint finds texts whose contrast with what they stand on is below 4.5.
const faint = `(() => {
	const channels = (c) => { const v = c.match(/[\d.]+/g).map(Number); return [v[0], v[1], v[2], v[3] ?? 1]; };
	const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
	const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ground = (e) => { const stack = []; for (let at = e; at; at = at.parentElement) stack.push(channels(getComputedStyle(at).backgroundColor)); return stack.reduceRight((under, top) => over(top, under), [255, 255, 255, 1]); };
	const out = [];
	let seen = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.textContent.trim() || e.closest("title, desc, noscript, option, .visually-hidden, [disabled]") || !e.checkVisibility({ visibilityProperty: true })) continue;
		const style = getComputedStyle(e), under = ground(e);
		const ink = light(over(channels(e instanceof SVGElement ? style.fill : style.color), under)), paper = light(under);
		const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
		seen++;
		if (contrast < 4.5) out.push(e.tagName + "." + e.getAttribute("class") + " " + walk.currentNode.textContent.slice(0, 30) + " " + contrast.toFixed(2));
	}
	return seen < 5 ? "only " + seen + " texts are seen" : out.join("; ");
})()`

func TestContrast_LightAndDark(t *testing.T) {
	b := browsertest.Start(t)
	f := office(t)
	f.do("POST", "/conversations/new-client:secure", 200, nil)
	for _, role := range []string{"client", "assistant", "staff"} {
		f.say("new-client", role, "hello")
	}
	for _, c := range f.do("GET", "/conversations/s1", 200, nil)["conflicts"].([]any) {
		f.do("POST", "/conflicts/"+c.(object)["conflictId"].(string)+":review", 200, nil)
	}
	p := signedIn(t, b, f, "")
	grounds := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		grounds[p.Str(`getComputedStyle(document.body).backgroundColor`)] = true
		p.Wait("nothing moves for those who ask for that", `getComputedStyle(document.getElementById("sign-out")).transitionProperty === "none"`)
		for _, v := range views {
			p.goTo(v)
			if bad := p.Str(faint); bad != "" {
				t.Errorf("%s in %s: %s", v, scheme, bad)
			}
		}
		p.live("s1")
		if bad := p.Str(faint); bad != "" {
			t.Errorf("a conflict under review in %s: %s", scheme, bad)
		}
		p.Click("assign")
		if bad := p.Str(faint); bad != "" {
			t.Errorf("the dialog in %s: %s", scheme, bad)
		}
		p.Keys(kb.Escape)
	}
	if len(grounds) != 2 {
		t.Errorf("light and dark stand on %v", grounds)
	}
}
