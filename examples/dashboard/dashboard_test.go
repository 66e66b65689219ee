package dashboard

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/browsertest"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

func TestDoor_SaysWhatIsWrongAndKeepsTheKeyInTheTab(t *testing.T) {
	b := browsertest.Start(t)
	f := found(t, start(t, host.Config{}), "acme")
	p := open(t, b, f)
	says := func(text string) {
		t.Helper()
		p.sees(`document.getElementById("door-error").hidden ? "" : document.getElementById("door-error").textContent`, text)
	}
	p.Click("sign-in-button")
	says("Please give the firm's id.")
	p.signIn("acme", "guessed", "ann")
	says("The firm id or the key is wrong.")
	p.Wait("the key has the focus", `document.activeElement.id === "key"`)
	p.signIn("nobody", f.key, "ann")
	says("There is no such firm.")
	p.signIn("acme", f.key, "Ж")
	says("The user id must be of Latin letters, without blanks.")
	p.signIn("acme", f.key, "ann")
	p.Wait("ann is in", `document.getElementById("who").textContent === "Ann Attorney"`)
	p.Do(chromedp.Reload())
	p.Wait("ann is in after a reload", `document.getElementById("who")?.textContent === "Ann Attorney" && document.querySelector(".empty")`)
	f.begin("s1", "Zoë Okafor", "tax")
	p.live("s1")
	for _, u := range p.Asked() {
		at, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		if at.Scheme != "data" && at.Host != strings.TrimPrefix(f.h.URL, "http://") {
			t.Errorf("the page asks %s", u)
		}
		if strings.Contains(u, f.key) || strings.Contains(u, "ann") {
			t.Errorf("a credential is in %s", u)
		}
	}
	if kept := p.Str(`JSON.stringify(localStorage) + document.cookie + location.href`); strings.Contains(kept, f.key) {
		t.Errorf("the key is kept in %s", kept)
	}
	p.Click("sign-out")
	p.Wait("the door is shown", `!document.getElementById("door").hidden && sessionStorage.length === 0`)
}

func TestGrid_FiltersSortsAndPages(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	f := found(t, h, "acme")
	p := signedIn(t, b, f, "")
	p.Wait("an empty firm says so", `document.querySelector(".empty strong")?.textContent === "No conversations yet"`)
	for i := range 53 {
		f.begin(fmt.Sprintf("s%02d", i), fmt.Sprintf("Client %02d", i), []string{"tax", "family"}[i%2])
	}
	f.do("POST", "/conversations/s01/assignments", 201, object{"assignedTo": "bob", "assignedBy": "ann", "priority": "high"})
	f.do("POST", "/conversations/s03:terminate", 200, nil)
	f.party("s04", "client", "Client 04")
	f.indexed("assignedTo=bob", 1)
	f.indexed("status=terminated", 1)
	f.indexed("conflictStatus=clear", 1)
	count := `document.getElementById("count").textContent`
	p.Click("refresh")
	p.sees(count, "50 shown")
	p.sees(`document.querySelector("tbody tr td").textContent`, "Client 04s04@example.com")
	p.sees(`document.getElementById("lag").textContent`, "Index up to date")
	p.Click("more")
	p.sees(count, "53 shown, that is all")
	if n := p.Str(`String(new Set([...document.querySelectorAll("tbody code")].map((e) => e.textContent)).size)`); n != "53" {
		t.Fatalf("%s different conversations are shown", n)
	}
	p.Do(chromedp.Click(chromedp.CSS("thead th:first-child button")))
	p.Wait("sorted by client", `document.querySelector("th").ariaSort === "ascending" && document.querySelector("tbody a").textContent === "Client 00"`)
	p.Do(chromedp.Click(chromedp.CSS("thead th:first-child button")))
	p.Wait("and backwards", `document.querySelector("th").ariaSort === "descending" && document.querySelector("tbody a").textContent === "Client 52"`)
	filter := func(name, value, want string) {
		t.Helper()
		p.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => { const e = document.querySelector("form.filters").elements[%q]; e.value = %q; e.dispatchEvent(new Event("change", { bubbles: true })); })()`, name, value)))
		p.sees(`[...document.querySelectorAll("tbody a")].map((a) => a.textContent).join(", ")`, want)
		if at := p.Str(`location.hash`); !strings.Contains(at, name+"="+value) {
			t.Errorf("the address is %s", at)
		}
		p.Click("clear-filters")
		p.sees(count, "50 shown")
	}
	filter("status", "terminated", "Client 03")
	filter("assignedTo", "bob", "Client 01")
	filter("conflictStatus", "clear", "Client 04")
	filter("practiceArea", "nowhere", "")
	p.goTo("#/conversations?practiceArea=family")
	p.sees(count, "26 shown, that is all")
	h.Stop()
	p.Click("refresh")
	p.Wait("an error is shown, with a way out", `document.querySelector("#grid-note .alert")?.textContent === "The host does not answer." && document.querySelector("#grid-note button")`)
}

func TestConversation_LiveOverARestart(t *testing.T) {
	b := browsertest.Start(t)
	dir := t.TempDir()
	f := found(t, start(t, host.Config{DataDir: dir}), "acme")
	f.begin("s1", "Zoë Okafor", "tax")
	f.say("s1", "client", "hello")
	p := signedIn(t, b, f, "")
	p.live("s1")
	p.sees(messages, "hello")
	f.say("s1", "assistant", "what happened?")
	p.sees(messages, "hello | what happened?")
	p.Do(chromedp.Focus(chromedp.CSS("#text")))
	p.Keys("We are on it")
	p.Press()
	p.sees(messages, "hello | what happened? | We are on it")
	p.Wait("it is of the firm, and the composer is empty", `document.querySelector("#messages li:last-child").classList.contains("staff") && document.getElementById("text").value === ""`)

	p.Click("secure")
	p.Wait("it is secured", `document.getElementById("facts").textContent.includes("secured") && document.getElementById("secure").hidden`)
	p.Do(chromedp.Click(chromedp.CSS(`[data-focus="goal-g1"]`)))
	p.Wait("a goal is done, and counts", `document.querySelector("#goals-body").textContent.includes("done") && document.querySelector("#quality-body").textContent.includes("13 / 25")`)

	f.h.Stop()
	p.Wait("the page says that it is away", `["Connection lost", "Reconnecting…"].some((s) => document.getElementById("connection").textContent.startsWith(s))`)
	away := start(t, host.Config{DataDir: dir})
	g := &firm{t, away, f.id, f.key}
	want := "hello | what happened? | We are on it"
	for i := range 120 { // more than a state shows
		g.say("s1", "client", fmt.Sprint("missed ", i))
		want += fmt.Sprint(" | missed ", i)
	}
	away.Stop()
	f.h = start(t, host.Config{DataDir: dir, Addr: strings.TrimPrefix(f.h.URL, "http://")})
	p.connected()
	p.sees(messages, want)

	p.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("scroller").scrollTop = 0`))
	f.say("s1", "client", "below")
	p.sees(messages, want+" | below")
	p.Wait("what is read stays in place", `document.getElementById("scroller").scrollTop === 0 && !document.getElementById("newest").hidden`)
	p.Click("newest")
	p.Wait("the newest is in sight", `(() => { const s = document.getElementById("scroller"); return s.scrollHeight - s.scrollTop - s.clientHeight < 2; })()`)

	p.Do(chromedp.EmulateViewport(360, 740))
	p.Wait("and stays so on a narrower page", `(() => { const s = document.getElementById("scroller"); return innerWidth === 360 && s.scrollHeight - s.scrollTop - s.clientHeight < 2; })()`)

	p.Click("complete")
	p.Wait("it is asked why", `document.activeElement.name === "reason"`)
	p.Keys("settled")
	p.Do(chromedp.Click(chromedp.CSS("dialog button[type=submit]")))
	p.Wait("it takes no more", `document.getElementById("composer").hidden && document.querySelector(".talk .notice").textContent.includes("completed")`)
	if got := f.do("GET", "/conversations/s1", 200, nil); got["status"] != "completed" || got["phase"] != "secured" {
		t.Fatalf("the conversation is %v, %v", got["status"], got["phase"])
	}
}

func TestConversation_LongHistory(t *testing.T) {
	b := browsertest.Start(t)
	f := found(t, start(t, host.Config{}), "acme")
	f.begin("s1", "Zoë Okafor", "tax")
	for i := range 130 {
		f.say("s1", "client", fmt.Sprint("m", i+1))
	}
	p := signedIn(t, b, f, "")
	p.live("s1")
	inOrder := func(n int) {
		t.Helper()
		p.Wait(fmt.Sprintf("%d messages are shown, in order", n), fmt.Sprintf(
			`(() => { const s = [...document.querySelectorAll("#messages li")].map((e) => Number(e.dataset.seq)); return s.length === %d && s.every((v, i) => v === %d + i); })()`, n, 131-n))
	}
	inOrder(100)
	p.Click("earlier")
	inOrder(130)
	p.Wait("there is nothing earlier", `document.getElementById("earlier").hidden`)
	f.say("s1", "client", "m131")
	p.Wait("and it goes on", `document.querySelector("#messages li:last-child").dataset.seq === "131"`)
}

func TestConversation_PartiesConflictAtOnce(t *testing.T) {
	b := browsertest.Start(t)
	f := found(t, start(t, host.Config{}), "acme")
	f.begin("old-client", "Müller GmbH", "contracts")
	f.party("old-client", "client", "Müller GmbH")
	f.begin("new-client", "Zoë Okafor", "employment")
	p := signedIn(t, b, f, "")
	p.live("new-client")
	p.Click("add-party")
	p.Do(chromedp.Click(chromedp.CSS("dialog button[type=submit]")))
	p.sees(`document.querySelector("dialog .alert").textContent`, "Please give a name.")
	p.Do(chromedp.SetValue(chromedp.CSS("dialog [name=name]"), "The Other Side"), chromedp.SetValue(chromedp.CSS("dialog [name=aliases]"), "MULLER Inc.\nNobody else"),
		chromedp.Click(chromedp.CSS("dialog button[type=submit]")))
	p.Wait("the conflict is shown, and in focus", `document.querySelector(".conflict.detected")?.textContent.includes("Müller GmbH") && document.activeElement.textContent === "Review"`)
	p.Wait("so does the conversation", `document.getElementById("conflict-status").textContent === "conflict detected"`)
	p.Wait("the party has its aliases", `document.getElementById("parties-body").textContent.includes("also MULLER Inc., Nobody else")`)
	p.Wait("the score counts it", `document.getElementById("quality-body").textContent.includes("Opposing party15 / 15")`)

	q := signedIn(t, b, f, "")
	q.live("old-client")
	q.Click("no-opponent")
	q.Wait("an explicit none", `document.getElementById("parties-body").textContent.includes("There is no opposing party.") && !document.getElementById("no-opponent")`)
}

func TestConversation_Assignment(t *testing.T) {
	b := browsertest.Start(t)
	f := found(t, start(t, host.Config{}), "acme")
	f.do("PUT", "/users/cid", 200, object{"email": "cid@example.com", "name": "Cid Gone", "role": "paralegal", "status": "inactive"})
	f.begin("s1", "Zoë Okafor", "tax")
	p := signedIn(t, b, f, "")
	p.live("s1")
	assign := func(to, hours string) {
		t.Helper()
		p.Click("assign")
		p.Do(chromedp.SetValue(chromedp.CSS("dialog [name=assignedTo]"), to), chromedp.SetValue(chromedp.CSS("dialog [name=priority]"), "urgent"),
			chromedp.SetValue(chromedp.CSS("dialog [name=hours]"), hours), chromedp.SetValue(chromedp.CSS("dialog [name=due]"), "2031-05-06"),
			chromedp.SetValue(chromedp.CSS("dialog [name=notes]"), "soon"), chromedp.Click(chromedp.CSS("dialog button[type=submit]")))
	}
	assign("ann", "many")
	p.sees(`document.querySelector("dialog .alert").textContent`, "The hours must be a number, such as 2.5.")
	if n := p.Str(`String(document.querySelectorAll("dialog [name=assignedTo] option").length)`); n != "3" { // nobody yet, ann, bob
		t.Errorf("%s choices of people", n)
	}
	p.Do(chromedp.SetValue(chromedp.CSS("dialog [name=hours]"), "2,5"), chromedp.Click(chromedp.CSS("dialog button[type=submit]")))
	p.sees(`document.getElementById("assignee").textContent`, "assigned to Ann Attorney")
	assign("bob", "1")
	p.sees(`document.getElementById("assignee").textContent`, "assigned to Bob Björk")
	p.sees(`[...document.querySelectorAll("#assignments-body li .badge")].map((e) => e.textContent).join(" ")`, "urgent active urgent reassigned")
	all := f.do("GET", "/conversations/s1", 200, nil)["assignments"].([]any)
	first := all[0].(object)
	if len(all) != 2 || first["assignedBy"] != "ann" || first["estimatedHours"] != 2.5 || first["notes"] != "soon" || !strings.HasPrefix(first["dueDate"].(string), "2031-05-0") {
		t.Fatalf("assignments: %v", all)
	}
	p.goTo("#/conversations")
	f.indexed("assignedTo=bob", 1)
	p.Click("refresh")
	p.Wait("the list says it too", `document.querySelector("tbody").textContent.includes("Bob Björk")`)
}

func TestPage_AKeyThatIsTakenBackEndsTheVisit(t *testing.T) {
	b := browsertest.Start(t)
	f := found(t, start(t, host.Config{}), "acme")
	p := signedIn(t, b, f, "")
	p.Wait("the list is there", `document.querySelector(".empty") && document.getElementById("lag").dataset.state`)
	if a := wasmtest.Do(t, "POST", f.h.URL+"/firms/acme/key:rotate", platformKey, nil); a.Status != 200 {
		t.Fatalf("rotate: %d %s", a.Status, a.Body)
	}
	p.Click("refresh")
	p.sees(`document.getElementById("door-error").textContent`, "The firm id or the key is wrong.")
}
