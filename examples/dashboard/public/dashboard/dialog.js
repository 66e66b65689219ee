// Dialogs: a form over the page. The browser keeps the focus inside and Escape
// closes; the focus goes back to where it came from.

import { h, refocus } from "./dom.js";

/**
 * ask shows a form. submit gets its values and may fail: the form stays, with
 * what was wrong. It may answer what is to be done once the form is closed, such
 * as giving the focus to what was made. fallback gets the focus where the
 * opener is gone by then.
 */
export function ask({ title, lead, fields = [], button, danger = false, submit, fallback }) {
  const opener = document.activeElement;
  const error = h("p", { class: "alert", role: "alert", hidden: true });
  const cancel = h("button", { type: "button", onclick: () => box.close() }, "Cancel");
  const send = h("button", { type: "submit", class: danger ? "danger" : "primary" }, button);
  const form = h("form", { novalidate: true },
    h("h2", { id: "dialog-title" }, title), lead && h("p", { class: "soft" }, lead), error, ...fields, h("div", { class: "buttons" }, cancel, send));
  const box = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  let then = null;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    if (send.disabled) return;
    send.disabled = true;
    error.hidden = true;
    try {
      then = await submit(Object.fromEntries([...new FormData(form)].map(([k, v]) => [k, v.trim()])));
      box.close();
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
      form.querySelector("[aria-invalid]")?.focus();
    } finally {
      send.disabled = false;
    }
  });
  box.addEventListener("close", () => {
    box.remove();
    if (typeof then === "function") then();
    else if (opener.isConnected && !opener.disabled) opener.focus();
    else refocus(opener.dataset?.focus, fallback?.());
  });
  document.body.append(box);
  box.showModal();
  form.querySelector("input, select, textarea, .buttons button")?.focus();
  return box;
}
