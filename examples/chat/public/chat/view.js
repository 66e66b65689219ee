// The conversation as elements. Everything that people wrote goes in as text.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Messages of one author this close together stand as one block. */
const blockMs = 5 * 60_000;

/** element makes an element with classes, text and attributes. */
export function element(tag, className = "", text = "", attributes = {}) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text) e.textContent = text;
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

/** hue is an author's colour, the same in every tab. */
function hue(author) {
  let h = 0;
  for (const c of author) h = (h * 31 + c.codePointAt(0)) >>> 0;
  return h % 360;
}

/** avatar is an author's initial on their colour. */
export function avatar(author) {
  const e = element("span", "avatar", Array.from(author)[0]?.toUpperCase() ?? "?", { "aria-hidden": "true" });
  e.style.setProperty("--hue", hue(author));
  return e;
}

/** Conversation is the list of messages; its parent is a live region. */
export class Conversation {
  constructor(list, me) {
    this.list = list;
    this.me = me;
    this.list.replaceChildren();
  }

  /** append puts a live message behind the others. */
  append(event) {
    this.list.append(...this.items([event], this.last));
    this.last = event;
  }

  /** prepend puts older messages before the others, quietly. */
  prepend(events) {
    if (events.length === 0) return;
    this.list.parentElement.setAttribute("aria-live", "off");
    const oldFirst = this.first && this.list.firstElementChild;
    this.list.prepend(...this.items(events, null));
    if (oldFirst?.classList.contains("day") && sameDay(events.at(-1), this.first)) oldFirst.remove();
    this.first = events[0];
    this.last ??= events.at(-1);
    requestAnimationFrame(() => this.list.parentElement.setAttribute("aria-live", "polite"));
  }

  get empty() {
    return !this.last;
  }

  items(events, before) {
    const out = [];
    for (const event of events) {
      if (!before || !sameDay(before, event)) out.push(element("li", "day", day.format(new Date(event.createdAt))));
      out.push(this.item(event, follows(before, event)));
      this.first ??= event;
      before = event;
    }
    return out;
  }

  item(event, joined) {
    const mine = event.authorId === this.me;
    const li = element("li", `message${mine ? " mine" : ""}${joined ? " joined" : ""}`, "", { "data-seq": event.seq });
    const head = element("p", "by");
    head.append(element("span", joined ? "visually-hidden" : "author", mine ? "You" : event.authorId));
    const at = new Date(event.createdAt);
    head.append(" ", element("time", "at", clock.format(at), { datetime: event.createdAt, title: whole.format(at) }));
    if (!mine) li.append(avatar(event.authorId));
    li.append(head, element("p", "text", event.content));
    return li;
  }
}

function sameDay(a, b) {
  return new Date(a.createdAt).toDateString() === new Date(b.createdAt).toDateString();
}

function follows(a, b) {
  return Boolean(a) && a.authorId === b.authorId && sameDay(a, b) && new Date(b.createdAt) - new Date(a.createdAt) < blockMs;
}

/** pending shows what is not acknowledged; retry and discard take an entry. */
export function pending(list, entries, { retry, discard }) {
  list.replaceChildren(...entries.map((entry) => {
    const li = element("li", `message mine${entry.failed ? " failed" : ""}`);
    li.append(element("p", "text", entry.content));
    const note = element("p", "note", entry.failed ? `Not sent. ${entry.failed}` : "Sending…");
    if (entry.failed) {
      const again = element("button", "quiet", "Try again", { type: "button" });
      const drop = element("button", "quiet", "Discard", { type: "button" });
      again.addEventListener("click", () => retry(entry));
      drop.addEventListener("click", () => discard(entry));
      note.append(" ", again, drop);
    }
    li.append(note);
    return li;
  }));
}

/** people lists who is here, oneself first. */
export function people(list, authors, me) {
  const sorted = [...authors].sort((a, b) => (b === me) - (a === me) || a.localeCompare(b));
  list.replaceChildren(...sorted.map((author) => {
    const li = element("li", "person");
    li.append(avatar(author), element("span", "", author === me ? `${author} (you)` : author));
    return li;
  }));
}
