// Small tools for making and changing the page.

const svgNamespace = "http://www.w3.org/2000/svg";

/** at finds an element of the shell by its id. */
export const at = (id) => document.getElementById(id);

function dress(el, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "value") el.value = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false));
  return el;
}

/** h makes an element: attributes, on… for listeners, then what is in it. */
export function h(tag, props, ...children) {
  return dress(document.createElement(tag), props, children);
}

/** svg is h for drawings. */
export function svg(tag, props, ...children) {
  return dress(document.createElementNS(svgNamespace, tag), props, children);
}

let said = 0;

/** announce tells those who listen rather than look. */
export function announce(text) {
  const p = at("announce");
  p.textContent = "";
  clearTimeout(said);
  said = setTimeout(() => { p.textContent = text; }, 50);
}

/**
 * renew replaces what is in a box. The focus stays on the element of the same
 * data-focus; where that is gone, it goes to fallback.
 */
export function renew(box, nodes, fallback) {
  const held = box.contains(document.activeElement) ? document.activeElement.dataset.focus ?? "" : null;
  box.replaceChildren(...nodes.flat(Infinity).filter(Boolean));
  if (held !== null) refocus(held, fallback);
}

/** refocus gives the focus to the element of a data-focus, or to fallback. */
export function refocus(key, fallback) {
  const same = key && document.querySelector(`[data-focus="${CSS.escape(key)}"]`);
  (same || fallback)?.focus();
}

const dateTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const dateTimeYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayOnly = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** moment shows a time of the host where the reader is; today without the date. */
export function moment(iso) {
  if (!iso) return "–";
  const t = new Date(iso);
  const now = new Date();
  let format = t.getFullYear() === now.getFullYear() ? dateTime : dateTimeYear;
  if (t.toDateString() === now.toDateString()) format = clock;
  return h("time", { datetime: iso, title: dateTimeYear.format(t) }, format.format(t));
}

/** day shows a date. */
export function day(iso) {
  return iso ? h("time", { datetime: iso }, dayOnly.format(new Date(iso))) : "–";
}

/** plain makes a word of the API readable: conflict_detected → conflict detected. */
export function plain(word) {
  return String(word ?? "").replace("pre_login", "pre-login").replaceAll("_", " ");
}

const tones = {
  active: "info", completed: "good", terminated: "", secured: "good", pre_login: "",
  pending: "", clear: "good", conflict_detected: "bad",
  detected: "bad", reviewing: "warn", cleared: "good", confirmed: "bad",
  reassigned: "", urgent: "bad", high: "warn", success: "good", failure: "warn", blocked: "bad",
};

/** badge shows a status, by another text if there is one. */
export function badge(word, text) {
  return h("span", { class: `badge ${tones[word] ?? ""}` }, text || plain(word));
}

/** number shows a number with at most so many digits behind the point. */
export function number(value, digits = 0) {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString(undefined, { maximumFractionDigits: digits });
}

/** meter draws a share; the number stands beside it. */
export function meter(share) {
  const fill = h("span");
  fill.style.width = `${Math.round(100 * share)}%`;
  return h("span", { class: "meter", "aria-hidden": "true" }, fill);
}

/** field is a labelled control. */
export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", {}, label), control, hint && h("small", {}, hint));
}

/** choice is a select of [value, text]. */
export function choice(name, options, value = "", props = {}) {
  const s = h("select", { name, ...props }, options.map(([v, text]) => h("option", { value: v }, text)));
  s.value = value;
  return s;
}

/** head is a view's title, which takes the focus when the view opens. */
export function head(title, ...more) {
  return h("div", { class: "head" }, h("h1", { id: "view-title", tabindex: "-1" }, title), ...more);
}

/** quietly is for a change whose failure the page shows by itself. */
export function quietly(change) {
  change.catch(() => {});
}

/** trouble shows why something could not be had, and how to try again. */
export function trouble(problem, again) {
  return h("div", { class: "empty" }, h("p", { class: "alert", role: "alert" }, problem.message), h("p", {}, h("button", { type: "button", onclick: again }, "Try again")));
}
