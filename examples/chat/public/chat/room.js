// One room as its socket shows it: history first, then live, without a gap or
// a repeat over any number of reconnects.
//
//  1. the newest page of history is read over HTTP
//  2. the socket opens behind it (afterSeq, epoch) and greets with a welcome
//  3. what is unacknowledged goes out, each message under its key
//  4. a socket that ends comes back after a pause, behind the last message
//
// A reset (another epoch) begins at 1 again.

import { Connection, pause } from "/_holdfast/client.js";

import { readEvents, readLog } from "./api.js";

export const pageSize = 100;
export const contentBytesMax = 64 * 1024;

const tooBig = 1009;

/** What a close code means for good; any other code is a reason to come back. */
const endings = {
  4400: ["refused", "The host did not understand this page."],
  4401: ["credential", "The room wants a secret."],
  4403: ["credential", "The secret is not this room's."],
  4404: ["missing", "There is no such room."],
  4410: ["deleted", "This room has been deleted."],
};

/**
 * Room emits, as CustomEvents: "state" {state, until?}, "opened" {name},
 * "page" {events, hasMore} (history to put before the rest), "message" {event},
 * "presence" {authors}, "outbox", "cleared", and "ended" {why, text}.
 */
export class Room extends EventTarget {
  constructor({ id, secret, author }, outbox) {
    super();
    Object.assign(this, { id, secret, author, outbox });
    this.firstSeq = this.tries = 0;
    this.run = 0; // counts openings, so that a late answer of an old one is known
    const c = new Connection(`/logs/${encodeURIComponent(id)}/ws?authorId=${encodeURIComponent(author)}`, {
      protocols: ["log.v1"], token: secret, welcome: "welcome",
    });
    this.connection = c;
    c.addEventListener("state", (e) => this.state(e.detail.state, e.detail.until));
    c.addEventListener("presence", (e) => this.emit("presence", e.detail));
    c.addEventListener("message", (e) => this.take(e.detail));
    c.addEventListener("reset", () => this.reset());
    c.addEventListener("lost", (e) => this.lost(e.detail.code));
    c.addEventListener("end", (e) => this.end(...(endings[e.detail.code] ?? endings[4400])));
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** open reads the newest page and connects; it goes on trying until close. */
  async open() {
    const run = ++this.run;
    this.state("connecting");
    try {
      const log = await readLog(this.id, this.secret);
      const page = await readEvents(this.id, this.secret, { limit: pageSize });
      if (run !== this.run) return;
      this.tries = 0;
      this.connection.resume(page.events.at(-1)?.seq ?? page.headSeq, page.epoch);
      this.firstSeq = page.events[0]?.seq ?? 0;
      this.emit("opened", { name: log.name });
      this.emit("page", page);
    } catch (problem) {
      if (run === this.run) this.failed(problem);
      return;
    }
    this.connection.open();
  }

  /** earlier reads the page before the oldest message that is shown. */
  async earlier() {
    const page = await readEvents(this.id, this.secret, { before: this.firstSeq, limit: pageSize });
    this.firstSeq = page.events[0]?.seq ?? this.firstSeq;
    this.emit("page", page);
  }

  /** send lines a message up; it leaves now or with the next connection. */
  send(content) {
    const entry = this.outbox.add(content);
    this.emit("outbox");
    this.push(entry);
  }

  retry(entry) {
    this.outbox.retry(entry);
    this.emit("outbox");
    this.push(entry);
  }

  discard(entry) {
    this.outbox.remove(entry);
    this.emit("outbox");
  }

  /** close leaves for good. */
  close() {
    this.run++;
    clearTimeout(this.timer);
    this.connection.close();
  }

  state(state, until) {
    this.live = state === "live";
    this.emit("state", { state, until });
  }

  /** lost hears why a socket has ended; another one will be tried. */
  lost(code) {
    if (code !== tooBig) return;
    const entry = this.outbox.waiting()[0];
    if (entry) this.outbox.fail(entry, "It is too long.");
    this.emit("outbox");
  }

  end(why, text) {
    this.close();
    this.state("ended");
    this.emit("ended", { why, text });
  }

  /** failed is a call over HTTP that did not succeed: for good, or for now. */
  failed(problem) {
    const code = { 401: 4401, 403: 4403, 404: 4404, 410: 4410 }[problem.status];
    if (code) return this.end(...endings[code]);
    const wait = pause(this.tries++);
    this.state("waiting", Date.now() + wait);
    this.timer = setTimeout(() => this.open(), wait);
  }

  /** take handles a frame. */
  take(frame) {
    switch (frame.type) {
      case "welcome": return this.welcome();
      case "event": return this.event(frame.event);
      case "ack": return this.acknowledged(frame);
      case "error": return this.refused(frame);
      case "deleted": return this.end(...endings[4410]);
    }
  }

  welcome() {
    for (const entry of this.outbox.waiting()) this.push(entry);
  }

  event(event) {
    this.firstSeq ||= event.seq;
    this.emit("message", { event });
    const entry = this.outbox.entries.find((e) => e.seq === event.seq);
    if (entry) this.discard(entry);
  }

  acknowledged(frame) {
    const entry = this.outbox.find(frame.ref);
    if (!entry) return;
    if (frame.seq <= this.connection.seq) return this.discard(entry);
    entry.seq = frame.seq; // its event frame is on the way
  }

  refused(frame) {
    const entry = frame.ref && this.outbox.find(frame.ref);
    if (!entry) return;
    if (frame.code === "overloaded") {
      setTimeout(() => this.push(entry), pause(1));
      return;
    }
    this.outbox.fail(entry, frame.message);
    this.emit("outbox");
  }

  push(entry) {
    if (entry.failed) return;
    this.connection.send({ type: "append", ref: entry.ref, key: entry.key, content: entry.content });
  }

  /** reset starts anew: the room's history is another one. */
  reset() {
    this.firstSeq = 0;
    this.emit("cleared");
    this.open();
  }
}
