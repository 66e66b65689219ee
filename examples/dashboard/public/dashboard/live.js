// One conversation as its socket shows it: the state when it connects, then
// what changes, over any number of reconnects without a gap or a repeat of
// messages.

import { Connection } from "/_holdfast/client.js";

import { base64url, query } from "./api.js";

/** What a close code means for good; any other is a reason to come back. */
const endings = {
  4401: "The host wants a key.",
  4403: "The firm's key is not taken any more. Please sign in again.",
  4404: "There is no such conversation.",
};

/**
 * Live emits, as CustomEvents: "connection" {state, until?}, "state" (the
 * state), "messages" {messages, earlier} in the order of seq, "conflict" and
 * "assignment" (one each), "ended" {text}.
 */
export class Live extends EventTarget {
  constructor(api, id) {
    super();
    this.api = api;
    this.below = `/conversations/${encodeURIComponent(id)}`;
    this.first = this.last = 0; // seqs that are shown
    this.gone = new AbortController();
    this.queue = Promise.resolve();
    const c = new Connection(api.path(`${this.below}/ws`), {
      protocols: ["engage.v1", `user.${base64url(api.user)}`], token: api.key, welcome: "welcome",
    });
    c.addEventListener("state", (e) => this.emit("connection", e.detail));
    c.addEventListener("end", (e) => this.emit("ended", { text: endings[e.detail.code] ?? "The host has closed this view." }));
    c.addEventListener("message", (e) => this.take(e.detail));
    this.connection = c;
  }

  emit(type, detail) {
    if (!this.gone.signal.aborted) this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  open() {
    this.connection.open();
  }

  close() {
    this.gone.abort();
    this.connection.close();
  }

  /** take handles a frame. Frames that show messages keep their order. */
  take(frame) {
    switch (frame.type) {
      case "welcome":
        this.emit("state", frame.state);
        return this.then(() => this.welcome(frame.state));
      case "message":
        return this.then(() => this.append([frame.message]));
      case "state":
      case "conflict":
      case "assignment":
        return this.emit(frame.type, frame[frame.type]);
    }
  }

  then(does) {
    this.queue = this.queue.then(does).catch((problem) => {
      if (!this.gone.signal.aborted) console.warn("what was missed could not be read:", problem.message);
    });
  }

  /** welcome shows what the state has, and reads what lies before it. */
  async welcome({ messages }) {
    if (this.last && messages.length > 0 && messages[0].seq > this.last + 1) {
      for (let more = true; more && this.last + 1 < messages[0].seq;) {
        const page = await this.read({ afterSeq: this.last, beforeSeq: messages[0].seq, limit: 1000 });
        this.append(page.messages);
        more = page.hasMore;
      }
    }
    this.append(messages);
  }

  append(messages) {
    const fresh = messages.filter((m) => m.seq > this.last);
    if (fresh.length === 0) return;
    this.first ||= fresh[0].seq;
    this.last = fresh.at(-1).seq;
    this.emit("messages", { messages: fresh, earlier: false });
  }

  read(params) {
    return this.api.get(`${this.below}/messages${query(params)}`, this.gone.signal);
  }

  get hasEarlier() {
    return this.first > 1;
  }

  /** earlier reads the page before the oldest message that is shown. */
  async earlier() {
    const { messages } = await this.read({ beforeSeq: this.first, afterSeq: Math.max(0, this.first - 1 - pageSize), limit: pageSize });
    if (messages.length > 0) this.first = messages[0].seq;
    this.emit("messages", { messages, earlier: true });
  }
}

const pageSize = 100;
