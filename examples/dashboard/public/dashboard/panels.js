// The file beside the messages: quality, goals, parties, assignments.

import { ask } from "./dialog.js";
import { announce, badge, choice, day, field, h, meter, moment, number, plain, quietly, renew } from "./dom.js";

/** panel is a titled box whose list renews itself in place. */
export function panel(id, title, ...actions) {
  const heading = h("h2", { id: `${id}-title`, tabindex: "-1" }, title);
  const body = h("div", { id: `${id}-body` });
  const node = h("section", { class: "panel", id, "aria-labelledby": `${id}-title` }, h("header", {}, heading, ...actions), body);
  return { node, heading, show: (...nodes) => renew(body, nodes, heading) };
}

const parts = [
  ["name", "Name", 15], ["email", "E-mail", 15], ["practiceArea", "Practice area", 10], ["opposingParty", "Opposing party", 15],
  ["goals", "Goals", 25], ["clientMessages", "Client messages", 10], ["conflictCheck", "Conflict check", 10],
];

/** quality shows the score and what it is made of. */
export function quality() {
  const p = panel("quality", "Data quality");
  return { ...p, update: ({ dataQuality: { score, parts: got } }) => p.show(
    h("p", { class: "score" }, h("b", {}, String(score)), h("span", { class: "soft" }, "of 100")),
    h("dl", { class: "parts" }, parts.map(([key, label, most]) => [
      h("dt", {}, label), h("dd", {}, meter(got[key] / most), h("span", {}, `${got[key]} / ${most}`))])))};
}

/** goals shows goals; open ones can be completed. */
export function goals(act, open) {
  const p = panel("goals", "Goals");
  const one = (g) => h("li", {}, h("div", { class: "row" }, h("span", {}, g.title),
    !g.completedAt && open() && h("button", { type: "button", class: "small", "data-focus": `goal-${g.id}`, "aria-label": `Complete: ${g.title}`,
      onclick: () => quietly(act("POST", `/goals/${encodeURIComponent(g.id)}:complete`, undefined, `Goal completed: ${g.title}`)) }, "Complete")),
    g.completedAt && h("small", {}, "✓ done ", moment(g.completedAt)));
  return { ...p, update: ({ goals: all }) => p.show(all.length ? h("ul", { class: "items" }, all.map(one)) : h("p", { class: "soft" }, "No goals have been set.")) };
}

const partyTypes = [["client", "Client"], ["opposing_party", "Opposing party"], ["entity", "Entity"], ["matter", "Matter"]];

/** parties shows who is involved; adding one checks it for conflicts. */
export function parties(act, open, toConflicts) {
  const add = h("button", { type: "button", class: "small", id: "add-party", onclick: () => addParty() }, "Add party");
  const none = h("button", { type: "button", class: "small quiet", id: "no-opponent", onclick: () =>
    quietly(act("POST", "/parties", { type: "opposing_party", none: true }, "Noted: there is no opposing party")) }, "There is no opposing party");
  const p = panel("parties", "Parties", add);
  const addParty = () => ask({
    title: "Add a party", lead: "Its name is compared with everybody whom the firm knows, at once.", button: "Add and check", fallback: () => p.heading,
    fields: [field("Type", choice("type", partyTypes, "opposing_party")), field("Name", h("input", { name: "name", maxlength: "512", autocomplete: "off" })),
      field("Also known as", h("textarea", { name: "aliases", rows: "2" }), "One name a line; may stay empty.")],
    submit: async ({ type, name, aliases }) => {
      if (!name) throw new Error("Please give a name.");
      const { conflicts } = await act("POST", "/parties", { type, name, aliases: aliases.split("\n").map((a) => a.trim()).filter(Boolean) });
      const n = conflicts.length;
      announce(n ? `${name} is added, with ${n} ${n === 1 ? "conflict" : "conflicts"}` : `${name} is added, without a conflict`);
      return n > 0 && (() => toConflicts(conflicts));
    },
  });
  const one = (x) => h("li", {}, h("b", {}, x.name),
    h("small", {}, plain(x.type), x.aliases.length > 0 && `, also ${x.aliases.join(", ")}`));
  return { ...p, update: (s) => {
    add.hidden = !open();
    const opponent = s.opposingPartyNone || s.parties.some((x) => x.type === "opposing_party");
    p.show(s.parties.length > 0 && h("ul", { class: "items" }, s.parties.map(one)),
      s.parties.length === 0 && !s.opposingPartyNone && h("p", { class: "soft" }, "No party is registered, so nothing has been checked."),
      s.opposingPartyNone && h("p", { class: "soft" }, "There is no opposing party."),
      !opponent && open() && h("p", {}, none));
  } };
}

const priorities = [["normal", "Normal"], ["urgent", "Urgent"], ["high", "High"], ["low", "Low"]];

/** assignments shows whose work it is and was. */
export function assignments(act, open, api) {
  const add = h("button", { type: "button", class: "small", id: "assign", onclick: () => assign() }, "Assign");
  const p = panel("assignments", "Assignment", add);
  const assign = () => ask({
    title: "Assign the conversation", lead: "Whoever has it now gives it up; the history is kept.", button: "Assign", fallback: () => p.heading,
    fields: [field("Assigned to", choice("assignedTo", api.people("Choose somebody", true))),
      h("div", { class: "pair" }, field("Priority", choice("priority", priorities, "normal")), field("Estimated hours", h("input", { name: "hours", inputmode: "decimal", autocomplete: "off" }))),
      field("Due on", h("input", { name: "due", type: "date" })), field("Notes", h("textarea", { name: "notes", rows: "2", maxlength: "4000" }))],
    submit: async ({ assignedTo, priority, hours, due, notes }) => {
      if (!assignedTo) throw new Error("Please choose somebody.");
      const body = { assignedTo, assignedBy: api.user, priority };
      if (hours) {
        body.estimatedHours = Number(hours.replace(",", "."));
        if (!(body.estimatedHours >= 0)) throw new Error("The hours must be a number, such as 2.5.");
      }
      if (due) body.dueDate = new Date(`${due}T23:59:00`).toISOString();
      if (notes) body.notes = notes;
      await act("POST", "/assignments", body, `Assigned to ${api.nameOf(assignedTo)}`);
    },
  });
  const one = (a) => h("li", {}, h("div", { class: "row" }, h("b", {}, api.nameOf(a.assignedTo)), badge(a.priority), badge(a.status)),
    h("small", {}, "by ", api.nameOf(a.assignedBy), ", ", moment(a.assignedAt), a.dueDate && [" · due ", day(a.dueDate)],
      a.estimatedHours !== undefined && ` · ${number(a.estimatedHours, 2)} h`), a.notes && h("small", {}, a.notes));
  return { ...p, update: (s) => {
    add.hidden = !open();
    p.show(s.assignments.length ? h("ul", { class: "items" }, s.assignments.toReversed().map(one)) : h("p", { class: "soft" }, "Nobody has this conversation."));
  } };
}
