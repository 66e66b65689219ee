// One room as its socket shows it: history first, then live, without a gap or
// a repeat over any number of reconnects.
//
//  1. the newest page of history is read over HTTP
//  2. the socket opens behind it (afterSeq, epoch) and greets with a welcome
//  3. what is unacknowledged goes out, each message under its key
//  4. a socket that ends comes back after a pause, behind the last message
//
// A reset (another epoch) begins at 1 again.

import { readEvents, readLog } from "./api.js";

export const pageSize = 100;
export const contentBytesMax = 64 * 1024;

const pauseFirst = 400;
const pauseMax = 15_000;
const pingEvery = 25_000;
const silenceMax = 10_000;

const restart = 1012;
const tooSlow = 1013;
const tooBig = 1009;

/** What a close code means for good; any other code is a reason to come back. */
const endings = {
  4400: ["refused", "The host did not understand this page."],
  4401: ["credential", "The room wants a secret."],
  4403: ["credential", "The secret is not this room's."],
  4404: ["missing", "There is no such room."],
  4410: ["deleted", "This room has been deleted."],
};

/** pause is how long to wait before the nth try: doubled, with jitter. */
export function pause(tries, random = Math.random()) {
  return Math.min(pauseMax, pauseFirst * 2 ** tries) * (0.5 + random / 2);
}

function base64url(text) {
  let binary = "";
  for (const b of new TextEncoder().encode(text)) binary += String.fromCharCode(b);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Room emits, as CustomEvents: "state" {state, until?}, "opened" {name},
 * "page" {events, hasMore} (history to put before the rest), "message" {event},
 * "presence" {authors}, "outbox", "cleared", and "ended" {why, text}.
 */
export class Room extends EventTarget {
  constructor({ id, secret, author }, outbox) {
    super();
    Object.assign(this, { id, secret, author, outbox });
    this.people = new Map();
    this.firstSeq = this.lastSeq = this.tries = 0;
    this.epoch = "";
    this.run = 0; // counts connections, so that a late answer of an old one is known
    this.wake = () => this.soon();
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** open reads the newest page and connects; it goes on trying until close. */
  async open() {
    const run = ++this.run;
    this.hush();
    this.state("connecting");
    try {
      const log = await readLog(this.id, this.secret);
      const page = await readEvents(this.id, this.secret, { limit: pageSize });
      if (run !== this.run) return;
      this.epoch = page.epoch;
      this.lastSeq = page.events.at(-1)?.seq ?? page.headSeq;
      this.firstSeq = page.events[0]?.seq ?? 0;
      this.emit("opened", { name: log.name });
      this.emit("page", page);
    } catch (problem) {
      if (run === this.run) this.failed(problem, () => this.open());
      return;
    }
    this.connect();
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
    this.over = true;
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.hush();
    this.socket?.close(1000);
  }

  hush() {
    clearTimeout(this.timer);
    this.timer = 0;
    clearTimeout(this.silence);
    clearInterval(this.pinger);
  }

  state(state, until) {
    this.live = state === "live";
    this.emit("state", { state, until });
  }

  connect() {
    const run = ++this.run;
    this.hush();
    this.socket?.close();
    this.state(this.tries === 0 ? "connecting" : "reconnecting");
    const query = new URLSearchParams({ authorId: this.author, afterSeq: String(this.lastSeq), epoch: this.epoch });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const url = `${scheme}://${location.host}/logs/${encodeURIComponent(this.id)}/ws?${query}`;
    const socket = new WebSocket(url, ["log.v1", `bearer.${base64url(this.secret)}`]);
    this.socket = socket;
    socket.onmessage = (m) => run === this.run && this.take(m.data);
    socket.onclose = (c) => run === this.run && this.closed(c.code);
  }

  /** closed decides what the end of a socket means. */
  closed(code) {
    this.hush();
    if (this.over) return;
    if (endings[code]) return this.end(...endings[code]);
    if (code === tooBig) {
      const entry = this.outbox.waiting()[0];
      if (entry) this.outbox.fail(entry, "It is too long.");
      this.emit("outbox");
    }
    if (code === tooSlow) this.tries = Math.max(this.tries, 2);
    if (code === restart) this.tries = 0;
    this.later(() => this.connect());
  }

  end(why, text) {
    this.over = true;
    this.run++;
    this.hush();
    this.state("ended");
    this.emit("ended", { why, text });
  }

  /** failed is closed for a call over HTTP. */
  failed(problem, again) {
    const code = { 401: 4401, 403: 4403, 404: 4404, 410: 4410 }[problem.status];
    if (code) return this.end(...endings[code]);
    this.later(again);
  }

  later(again) {
    const wait = pause(this.tries++);
    this.again = again;
    this.state("waiting", Date.now() + wait);
    this.timer = setTimeout(again, wait);
  }

  /** soon cuts a pause short: the network or the reader has come back. */
  soon() {
    if (this.over || document.hidden) return;
    if (this.live) return this.ping();
    if (!this.timer || !this.again) return;
    this.again();
  }

  ping() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send("ping");
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.run++; // the close frame may never come
      this.socket.close();
      this.closed(0);
    }, silenceMax);
  }

  /** take handles a frame. */
  take(data) {
    clearTimeout(this.silence);
    if (data === "pong") return;
    const frame = JSON.parse(data);
    switch (frame.type) {
      case "welcome": return this.welcome(frame);
      case "event": return this.event(frame.event);
      case "presence": return this.presence(frame);
      case "ack": return this.acknowledged(frame);
      case "error": return this.refused(frame);
      case "deleted": return this.end(...endings[4410]);
      case "reset": return this.reset();
    }
  }

  welcome(frame) {
    this.tries = 0;
    this.again = null;
    this.people = new Map(frame.presence.map((p) => [p.authorId, p]));
    this.emit("presence", { authors: [...this.people.keys()] });
    this.pinger = setInterval(() => this.ping(), pingEvery);
    this.state("live");
    for (const entry of this.outbox.waiting()) this.push(entry);
  }

  event(event) {
    if (event.seq <= this.lastSeq) return;
    if (event.seq > this.lastSeq + 1 && this.hole !== this.lastSeq) {
      this.hole = this.lastSeq; // ask again, once: retention may have cut what lay between
      return this.connect();
    }
    this.lastSeq = event.seq;
    this.firstSeq ||= event.seq;
    this.emit("message", { event });
    const entry = this.outbox.entries.find((e) => e.seq === event.seq);
    if (entry) this.discard(entry);
  }

  presence(frame) {
    if (frame.state === "online") this.people.set(frame.authorId, frame);
    else this.people.delete(frame.authorId);
    this.emit("presence", { authors: [...this.people.keys()], changed: frame });
  }

  acknowledged(frame) {
    const entry = this.outbox.find(frame.ref);
    if (!entry) return;
    if (frame.seq <= this.lastSeq) return this.discard(entry);
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
    if (!this.live || entry.failed || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ type: "append", ref: entry.ref, key: entry.key, content: entry.content }));
  }

  /** reset starts anew: the room's history is another one. */
  reset() {
    this.run++;
    this.hush();
    this.socket.close(1000);
    this.lastSeq = this.firstSeq = 0;
    this.emit("cleared");
    this.open();
  }
}
