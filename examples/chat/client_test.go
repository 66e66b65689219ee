package chat

import (
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/browsertest"
)

// promise is a script over the module and its fake sockets, and what it
// answers.
type promise struct{ run, want string }

var promises = map[string]promise{
	"the token travels as a subprotocol": {`
		const c = new client.Connection("/x?y=1", { protocols: ["v1"], token: "s\u00e9cret?" });
		c.open();
		return [sockets[0].url.replace(location.host, "HOST"), sockets[0].protocols.join(" ")].join(", ");`,
		"ws://HOST/x?y=1, v1 bearer.c8OpY3JldD8"},
	"it resumes behind what it saw, and drops repeats": {`
		const c = new client.Connection("/x", { welcome: "welcome" });
		const seen = [];
		c.addEventListener("message", (e) => seen.push(e.detail.event?.seq ?? e.detail.type));
		c.open();
		sockets[0].says({ type: "welcome", epoch: "e1" });
		for (const seq of [1, 2, 2, 1, 3]) sockets[0].says({ type: "event", event: { seq } });
		sockets[0].ends(1006);
		c.connect();
		sockets[0].says({ type: "event", event: { seq: 4 } });
		sockets[1].says({ type: "welcome", epoch: "e1" });
		sockets[1].says({ type: "event", event: { seq: 4 } });
		return [seen.join(" "), new URL(sockets[1].url).search].join(", ");`,
		"welcome 1 2 3 welcome 4, ?afterSeq=3&epoch=e1"},
	"a hole makes it ask again, once": {`
		const c = new client.Connection("/x");
		const seen = [];
		c.addEventListener("message", (e) => seen.push(e.detail.seq));
		c.resume(5, "e");
		c.open();
		sockets[0].says({ type: "event", seq: 8 });
		sockets[1].says({ type: "event", seq: 8 });
		sockets[1].says({ type: "event", seq: 9 });
		return [sockets.length, seen.join(" "), new URL(sockets[1].url).search].join(", ");`,
		"2, 8 9, ?afterSeq=5&epoch=e"},
	"pauses double, with jitter, to a limit": {`
		return [client.pause(0, undefined, 0), client.pause(0, undefined, 1), client.pause(3, undefined, 0), client.pause(99, undefined, 1)].join(" ");`,
		"200 400 1600 15000"},
	"codes say how to go on": {`
		const states = [];
		for (const code of [1012, 1013, 1006, 4403]) {
			const c = new client.Connection("/x");
			c.addEventListener("state", (e) => states.push(e.detail.state));
			c.addEventListener("end", (e) => states.push(e.detail.code));
			c.tries = 1;
			c.open();
			sockets.at(-1).ends(code);
			states.push(c.tries);
			c.close();
		}
		return states.join(" ");`,
		"reconnecting waiting 1 reconnecting waiting 3 reconnecting waiting 2 reconnecting ended 4403 1"},
	"presence is kept": {`
		const c = new client.Connection("/x");
		let last;
		c.addEventListener("presence", (e) => { last = e.detail.authors.join("+"); });
		c.open();
		const seen = [];
		for (const m of [
			{ type: "welcome", presence: [{ authorId: "ann" }, { authorId: "bob" }] },
			{ type: "presence", authorId: "cid", state: "online" },
			{ type: "presence", authorId: "ann", state: "offline" },
		]) {
			sockets[0].says(m);
			seen.push(last);
		}
		return seen.join(" ");`,
		"ann+bob ann+bob+cid bob+cid"},
	"another stream stops it until the page has read it": {`
		const c = new client.Connection("/x");
		let reset;
		c.addEventListener("reset", (e) => { reset = e.detail.epoch; });
		c.resume(7, "e1");
		c.open();
		sockets[0].says({ type: "reset", epoch: "e2", headSeq: 2 });
		c.resume(2, "e2");
		c.open();
		return [reset, sockets[0].closedWith, new URL(sockets[1].url).search].join(", ");`,
		"e2, 1000, ?afterSeq=2&epoch=e2"},
	"silence ends a connection": {`
		const c = new client.Connection("/x", { pingEvery: 5, silenceMax: 5 });
		const lost = new Promise((done) => c.addEventListener("lost", (e) => done(e.detail.reason)));
		c.open();
		sockets[0].begins();
		const reason = await lost;
		c.close();
		return [reason, sockets[0].sent[0]].join(", ");`,
		"no answer, ping"},
	"nothing is sent while it is not live": {`
		const c = new client.Connection("/x");
		c.open();
		const early = c.send("early");
		sockets[0].begins();
		const now = c.send({ n: 1 });
		c.close();
		return [early, now, c.send("late"), sockets[0].sent.join(" ")].join(" ");`,
		`false true false {"n":1}`},
}

// bench begins a script: the module is client, and sockets are the ends that
// the host would have.
const bench = `(async () => {
	const client = await import("/_holdfast/client.js");
	const sockets = [];
	class Fake {
		static OPEN = 1;
		constructor(url, protocols) {
			Object.assign(this, { url: String(url), protocols, readyState: 0, sent: [] });
			sockets.push(this);
		}
		begins() { this.readyState = 1; this.onopen?.(); }
		says(m) { if (this.readyState === 0) this.begins(); this.onmessage({ data: JSON.stringify(m) }); }
		ends(code) { this.readyState = 3; this.onclose({ code, reason: "" }); }
		send(m) { this.sent.push(m); }
		close(code) { this.closedWith ??= code; }
	}
	globalThis.WebSocket = Fake;
`

// TestClient_KeepsItsPromises runs the module that the host serves in a
// browser.
func TestClient_KeepsItsPromises(t *testing.T) {
	b := browsertest.Start(t)
	h := start(t, host.Config{})
	p := newTab(t, b)
	p.open(h.URL + "/chat/")
	for name, made := range promises {
		if got := p.Str(bench + made.run + `})()`); got != made.want {
			t.Errorf("%s: got %s\nwant %s", name, got, made.want)
		}
	}
}
