// The audit trail of the firm or of a conversation, and the proof that nobody
// has changed it.

import { query } from "./api.js";
import { announce, badge, field, h, head, moment, number, plain, trouble } from "./dom.js";
import { Table } from "./table.js";

const pageSize = 200;

/** auditColumns are those of the contract's row. */
export function auditColumns(api) {
  return [
    { key: "action", label: "Action", lead: true, cell: (r) => h("b", {}, plain(r.action)) },
    { key: "timestamp", label: "When", narrow: true, cell: (r) => moment(r.timestamp) },
    { key: "outcome", label: "Outcome", narrow: true, cell: (r) => badge(r.outcome) },
    { key: "userId", label: "Who", cell: (r) => [r.userName ?? api.nameOf(r.userId), h("small", {}, r.userRole ?? "not a user of the firm")], sort: (r) => r.userName ?? r.userId },
    { key: "ipAddress", label: "From", cell: (r) => [r.ipAddress ?? "–", h("small", {}, r.userAgent ?? "")] },
    { key: "details", label: "Details", cell: (r) => (r.details ? h("code", {}, r.details) : "–") },
  ];
}

/** Audit is the view. */
class Audit {
  constructor(box, api, { sessionId = "" }) {
    Object.assign(this, { api, sessionId });
    this.gone = new AbortController();
    this.cursor = "";
    this.table = new Table({ caption: "Audit trail, the oldest first", columns: auditColumns(api) });
    this.note = h("div", { id: "audit-note" });
    this.more = h("button", { type: "button", id: "more", onclick: () => this.load(true) }, "More");
    this.count = h("span", { class: "soft", id: "count" });
    this.foot = h("div", { class: "more", hidden: true }, this.count, this.more);
    this.check = h("button", { type: "button", id: "verify", onclick: () => this.verify() }, "Verify chain");
    this.result = h("p", { id: "verify-result", role: "status" }, h("span", { class: "soft" }, "Each row holds a hash of the one before it."));
    this.form = h("form", { class: "filters", "aria-label": "Which trail", onsubmit: (e) => { e.preventDefault(); this.apply(); }, onchange: () => this.apply() },
      field("Conversation id", h("input", { name: "sessionId", value: sessionId, placeholder: "the whole firm", autocomplete: "off", spellcheck: "false" })));
    box.append(head("Audit trail"), h("div", { class: "panel verify" }, this.check, this.result), this.form,
      h("div", { class: "panel flush" }, this.table.node, this.note, this.foot));
    this.load();
  }

  apply() {
    const wanted = this.form.elements.sessionId.value.trim();
    if (wanted === this.sessionId) return;
    this.sessionId = wanted;
    history.replaceState(null, "", `#/audit${query({ sessionId: wanted })}`);
    this.load();
  }

  async load(next = false) {
    const run = this.run = (this.run ?? 0) + 1;
    try {
      const page = await this.api.get(`/reports/audit${query({ sessionId: this.sessionId, limit: pageSize, cursor: next ? this.cursor : "" })}`, this.gone.signal);
      if (run === this.run) this.show(page, next);
    } catch (problem) {
      if (run !== this.run || this.gone.signal.aborted) return;
      if (!next) this.table.node.hidden = this.foot.hidden = true;
      this.note.replaceChildren(trouble(problem, () => this.load(next)));
    }
  }

  show({ rows, cursor }, next) {
    this.table.rows = next ? [...this.table.rows, ...rows] : rows;
    this.cursor = cursor ?? "";
    const n = this.table.rows.length;
    this.table.node.hidden = this.foot.hidden = n === 0;
    this.more.hidden = !this.cursor;
    this.count.textContent = `${number(n)} ${n === 1 ? "row" : "rows"}${this.cursor ? " so far" : ""}`;
    this.note.replaceChildren(...(n ? [] : [h("p", { class: "empty" }, "Nothing has been recorded of this conversation.")]));
    announce(`${n} rows of the audit trail`);
  }

  async verify() {
    this.check.disabled = true;
    this.result.replaceChildren(h("span", { class: "soft" }, "Checking every row…"));
    try {
      const { ok, rows, brokenAt } = await this.walk();
      this.result.replaceChildren(ok
        ? h("span", { class: "alert good" }, `The chain is whole: ${number(rows)} rows, none changed or missing.`)
        : h("span", { class: "alert" }, `The chain is broken at ${brokenAt}, of ${number(rows)} rows.`));
    } catch (problem) {
      if (!this.gone.signal.aborted) this.result.replaceChildren(h("span", { class: "alert" }, problem.message));
    } finally {
      this.check.disabled = false;
    }
  }

  /** walk goes along the whole trail, in as many calls as it takes. */
  async walk() {
    for (let cursor = ""; ;) {
      const found = await this.api.get(`/audit:verify${query({ cursor })}`, this.gone.signal);
      if (!found.cursor) return found;
      cursor = found.cursor;
      this.result.replaceChildren(h("span", { class: "soft" }, `Checking every row… ${number(found.rows)} so far.`));
    }
  }

  close() {
    this.gone.abort();
  }
}

/** showAudit opens the view in a box. */
export function showAudit(box, api, params) {
  return new Audit(box, api, params);
}
