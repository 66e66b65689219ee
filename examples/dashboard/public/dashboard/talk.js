// The messages of a conversation and the composer of the firm's people.

import { h, moment } from "./dom.js";

const speakers = { client: "Client", assistant: "Assistant", staff: "Firm" };
const nearEnd = 80; // px
const contentBytesMax = 64 * 1024;

/** Talk shows messages and sends those of staff. */
export class Talk {
  constructor(live, send) {
    Object.assign(this, { live, send, following: true });
    this.list = h("ol", { class: "messages", id: "messages" });
    const log = h("div", { role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": "Messages" }, this.list);
    this.before = h("button", { type: "button", class: "quiet earlier", id: "earlier", hidden: true, onclick: () => this.earlier() }, "Load earlier messages");
    this.none = h("p", { class: "empty" }, "Nothing has been said yet.");
    this.scroller = h("div", { class: "scroller", id: "scroller", tabindex: "0", role: "region", "aria-label": "Conversation" }, this.before, this.none, log);
    this.newest = h("button", { type: "button", class: "newest", id: "newest", hidden: true, onclick: () => { this.toEnd(); this.text.focus(); } }, "New messages");
    this.connection = h("p", { class: "status", id: "connection", role: "status" }, "Connecting…");
    this.text = h("textarea", { id: "text", rows: "2", placeholder: "Write to the client", "aria-describedby": "composer-hint", enterkeyhint: "send" });
    this.error = h("p", { class: "alert", role: "alert", hidden: true });
    this.button = h("button", { type: "submit", class: "primary", id: "send" }, "Send");
    this.composer = h("form", { class: "composer", id: "composer", "aria-label": "Write a message" }, this.error,
      h("label", { class: "visually-hidden", for: "text" }, "Message to the client"), this.text, this.button,
      h("p", { class: "hint", id: "composer-hint" }, "Enter sends, Shift and Enter starts a line. The client reads this."));
    this.over = h("p", { class: "notice", hidden: true });
    this.node = h("section", { class: "panel flush talk", "aria-labelledby": "talk-title" },
      h("header", {}, h("h2", { id: "talk-title" }, "Messages"), this.connection), this.scroller, this.newest, this.composer, this.over);
    this.listen();
  }

  listen() {
    this.scroller.addEventListener("scroll", () => {
      if (this.shape() !== this.shaped) return; // no reader's doing: the observer follows
      this.following = this.atEnd();
      if (this.following) this.newest.hidden = true;
    }, { passive: true });
    this.resized = new ResizeObserver(() => { // a keyboard came up, or the window turned
      this.shaped = this.shape();
      if (this.following) this.toEnd();
    });
    this.resized.observe(this.scroller);
    this.composer.addEventListener("submit", (e) => { e.preventDefault(); this.submit(); });
    this.text.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.composer.requestSubmit();
    });
    this.live.addEventListener("messages", (e) => this.take(e.detail));
    this.live.addEventListener("connection", (e) => this.showConnection(e.detail));
  }

  entry(m) {
    return h("li", { class: `message ${m.role}`, "data-seq": m.seq },
      h("p", { class: "by" }, h("b", {}, speakers[m.role] ?? m.role), moment(m.createdAt)), h("p", { class: "text" }, m.content));
  }

  /** take adds messages; what is read stays where it is on the screen. */
  take({ messages, earlier }) {
    const follow = !earlier && (this.shape() === this.shaped ? this.atEnd() : this.following);
    const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    const entries = messages.map((m) => this.entry(m));
    if (earlier) this.list.prepend(...entries);
    else this.list.append(...entries);
    this.none.hidden = this.list.childElementCount > 0;
    this.before.hidden = !this.live.hasEarlier;
    if (earlier) this.scroller.scrollTop = this.scroller.scrollHeight - fromEnd;
    else if (follow) this.toEnd();
    else this.newest.hidden = false;
  }

  async earlier() {
    this.before.disabled = true;
    try {
      await this.live.earlier();
      this.before.textContent = "Load earlier messages";
    } catch (problem) {
      this.before.textContent = `${problem.message} Try again`;
    } finally {
      this.before.disabled = false;
    }
  }

  atEnd() {
    const s = this.scroller;
    return s.scrollHeight - s.scrollTop - s.clientHeight < nearEnd;
  }

  /** shape is the size in which messages are set: after a change, their place says nothing of the reader. */
  shape() {
    return `${this.scroller.clientWidth} ${this.scroller.clientHeight}`;
  }

  toEnd() {
    this.following = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.newest.hidden = true;
  }

  complain(text) {
    this.error.textContent = text;
    this.error.hidden = !text;
  }

  /** submit sends under a key of its own, so that a second try says nothing twice. */
  async submit() {
    const content = this.text.value.trim();
    if (!content || this.button.disabled) return;
    if (new TextEncoder().encode(content).length > contentBytesMax) return this.complain("The message is too long: at most 64 KiB fit.");
    if (this.pending?.content !== content) this.pending = { content, key: randomKey() };
    this.button.disabled = true;
    try {
      await this.send(this.pending);
      this.pending = null;
      if (this.text.value.trim() === content) this.text.value = "";
      this.complain("");
      this.toEnd();
    } catch (problem) {
      this.complain(`Not sent: ${problem.message}`);
    } finally {
      this.button.disabled = false;
      this.text.focus();
    }
  }

  showConnection({ state, until }) {
    clearInterval(this.countdown);
    const texts = { connecting: "Connecting…", reconnecting: "Reconnecting…", live: "Live", waiting: "Connection lost", ended: "Closed" };
    this.connection.dataset.state = { live: "good", waiting: "bad", ended: "bad" }[state] ?? "warn";
    const seconds = h("span", { "aria-hidden": "true" }); // for the eye alone
    this.connection.replaceChildren(h("span", {}, texts[state], seconds));
    if (state !== "waiting") return;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      seconds.textContent = left > 0 ? `, again in ${left} s` : "";
    };
    tick();
    this.countdown = setInterval(tick, 500);
  }

  /** end shows that nothing more can be said, and why. */
  end(text) {
    this.composer.hidden = Boolean(text);
    this.over.hidden = !text;
    this.over.textContent = text;
  }

  close() {
    clearInterval(this.countdown);
    this.resized.disconnect();
  }
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
