// The conflicts of a conversation: found by checks, reviewed, then cleared or
// confirmed with a resolution.

import { ask } from "./dialog.js";
import { badge, choice, field, h, moment, plain, quietly, refocus } from "./dom.js";
import { panel } from "./panels.js";

const resolutions = {
  clear: [["", "Choose a resolution"], ["no_conflict", "There is no conflict"], ["client_consented", "The client consented"], ["waived", "Waived"]],
  confirm: [["", "Choose a resolution"], ["cannot_represent", "The firm cannot represent"], ["client_consented", "The client consented"], ["waived", "Waived"]],
};

const matches = { exact: "the same name", alias: "the same name as an alias", phonetic: "a name that sounds alike", fuzzy: "a similar name" };

/** conflicts is the panel. act calls the host below the firm. */
export function conflicts(act, open, api, session) {
  const p = panel("conflicts", "Conflicts");
  const step = (c, verb, body, said) => act("POST", `/conflicts/${encodeURIComponent(c.conflictId)}:${verb}`, body, said);
  const resolve = (c, verb) => ask({
    title: verb === "clear" ? "Clear the conflict" : "Confirm the conflict", danger: verb === "confirm", button: verb === "clear" ? "Clear it" : "Confirm it",
    lead: `${c.conflictEntity} and ${c.matched.name}, ${plain(c.matched.type)} in another conversation.`,
    fallback: () => document.querySelector(`[data-conflict="${CSS.escape(c.conflictId)}"]`) ?? p.heading,
    fields: [field("Resolution", choice("resolution", resolutions[verb])), field("Notes", h("textarea", { name: "notes", rows: "3", maxlength: "4000" }))],
    submit: async ({ resolution, notes }) => {
      if (!resolution) throw new Error("Please choose a resolution.");
      await step(c, verb, { resolution, ...(notes && { notes }) }, `Conflict ${verb === "clear" ? "cleared" : "confirmed"}: ${c.conflictEntity}`);
    },
  });
  const actions = (c) => {
    if (!open()) return null;
    const of = (verb) => `${verb} the conflict of ${c.conflictEntity} with ${c.matched.name}`;
    if (c.status === "detected") return h("button", { type: "button", class: "small", "data-focus": `conflict-${c.conflictId}`, "aria-label": of("Review"),
      onclick: () => quietly(step(c, "review", undefined, `Reviewing: ${c.conflictEntity}`)) }, "Review");
    if (c.status === "reviewing") return [
      h("button", { type: "button", class: "small", "data-focus": `conflict-${c.conflictId}`, "aria-label": of("Clear"), onclick: () => resolve(c, "clear") }, "Clear…"),
      h("button", { type: "button", class: "small danger", "data-focus": `confirm-${c.conflictId}`, "aria-label": of("Confirm"), onclick: () => resolve(c, "confirm") }, "Confirm…")];
    return null;
  };
  const acts = (c) => {
    const buttons = actions(c);
    return buttons && h("div", { class: "row start acts" }, buttons);
  };
  const other = (m) => (m.sessionId === session ? "this conversation"
    : h("a", { href: `#/conversations/${encodeURIComponent(m.sessionId)}`, "data-focus": `other-${m.sessionId}` }, `conversation ${m.sessionId}`));
  const one = (c) => h("li", { class: `conflict ${c.status}`, "data-conflict": c.conflictId, tabindex: "-1" },
    h("div", { class: "row" }, h("b", {}, c.conflictEntity), badge(c.status)),
    h("p", {}, `${plain(c.conflictType)} here; ${matches[c.matchType] ?? c.matchType}: `, h("b", {}, c.matched.name), `, ${plain(c.matched.type)} in `, other(c.matched), "."),
    h("small", {}, `${Math.round(100 * c.confidence)} % sure · found `, moment(c.detectedAt), c.detectedBy && ` by ${c.detectedBy === "system" ? "the check" : api.nameOf(c.detectedBy)}`),
    c.resolution && h("small", {}, `${plain(c.resolution)}, by ${api.nameOf(c.resolvedBy)}, `, moment(c.resolvedAt), c.notes && `: ${c.notes}`),
    acts(c));
  const rank = { detected: 0, reviewing: 1, confirmed: 2, cleared: 3 };
  return {
    ...p,
    update: (s) => p.show(s.conflicts.length > 0
      ? h("ul", { class: "items" }, s.conflicts.toSorted((a, b) => rank[a.status] - rank[b.status]).map(one))
      : h("p", { class: "soft" }, s.conflictStatus === "pending" ? "Not checked yet: add a party." : "Checked, and none found.")),
    /** reveal shows a conflict that has just been found. */
    reveal: (found) => {
      p.node.scrollIntoView({ block: "nearest" });
      refocus(`conflict-${found[0].conflictId}`, p.heading);
    },
  };
}
