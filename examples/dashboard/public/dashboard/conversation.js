// The live view of one conversation: messages, and the file beside them.

import { conflicts } from "./conflicts.js";
import { ask } from "./dialog.js";
import { announce, badge, field, h, head, moment, plain, quietly } from "./dom.js";
import { Live } from "./live.js";
import { assignments, goals, parties, quality } from "./panels.js";
import { Talk } from "./talk.js";

/** View is the view. */
class View {
  constructor(box, api, id) {
    Object.assign(this, { box, api, id });
    this.state = null;
    this.gone = new AbortController();
    this.below = `/conversations/${encodeURIComponent(id)}`;
    this.live = new Live(api, id);
    this.talk = new Talk(this.live, ({ content, key }) => this.say(content, key));
    this.title = head("Conversation");
    this.facts = h("div", { class: "facts", id: "facts" });
    this.failure = h("p", { class: "alert", role: "alert", hidden: true, id: "failure" });
    this.buttons = this.actions();
    this.title.append(...Object.values(this.buttons), h("a", { class: "button", href: `#/audit?sessionId=${encodeURIComponent(id)}`, id: "trail" }, "Audit trail"));
    const act = (method, path, body, said) => this.act(this.below + path, method, body, said);
    const atFirm = (method, path, body, said) => this.act(path, method, body, said);
    const open = () => this.open;
    const found = conflicts(atFirm, open, api, id);
    this.panels = [found, parties(act, open, found.reveal), assignments(act, open, api), goals(act, open), quality()];
    this.desk = h("div", { class: "desk", hidden: true }, this.talk.node, h("div", { class: "file" }, this.panels.map((p) => p.node)));
    this.waiting = h("p", { class: "notice" }, "Opening…");
    box.append(h("a", { class: "trail", href: "#/conversations" }, "← All conversations"), this.title, this.facts, this.failure, this.waiting, this.desk);
    this.live.addEventListener("state", (e) => this.show(e.detail));
    this.live.addEventListener("conflict", (e) => this.tellConflict(e.detail));
    this.live.addEventListener("ended", (e) => this.end(e.detail.text));
    this.live.open();
  }

  get open() {
    return this.state?.status === "active" && !this.state.isDeleted;
  }

  actions() {
    const end = (verb, title, lead, danger) => ask({
      title, lead, danger, button: title.split(" ")[0], fallback: () => document.getElementById("view-title"),
      fields: [field("Reason", h("textarea", { name: "reason", rows: "2", maxlength: "4000" }), "May stay empty.")],
      submit: ({ reason }) => this.act(`${this.below}:${verb}`, "POST", reason ? { reason } : {}, `The conversation is ${verb}d`),
    });
    const button = (id, text, cls, onclick) => h("button", { type: "button", id, class: cls, hidden: true, onclick }, text);
    return {
      secure: button("secure", "Secure", null, () => quietly(this.act(`${this.below}:secure`, "POST", undefined, "The conversation is secured"))),
      complete: button("complete", "Complete", null, () => end("complete", "Complete the conversation", "It will take no further messages or changes.")),
      terminate: button("terminate", "Terminate", "danger", () => end("terminate", "Terminate the conversation", "It will take no further messages or changes.", true)),
    };
  }

  /** act changes something. What fails is shown, unless a dialog shows it. */
  async act(path, method, body, said) {
    this.failure.hidden = true;
    try {
      const answer = await this.api.call(method, path, body, this.gone.signal);
      if (said) announce(said);
      return answer;
    } catch (problem) {
      if (!document.querySelector("dialog[open]")) {
        this.failure.textContent = problem.message;
        this.failure.hidden = false;
      }
      throw problem;
    }
  }

  async say(content, key) {
    const { message } = await this.api.post(`${this.below}/messages`, { role: "staff", content, key }, this.gone.signal);
    this.live.then(() => this.live.welcome({ messages: [message] }));
  }

  /** show brings the page to a state; panels that did not change stay. */
  show(state) {
    if (this.state && state.version < this.state.version) return;
    const before = this.state;
    this.state = state;
    this.desk.hidden = false;
    this.waiting.hidden = true;
    const name = state.clientName ?? "Unnamed client";
    document.getElementById("view-title").textContent = name;
    document.title = `${name} · Engage`;
    const focused = document.activeElement;
    this.buttons.secure.hidden = !this.open || state.phase !== "pre_login";
    this.buttons.complete.hidden = this.buttons.terminate.hidden = !this.open;
    if (focused?.hidden) document.getElementById("view-title").focus();
    if (changed(before, state, factKeys)) this.showFacts(state);
    if (changed(before, state, fileKeys)) for (const p of this.panels) p.update(state);
    this.talk.end(this.open ? "" : `The conversation is ${state.isDeleted ? "deleted" : state.status}: it takes no further messages.`);
    if (!before) this.talk.toEnd();
  }

  showFacts(s) {
    this.facts.replaceChildren(badge(s.status), badge(s.phase), h("span", { id: "conflict-status" }, badge(s.conflictStatus)),
      s.isDeleted ? badge("deleted") : "", h("span", {}, s.clientEmail ?? "no e-mail yet"), h("span", {}, s.practiceArea ?? "no practice area yet"),
      h("span", { id: "assignee" }, s.assignedTo ? `assigned to ${this.api.nameOf(s.assignedTo)}` : "assigned to nobody"),
      h("span", {}, "begun ", moment(s.createdAt)), h("span", {}, "last activity ", moment(s.lastActivity)), h("code", {}, s.sessionId));
  }

  tellConflict(c) {
    if (c.status === "detected") announce(`A conflict: ${c.conflictEntity} and ${c.matched.name}, ${plain(c.matched.type)} of another conversation`);
  }

  end(text) {
    this.failure.textContent = text;
    this.failure.hidden = false;
    this.waiting.hidden = true;
  }

  close() {
    this.gone.abort();
    this.live.close();
    this.talk.close();
    document.querySelector("dialog[open]")?.close();
  }
}

const fileKeys = ["status", "phase", "isDeleted", "goals", "parties", "conflicts", "assignments", "dataQuality", "opposingPartyNone", "conflictStatus"];
const factKeys = ["status", "phase", "isDeleted", "clientName", "clientEmail", "practiceArea", "assignedTo", "conflictStatus", "lastActivity"];

/** changed reports whether any of some fields differ. */
function changed(a, b, keys) {
  return !a || keys.some((k) => JSON.stringify(a[k]) !== JSON.stringify(b[k]));
}

/** showConversation opens the view in a box. */
export function showConversation(box, api, id) {
  return new View(box, api, id);
}
