// The six reports: a chart where there is something to compare, and always the
// table.

import { query } from "./api.js";
import { auditColumns } from "./audit.js";
import { bars } from "./chart.js";
import { announce, choice, field, h, head, moment, number, plain, trouble } from "./dom.js";
import { Table } from "./table.js";

const shownMost = 12; // bars of a chart

const conversation = (r) => h("a", { href: `#/conversations/${encodeURIComponent(r.sessionId)}` }, r.clientName ?? "Unnamed client");

const days = (v) => field("Begun in the last days", h("input", { name: "days", type: "number", min: "1", max: "3650", value: v || "30", inputmode: "numeric" }));
const date = (name, label) => (v) => field(label, h("input", { name, type: "date", value: v ?? "" }));

const reports = {
  attention: {
    name: "Attention",
    lead: "Active conversations that nobody has, or that have been quiet for more than a day; the oldest first.",
    none: "Every active conversation is somebody's, and lively.",
    columns: (api) => [
      { key: "clientName", label: "Client", lead: true, cell: conversation },
      { key: "practiceArea", label: "Practice area" },
      { key: "lastActivity", label: "Last activity", narrow: true, cell: (r) => moment(r.lastActivity) },
      { key: "assignedTo", label: "Assigned to", cell: (r) => r.assignedToName ?? (api.nameOf(r.assignedTo) || "nobody"), sort: (r) => r.assignedToName },
      { key: "goalsCompleted", label: "Goals", number: true, cell: (r) => `${r.goalsCompleted} of ${r.goalsTotal}` },
      { key: "dataQualityScore", label: "Quality", number: true },
    ],
  },
  workload: {
    name: "Workload",
    lead: "What each active user has to do.",
    none: "The firm has no active users.",
    columns: () => [
      { key: "name", label: "Name", lead: true, cell: (r) => [h("b", {}, r.name ?? r.userId), h("small", {}, r.role)] },
      { key: "activeConversations", label: "Active conversations", number: true, cell: (r) => number(r.activeConversations) },
      { key: "assignedCases", label: "Assigned cases", number: true, cell: (r) => number(r.assignedCases) },
      { key: "avgDataQuality", label: "Average quality", number: true, cell: (r) => number(r.avgDataQuality, 1) },
      { key: "avgEstimatedHours", label: "Average hours", number: true, cell: (r) => number(r.avgEstimatedHours, 1) },
    ],
    chart: (rows) => bars({
      title: "Active conversations by user", series: [{ name: "active conversations", tone: 1 }],
      rows: top(rows, "activeConversations").map((r) => ({ label: r.name ?? r.userId, values: [r.activeConversations], text: number(r.activeConversations) })),
    }),
  },
  "practice-areas": {
    name: "Practice areas",
    lead: "What became of the conversations of each practice area.",
    none: "No conversation was begun in these days.",
    fields: { days },
    columns: () => [
      { key: "practiceArea", label: "Practice area", lead: true, cell: (r) => h("b", {}, r.practiceArea ?? "none yet") },
      { key: "totalConversations", label: "Conversations", number: true, cell: (r) => number(r.totalConversations) },
      { key: "completedConversations", label: "Completed", number: true, cell: (r) => number(r.completedConversations) },
      { key: "avgDataQuality", label: "Average quality", number: true, cell: (r) => number(r.avgDataQuality, 1) },
      { key: "avgCompletionHours", label: "Hours to completion", number: true, cell: (r) => number(r.avgCompletionHours, 1) },
    ],
    chart: (rows) => bars({
      title: "Conversations by practice area", series: [{ name: "completed", tone: 1 }, { name: "not completed", tone: 2 }],
      rows: top(rows, "totalConversations").map((r) => ({
        label: r.practiceArea ?? "none yet", values: [r.completedConversations, r.totalConversations - r.completedConversations],
        text: `${number(r.completedConversations)} of ${number(r.totalConversations)}`,
      })),
    }),
  },
  conflicts: {
    name: "Conflicts",
    lead: "Conflicts by the type of the party that was checked and by how the names matched.",
    none: "No conflict was found in this time.",
    fields: { from: date("from", "Found from"), to: date("to", "Found before") },
    columns: () => [
      { key: "conflictType", label: "Type", lead: true, cell: (r) => h("b", {}, plain(r.conflictType)) },
      { key: "matchType", label: "Match" },
      { key: "conflictCount", label: "Conflicts", number: true, cell: (r) => number(r.conflictCount) },
      { key: "openConflicts", label: "Open", number: true, cell: (r) => number(r.openConflicts) },
      { key: "clearedConflicts", label: "Cleared", number: true, cell: (r) => number(r.clearedConflicts) },
      { key: "confirmedConflicts", label: "Confirmed", number: true, cell: (r) => number(r.confirmedConflicts) },
      { key: "avgConfidence", label: "Average confidence", number: true, cell: (r) => number(r.avgConfidence, 2) },
    ],
    chart: (rows) => bars({
      title: "Conflicts by type and match", series: [{ name: "cleared", tone: 1 }, { name: "open", tone: 3 }, { name: "confirmed", tone: 4 }],
      rows: rows.map((r) => ({ label: `${plain(r.conflictType)}, ${r.matchType}`, values: [r.clearedConflicts, r.openConflicts, r.confirmedConflicts], text: number(r.conflictCount) })),
    }),
  },
  audit: {
    name: "Audit",
    lead: "What was done, oldest first; of one conversation, where its id is given.",
    none: "Nothing has been recorded.",
    fields: { sessionId: (v) => field("Conversation id", h("input", { name: "sessionId", value: v ?? "", autocomplete: "off", spellcheck: "false" })) },
    columns: auditColumns,
  },
  access: {
    name: "Access",
    lead: "Who has read what in the last 30 days, by day.",
    none: "Nobody has read anything.",
    fields: { userId: (v, api) => field("User", choice("userId", api.people("Everybody"), v)) },
    columns: (api) => [
      { key: "accessDate", label: "Day", lead: true, cell: (r) => h("time", { datetime: r.accessDate }, r.accessDate) },
      { key: "userId", label: "User", cell: (r) => r.userName ?? (api.nameOf(r.userId) || "unknown") },
      { key: "userRole", label: "Role" },
      { key: "accessCount", label: "Readings", number: true, cell: (r) => number(r.accessCount) },
      { key: "uniqueResourcesAccessed", label: "Different things", number: true, cell: (r) => number(r.uniqueResourcesAccessed) },
      { key: "blockedAttempts", label: "Blocked", number: true, cell: (r) => number(r.blockedAttempts) },
    ],
  },
};

function top(rows, key) {
  return rows.toSorted((a, b) => b[key] - a[key]).slice(0, shownMost);
}

/** local makes of a day its beginning where the reader is; the host would take it in UTC. */
function local(value) {
  const t = new Date(`${value}T00:00`);
  return Number.isNaN(t.getTime()) ? value : t.toISOString();
}

/** asked is a form's parameters as the host takes them. */
function asked({ from, to, ...rest }) {
  return { ...rest, from: from && local(from), to: to && local(to) };
}

/** Report is the view. */
class Report {
  constructor(box, api, name, params) {
    const spec = reports[name] ?? reports.attention;
    Object.assign(this, { api, spec, name: reports[name] ? name : "attention" });
    this.gone = new AbortController();
    this.cursor = "";
    this.table = new Table({ caption: `Report: ${spec.name}`, columns: spec.columns(api), sortable: true });
    this.drawing = h("div", { id: "chart" });
    this.note = h("div", { id: "report-note" });
    this.more = h("button", { type: "button", id: "more", onclick: () => this.load(true) }, "More");
    this.count = h("span", { class: "soft", id: "count" });
    this.foot = h("div", { class: "more", hidden: true }, this.count, this.more);
    this.form = spec.fields && h("form", { class: "filters", "aria-label": "Parameters", onsubmit: (e) => { e.preventDefault(); this.apply(); }, onchange: () => this.apply() },
      Object.entries(spec.fields).map(([key, make]) => make(params[key], api)));
    box.append(...[head("Reports"), tabs(this.name), h("p", { class: "lead", id: "report-lead" }, spec.lead), this.form,
      h("div", { class: spec.chart ? "result charted" : "result" }, spec.chart && this.drawing, h("div", { class: "panel flush" }, this.table.node, this.note, this.foot))].filter(Boolean));
    this.load();
  }

  /** params are what the form says. */
  get params() {
    return this.form ? Object.fromEntries(new FormData(this.form)) : {};
  }

  apply() {
    history.replaceState(null, "", `#/reports/${this.name}${query(this.params)}`);
    this.load();
  }

  async load(next = false) {
    const run = this.run = (this.run ?? 0) + 1;
    try {
      const page = await this.api.get(`/reports/${this.name}${query({ ...asked(this.params), cursor: next ? this.cursor : "" })}`, this.gone.signal);
      if (run === this.run) this.show(page, next);
    } catch (problem) {
      if (run === this.run && !this.gone.signal.aborted) this.failed(problem, next);
    }
  }

  show({ rows, cursor }, next) {
    this.table.rows = next ? [...this.table.rows, ...rows] : rows;
    this.cursor = cursor ?? "";
    const n = this.table.rows.length;
    this.drawing.replaceChildren(...(this.spec.chart && n ? [this.spec.chart(this.table.rows)] : []));
    this.table.node.hidden = this.foot.hidden = n === 0;
    this.more.hidden = !this.cursor;
    this.count.textContent = `${number(n)} ${n === 1 ? "row" : "rows"}${this.cursor ? " so far" : ""}`;
    this.note.replaceChildren(...(n ? [] : [h("p", { class: "empty" }, this.spec.none)]));
    announce(`${this.spec.name}: ${n} rows`);
  }

  failed(problem, next) {
    if (!next) {
      this.drawing.replaceChildren();
      this.table.node.hidden = this.foot.hidden = true;
    }
    this.note.replaceChildren(trouble(problem, () => this.load(next)));
  }

  close() {
    this.gone.abort();
  }
}

function tabs(current) {
  return h("nav", { class: "tabs", "aria-label": "Reports" }, Object.entries(reports).map(([key, r]) =>
    h("a", { href: `#/reports/${key}`, "aria-current": key === current && "page" }, r.name)));
}

/** showReport opens the view in a box. */
export function showReport(box, api, name, params) {
  return new Report(box, api, name, params);
}
