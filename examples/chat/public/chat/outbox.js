// Messages that the host has not acknowledged yet. Each has a key, so that one
// that is sent again after a reconnect counts once. They outlive a reload.

const prefix = "holdfast.chat.outbox.";

function randomText() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Outbox is the unacknowledged messages of one author in one room. */
export class Outbox {
  constructor(id, author) {
    this.store = `${prefix}${id}.${author}`;
    try {
      this.entries = JSON.parse(sessionStorage.getItem(this.store)) ?? [];
    } catch {
      this.entries = [];
    }
  }

  /** add takes a message; its place in line is for good. */
  add(content) {
    const key = randomText();
    const entry = { ref: key, key, content, at: Date.now() };
    this.entries.push(entry);
    this.keep();
    return entry;
  }

  find(ref) {
    return this.entries.find((e) => e.ref === ref);
  }

  /** waiting are those to send, in order. */
  waiting() {
    return this.entries.filter((e) => !e.failed);
  }

  remove(entry) {
    this.entries = this.entries.filter((e) => e !== entry);
    this.keep();
  }

  fail(entry, reason) {
    entry.failed = reason;
    this.keep();
  }

  /** retry lines a failed message up again, under its old key. */
  retry(entry) {
    delete entry.failed;
    this.keep();
  }

  keep() {
    if (this.entries.length === 0) {
      sessionStorage.removeItem(this.store);
      return;
    }
    sessionStorage.setItem(this.store, JSON.stringify(this.entries.map(({ ref, key, content, at, failed }) => ({ ref, key, content, at, failed }))));
  }
}
