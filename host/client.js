// A WebSocket that comes back: for pages of apps on a Holdfast host, which
// serves this module at /_holdfast/client.js.
//
//   import { Connection } from "/_holdfast/client.js";
//   const c = new Connection("/rooms/harbour/ws", { token: secret });
//   c.addEventListener("message", (e) => show(e.detail));
//   c.open();
//
// It reconnects with doubled pauses and jitter, asks for what it missed by the
// last sequence number and the epoch that it saw, drops repeats, notices
// silence by "ping" and "pong", offers a token as a subprotocol (a browser
// sets no header, and a token in an address is a token in a log), and keeps
// who is present.

const defaults = {
  protocols: [], // subprotocols to offer, the best first
  token: "", // offered as the subprotocol bearer.<base64url(token)>
  pauseFirst: 400, // ms before the first try, doubled with each
  pauseMax: 15_000,
  pingEvery: 25_000, // ms; 0: never
  silenceMax: 10_000, // ms that the answer to a ping may take
  welcome: "", // type of the message that makes the connection live; "": being open does
  after: "afterSeq", // query parameters of a resume
  epoch: "epoch",
};

// Close codes with a meaning of their own.
const restart = 1012;
const tooSlow = 1013;

/** pause is how many ms to wait before the nth try: doubled, with jitter, so that clients do not return in one herd. */
export function pause(tries, { pauseFirst, pauseMax } = defaults, random = Math.random()) {
  return Math.min(pauseMax, pauseFirst * 2 ** Math.min(tries, 30)) * (0.5 + random / 2);
}

/** final says whether a close code is for good: the app's own refusals are. */
export function final(code) {
  return code >= 4400 && code <= 4499;
}

/** bearer is the subprotocol that carries a token. */
export function bearer(token) {
  let binary = "";
  for (const b of new TextEncoder().encode(token)) binary += String.fromCharCode(b);
  return `bearer.${btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** Presence is who is here, from a list and from who comes and goes. */
export class Presence {
  constructor() {
    this.people = new Map();
  }

  /** reset takes a list of {authorId, …}. */
  reset(list) {
    this.people = new Map(list.map((p) => [p.authorId, p]));
  }

  /** change takes {authorId, state: "online" | "offline"}. */
  change(who) {
    if (who.state === "online") this.people.set(who.authorId, who);
    else this.people.delete(who.authorId);
  }

  get names() {
    return [...this.people.keys()];
  }
}

/**
 * Connection emits, as CustomEvents:
 *
 *   "state"     {state: "connecting" | "reconnecting" | "live" | "waiting" | "ended", until?}
 *   "message"   a message: parsed, where it is JSON, else as it came
 *   "presence"  {authors, changed?}
 *   "reset"     the stream is another one: read it anew, then resume(seq, epoch)
 *   "lost"      {code, reason} a connection has ended, another will be tried
 *   "end"       {code, reason} it is over, and was not closed by the page
 *
 * A message with a number (message.event.seq, or message.seq of type "event")
 * is part of the stream: one that has been seen is dropped, one behind a hole
 * makes the connection ask again. Messages {type: "welcome", presence?, epoch?},
 * {type: "presence"} and {type: "reset"} are understood, and passed on too.
 */
export class Connection extends EventTarget {
  constructor(url, options = {}) {
    super();
    this.url = url;
    this.options = { ...defaults, ...options };
    this.presence = new Presence();
    this.seq = -1; // the last one seen; -1: no stream to resume
    this.epoch = "";
    this.tries = 0;
    this.run = 0; // counts sockets, so that what an old one says is known
    this.wake = () => this.soon();
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** resume says what the page has: the next connection asks for what is behind it. */
  resume(seq, epoch = this.epoch) {
    this.seq = seq;
    this.epoch = epoch;
  }

  /** open connects, and goes on trying until close. */
  open() {
    if (!this.listening) {
      this.listening = true;
      globalThis.addEventListener?.("online", this.wake);
      globalThis.document?.addEventListener("visibilitychange", this.wake);
    }
    this.over = false;
    this.connect();
  }

  /** close leaves for good; nothing more is emitted. */
  close(code = 1000) {
    this.leave();
    this.socket?.close(code);
  }

  /** send sends text, or anything else as JSON; false: there is no live connection, and nothing was sent. */
  send(message) {
    if (!this.live || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
    return true;
  }

  address() {
    const url = new URL(this.url, globalThis.location?.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.seq >= 0) {
      url.searchParams.set(this.options.after, String(this.seq));
      if (this.epoch) url.searchParams.set(this.options.epoch, this.epoch);
    }
    return url;
  }

  connect() {
    const run = ++this.run;
    this.hush();
    this.socket?.close();
    this.state(this.tries === 0 ? "connecting" : "reconnecting");
    const { protocols, token, welcome } = this.options;
    const socket = new WebSocket(this.address(), token ? [...protocols, bearer(token)] : protocols);
    this.socket = socket;
    socket.onopen = () => run === this.run && !welcome && this.alive();
    socket.onmessage = (m) => run === this.run && this.take(m.data);
    socket.onclose = (c) => run === this.run && this.closed(c.code, c.reason);
  }

  alive() {
    this.tries = 0;
    if (this.options.pingEvery) this.pinger = setInterval(() => this.ping(), this.options.pingEvery);
    this.state("live");
  }

  state(state, until) {
    this.live = state === "live";
    this.emit("state", { state, until });
  }

  hush() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.heard();
    clearInterval(this.pinger);
  }

  leave() {
    this.run++;
    this.over = true;
    this.live = this.listening = false;
    globalThis.removeEventListener?.("online", this.wake);
    globalThis.document?.removeEventListener("visibilitychange", this.wake);
    this.hush();
  }

  closed(code, reason = "") {
    this.hush();
    if (final(code)) {
      this.leave();
      this.state("ended");
      this.emit("end", { code, reason });
      return;
    }
    if (code === tooSlow) this.tries = Math.max(this.tries, 2);
    if (code === restart) this.tries = 0;
    this.emit("lost", { code, reason });
    if (this.over) return; // a listener has closed
    const wait = pause(this.tries++, this.options);
    this.state("waiting", Date.now() + wait);
    this.timer = setTimeout(() => this.connect(), wait);
  }

  /** soon cuts a pause short: the network or the reader has come back. */
  soon() {
    if (this.over || globalThis.document?.hidden) return;
    if (this.live) this.ping();
    else if (this.timer) this.connect();
  }

  ping() {
    if (this.silence || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send("ping");
    this.silence = setTimeout(() => {
      this.run++; // the close frame may never come
      this.socket.close();
      this.closed(0, "no answer");
    }, this.options.silenceMax);
  }

  heard() {
    clearTimeout(this.silence);
    this.silence = 0;
  }

  take(data) {
    this.heard();
    if (data === "pong") return;
    let message = data;
    try {
      if (typeof data === "string") message = JSON.parse(data);
    } catch {
      // text of the app's own
    }
    const type = message?.type;
    if (type === "reset") return this.reset(message);
    const seq = message?.event?.seq ?? (type === "event" ? message.seq : undefined);
    if (typeof seq === "number" && !this.next(seq)) return;
    if (type === "welcome") {
      if (message.epoch) this.epoch = message.epoch;
      if (message.presence) this.tell(() => this.presence.reset(message.presence));
    }
    if (type === "presence") this.tell(() => this.presence.change(message), message);
    if (type && type === this.options.welcome) this.alive();
    this.emit("message", message);
  }

  tell(change, changed) {
    change();
    this.emit("presence", { authors: this.presence.names, changed });
  }

  /** next says whether a number is the next to show. */
  next(seq) {
    if (this.seq >= 0 && seq <= this.seq) return false;
    if (this.seq >= 0 && seq > this.seq + 1 && this.hole !== this.seq) {
      this.hole = this.seq; // ask again, once: what lay between may be gone for good
      this.connect();
      return false;
    }
    this.seq = seq;
    return true;
  }

  /** reset stops: the page reads the new stream and opens again. */
  reset(message) {
    this.run++;
    this.hush();
    this.socket.close(1000);
    this.live = false;
    this.seq = -1;
    this.epoch = message.epoch ?? "";
    this.emit("reset", message);
  }
}
