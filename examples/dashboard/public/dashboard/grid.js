// The list of conversations, from the firm's index.

import { query } from "./api.js";
import { announce, badge, choice, field, h, head, meter, moment, number, trouble } from "./dom.js";
import { Table } from "./table.js";

const pageSize = 50;
const lagShown = 1000; // ms; the question itself is a row that is on its way

/** columnsOf are those of the contract's row. */
function columnsOf(api) {
  return [
    { key: "clientName", label: "Client", lead: true, clip: true, cell: (r) => [
      h("a", { href: `#/conversations/${encodeURIComponent(r.sessionId)}`, title: r.clientName }, r.clientName ?? "Unnamed client"), h("small", {}, r.clientEmail ?? "no e-mail yet")] },
    { key: "practiceArea", label: "Practice area", clip: true },
    { key: "status", label: "Status", cell: (r) => badge(r.status), narrow: true },
    { key: "phase", label: "Phase", cell: (r) => badge(r.phase), narrow: true },
    { key: "assignedTo", label: "Assigned to", clip: true, cell: (r) => api.nameOf(r.assignedTo) || "nobody", sort: (r) => api.nameOf(r.assignedTo) },
    { key: "conflictStatus", label: "Conflicts", cell: (r) => badge(r.conflictStatus, r.conflictStatus === "conflict_detected" && "detected"), narrow: true },
    { key: "goalsCompleted", label: "Goals", number: true, narrow: true, cell: (r) => `${r.goalsCompleted} of ${r.goalsTotal}`, sort: (r) => (r.goalsTotal ? r.goalsCompleted / r.goalsTotal : null) },
    { key: "dataQualityScore", label: "Quality", number: true, narrow: true, cell: (r) => [meter(r.dataQualityScore / 100), ` ${r.dataQualityScore}`] },
    { key: "createdAt", label: "Begun", narrow: true, cell: (r) => moment(r.createdAt) },
    { key: "lastActivity", label: "Last activity", narrow: true, cell: (r) => moment(r.lastActivity) },
    { key: "sessionId", label: "Id", clip: true, cell: (r) => [h("code", {}, r.sessionId), h("small", {}, r.userId)] },
  ];
}

const statuses = [["", "Any status"], ["active", "Active"], ["completed", "Completed"], ["terminated", "Terminated"]];
const conflictStatuses = [["", "Any"], ["pending", "Pending"], ["clear", "Clear"], ["conflict_detected", "Conflict detected"]];

/** Grid is the view. */
class Grid {
  constructor(box, api, params) {
    Object.assign(this, { box, api });
    this.gone = new AbortController();
    const { status, assignedTo, practiceArea, conflictStatus } = params;
    this.filters = { status, assignedTo, practiceArea, conflictStatus };
    this.cursor = "";
    this.table = new Table({ caption: "Conversations, the latest first", columns: columnsOf(api), sortable: true });
    this.areas = h("datalist", { id: "areas" });
    this.lag = h("p", { class: "status", id: "lag", role: "status" }, "Index");
    this.refresh = h("button", { type: "button", id: "refresh", onclick: () => this.load() }, "Refresh");
    this.more = h("button", { type: "button", id: "more", onclick: () => this.load(true) }, "More");
    this.count = h("span", { class: "soft", id: "count" });
    this.foot = h("div", { class: "more", hidden: true }, this.count, this.more);
    this.note = h("div", { id: "grid-note" });
    this.panel = h("div", { class: "panel flush" }, this.table.node, this.note, this.foot);
    this.form = this.filterForm();
    box.append(head("Conversations", this.lag, this.refresh), this.form, this.panel);
    this.load();
  }

  filterForm() {
    const f = this.filters;
    return h("form", { class: "filters", "aria-label": "Filters", onsubmit: (e) => { e.preventDefault(); this.apply(); }, onchange: () => this.apply() },
      field("Status", choice("status", statuses, f.status)),
      field("Assigned to", choice("assignedTo", this.api.people("Anybody"), f.assignedTo)),
      field("Practice area", h("input", { name: "practiceArea", value: f.practiceArea ?? "", list: "areas", placeholder: "Any", autocomplete: "off" })),
      field("Conflicts", choice("conflictStatus", conflictStatuses, f.conflictStatus)),
      this.areas,
      h("button", { type: "button", class: "quiet", id: "clear-filters", onclick: () => { this.clearForm(); this.apply(); } }, "Clear filters"));
  }

  clearForm() {
    for (const e of this.form.elements) if (e.name) e.value = "";
  }

  apply() {
    const wanted = Object.fromEntries([...new FormData(this.form)].map(([k, v]) => [k, v.trim()]));
    if (query(wanted) === query(this.filters)) return;
    this.filters = wanted;
    history.replaceState(null, "", `#/conversations${query(wanted)}`);
    this.load();
  }

  /** load reads the first page, or the next one behind what is shown. */
  async load(next = false) {
    const run = this.run = (this.run ?? 0) + 1;
    this.refresh.disabled = this.more.disabled = true;
    this.panel.setAttribute("aria-busy", "true");
    try {
      const page = await this.api.get(`/conversations${query({ ...this.filters, limit: pageSize, cursor: next ? this.cursor : "" })}`, this.gone.signal);
      if (run === this.run) this.show(page, next);
    } catch (problem) {
      if (run === this.run && !this.gone.signal.aborted) this.failed(problem, next);
    } finally {
      if (run === this.run) {
        this.refresh.disabled = this.more.disabled = false;
        this.panel.removeAttribute("aria-busy");
      }
    }
    if (run === this.run) this.showLag();
  }

  show({ conversations, cursor }, next) {
    const focused = next && document.activeElement === this.more;
    this.table.rows = next ? [...this.table.rows, ...conversations] : conversations;
    this.cursor = cursor ?? "";
    const n = this.table.rows.length;
    this.table.node.hidden = n === 0;
    this.foot.hidden = n === 0;
    this.more.hidden = !this.cursor;
    this.count.textContent = `${number(n)} shown${this.cursor ? "" : ", that is all"}`;
    this.note.replaceChildren(...(n === 0 ? [this.nothing()] : []));
    for (const area of new Set(this.table.rows.map((r) => r.practiceArea).filter(Boolean))) this.suggest(area);
    if (focused && this.more.hidden) this.table.body.rows[n - conversations.length]?.querySelector("a")?.focus();
    announce(n === 0 ? "No conversation" : `${n} conversations shown`);
  }

  suggest(area) {
    if (![...this.areas.children].some((o) => o.value === area)) this.areas.append(h("option", { value: area }));
  }

  nothing() {
    const filtered = query(this.filters) !== "";
    return h("div", { class: "empty" }, h("strong", {}, filtered ? "No conversation fits these filters" : "No conversations yet"),
      filtered ? "Change or clear the filters above." : "They appear here when clients begin to talk.");
  }

  failed(problem, next) {
    if (!next) {
      this.table.rows = [];
      this.table.node.hidden = this.foot.hidden = true;
    }
    this.note.replaceChildren(trouble(problem, () => this.load(next)));
  }

  /** showLag tells how far the index is behind the conversations. */
  async showLag() {
    try {
      const { pending, oldestMs, deadLetters } = await this.api.get(":lag", this.gone.signal);
      const behind = oldestMs >= lagShown;
      this.lag.dataset.state = deadLetters ? "bad" : behind ? "warn" : "good";
      this.lag.textContent = behind ? `Index ${number(pending)} ${pending === 1 ? "row" : "rows"} behind, by ${number(oldestMs / 1000, 1)} s` : "Index up to date";
      if (deadLetters) this.lag.textContent += `, ${number(deadLetters)} rows could not be written`;
    } catch {
      this.lag.dataset.state = "bad";
      this.lag.textContent = "Index lag unknown";
    }
  }

  close() {
    this.gone.abort();
  }
}

/** showGrid opens the view in a box. */
export function showGrid(box, api, params) {
  return new Grid(box, api, params);
}
