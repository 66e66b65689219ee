// The page: the door, where a room is made or joined, and the room.

import { createLog } from "./api.js";
import { Outbox } from "./outbox.js";
import { Room, contentBytesMax } from "./room.js";
import * as session from "./session.js";
import { Conversation, element, pending, people } from "./view.js";

const at = (id) => document.getElementById(id);
const home = document.title;

let room = null;
let talk = null;
let unread = 0;

// ---- the door ----

function showDoor(message = "", fill = {}) {
  room?.close();
  room = null;
  at("room").hidden = at("actions").hidden = at("state").hidden = true;
  at("door").hidden = false;
  at("title").textContent = "Chat";
  document.title = home;
  at("author").value = fill.author ?? session.lastAuthor();
  choose(fill.id ? "join" : "create");
  at("join-id").value = fill.id ?? "";
  at("join-secret").value = fill.secret ?? "";
  complain(message);
  (at("author").value && fill.id ? at("join-secret") : at("author")).focus();
}

function complain(message) {
  at("door-error").textContent = message;
  at("door-error").hidden = !message;
}

function way() {
  return new FormData(at("enter")).get("way");
}

function choose(value) {
  at("enter").elements.way.value = value;
  at("create-fields").hidden = value !== "create";
  at("join-fields").hidden = value !== "join";
  at("enter-button").textContent = value === "create" ? "Create room" : "Join room";
}

/** make creates a room; where only owners may, it shows where the key goes. */
async function make(wish) {
  try {
    return await createLog(wish);
  } catch (problem) {
    if (problem.status !== 401 && problem.status !== 403) throw problem;
    at("more").open = true;
    at("owner-key").focus();
    throw new Error("Only the owner of this namespace makes rooms in it: the owner key goes below.");
  }
}

function missing(input, message) {
  complain(message);
  input.focus();
  return null;
}

/** wanted reads the form; null: something is missing, and it has been said. */
async function wanted() {
  const author = at("author").value.trim();
  if (!author) return missing(at("author"), "Please give your name.");
  if (way() === "create") {
    const name = at("room-name").value.trim();
    if (!name) return missing(at("room-name"), "Please name the room.");
    const made = await make({ id: at("room-id").value.trim(), name, owner: at("owner").value.trim(), ownerKey: at("owner-key").value });
    return { id: made.id, secret: made.secret, author };
  }
  const text = at("join-id").value.trim();
  const invite = session.readInvite(text);
  const id = invite?.id ?? text;
  const secret = at("join-secret").value.trim() || invite?.secret;
  if (!id) return missing(at("join-id"), "Please give the room's id.");
  if (!secret) return missing(at("join-secret"), "Please give the room's secret.");
  return { id, secret, author };
}

at("enter").addEventListener("change", (e) => e.target.name === "way" && choose(e.target.value));
at("join-id").addEventListener("input", () => {
  const invite = session.readInvite(at("join-id").value);
  if (!invite?.secret) return;
  at("join-id").value = invite.id;
  at("join-secret").value = invite.secret;
});
at("enter").addEventListener("submit", async (e) => {
  e.preventDefault();
  complain("");
  at("enter-button").disabled = true;
  try {
    const wish = await wanted();
    if (wish) enter(wish);
  } catch (problem) {
    complain(problem.message);
  } finally {
    at("enter-button").disabled = false;
  }
});

// ---- the room ----

function enter(wish) {
  session.save(wish);
  session.keepAuthor(wish.author);
  session.showRoom(wish.id);
  at("door").hidden = true;
  at("room").hidden = at("actions").hidden = at("state").hidden = false;
  at("title").textContent = wish.id;
  at("composer").hidden = false;
  room = new Room(wish, new Outbox(wish.id, wish.author));
  talk = new Conversation(at("messages"), wish.author);
  people(at("people"), [], wish.author);
  listen(room);
  showOutbox();
  room.open();
  at("text").focus();
}

function listen(r) {
  const on = (type, does) => r.addEventListener(type, (e) => r === room && does(e.detail));
  on("state", showState);
  on("opened", ({ name }) => {
    at("title").textContent = name;
    document.title = `${name} · ${home}`;
  });
  on("page", ({ events, hasMore }) => {
    const fromEnd = at("scroller").scrollHeight - at("scroller").scrollTop;
    talk.prepend(events);
    at("earlier").hidden = !hasMore;
    at("empty").hidden = !talk.empty;
    at("scroller").scrollTop = at("scroller").scrollHeight - fromEnd;
  });
  on("message", ({ event }) => {
    const follow = atEnd() || event.authorId === r.author;
    talk.append(event);
    at("empty").hidden = true;
    if (follow) toEnd();
    else at("newest").hidden = false;
    if (document.hidden && event.authorId !== r.author) countUnread(unread + 1);
  });
  on("presence", ({ authors, changed }) => {
    people(at("people"), authors, r.author);
    if (changed) at("announce").textContent = `${changed.authorId} is ${changed.state}`;
  });
  on("outbox", showOutbox);
  on("cleared", () => {
    talk = new Conversation(at("messages"), r.author);
  });
  on("ended", ({ why, text }) => {
    if (why === "deleted") {
      at("composer").hidden = true;
      return;
    }
    const { id, author } = r;
    session.clear();
    showDoor(text, { id, author });
  });
}

const states = {
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  live: "Live",
  waiting: "Connection lost",
  ended: "This room has been deleted",
};

let countdown = 0;

function showState({ state, until }) {
  clearInterval(countdown);
  at("state").dataset.state = state;
  const text = element("span", "", states[state]);
  at("state").replaceChildren(text);
  if (state !== "waiting") return;
  // The loss is spoken once; the seconds are for the eye.
  const seconds = element("span", "", "", { "aria-hidden": "true" });
  text.append(seconds);
  const show = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    seconds.textContent = left > 0 ? `, again in ${left} s` : "";
  };
  show();
  countdown = setInterval(show, 500);
}

function showOutbox() {
  const follow = atEnd();
  const entries = room.outbox.entries;
  pending(at("outbox"), entries, {
    retry: (entry) => room.retry(entry),
    discard: (entry) => room.discard(entry),
  });
  if (entries.length > 0) at("empty").hidden = true;
  if (follow) toEnd();
}

const nearEnd = 80;

function atEnd() {
  const s = at("scroller");
  return s.scrollHeight - s.scrollTop - s.clientHeight < nearEnd;
}

function toEnd() {
  at("scroller").scrollTop = at("scroller").scrollHeight;
  at("newest").hidden = true;
}

function countUnread(n) {
  unread = n;
  document.title = `${n ? `(${n}) ` : ""}${at("title").textContent} · ${home}`;
}

at("scroller").addEventListener("scroll", () => {
  if (atEnd()) at("newest").hidden = true;
}, { passive: true });
at("newest").addEventListener("click", () => {
  toEnd();
  at("text").focus();
});
at("earlier").addEventListener("click", async () => {
  at("earlier").disabled = true;
  try {
    await room.earlier();
    at("earlier").textContent = "Load earlier messages";
  } catch (problem) {
    at("earlier").textContent = `${problem.message} Try again`;
  } finally {
    at("earlier").disabled = false;
  }
});

at("composer").addEventListener("submit", (e) => {
  e.preventDefault();
  const content = at("text").value.trim();
  if (!content) return;
  if (new TextEncoder().encode(content).length > contentBytesMax) {
    at("text").setCustomValidity("The message is too long: at most 64 KiB fit.");
    at("text").reportValidity();
    return;
  }
  at("text").value = "";
  grow();
  room.send(content);
  toEnd();
  at("text").focus();
});
at("text").addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  at("composer").requestSubmit();
});
at("text").addEventListener("input", grow);

function grow() {
  at("text").setCustomValidity("");
  at("text").rows = Math.min(6, at("text").value.split("\n").length);
}

at("invite").addEventListener("click", async () => {
  const link = session.inviteLink(room.id, room.secret);
  try {
    await navigator.clipboard.writeText(link);
    at("invite").textContent = "Copied";
    setTimeout(() => { at("invite").textContent = "Copy invite"; }, 2000);
  } catch {
    prompt("Copy this link to invite somebody:", link);
  }
});
at("leave").addEventListener("click", () => {
  session.clear();
  session.showRoom("");
  showDoor();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && unread) countUnread(0);
});

// ---- begin ----

function begin() {
  const invite = session.takeInvite();
  const kept = session.load();
  if (kept && (!invite || invite.id === kept.id && (!invite.secret || invite.secret === kept.secret))) return enter(kept);
  const author = session.lastAuthor();
  if (invite?.secret && author) return enter({ ...invite, author });
  showDoor("", invite ? { ...invite } : {});
}

addEventListener("hashchange", () => {
  const invite = session.takeInvite();
  if (invite?.secret && invite.id !== room?.id) showDoor("", invite);
});

begin();
