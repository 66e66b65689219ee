// The page: the door, where somebody signs in, and the views behind it. The
// fragment of the address names a view, its filters and nothing secret:
//
//   #/conversations?status=active   #/conversations/ID
//   #/reports/workload              #/audit?sessionId=ID

import { Api } from "./api.js";
import { showAudit } from "./audit.js";
import { showConversation } from "./conversation.js";
import { at, h } from "./dom.js";
import { showGrid } from "./grid.js";
import { showReport } from "./reports.js";
import * as session from "./session.js";

const home = "Engage";
let api = null;
let view = null; // {close}

// ---- the door ----

function showDoor(message = "", fill = {}) {
  view?.close?.();
  view = api = null;
  at("bar").hidden = at("view").hidden = true;
  at("view").replaceChildren();
  at("door").hidden = false;
  document.title = home;
  at("firm").value = fill.firm ?? "";
  at("user").value = fill.user ?? "";
  at("key").value = "";
  complain(message);
  (at("firm").value ? at("key") : at("firm")).focus();
}

function complain(message, input) {
  at("door-error").textContent = message;
  at("door-error").hidden = !message;
  for (const id of ["firm", "key", "user"]) at(id).toggleAttribute("aria-invalid", input === id);
  if (input) at(input).focus();
}

const latin = /^[\x21-\x7e\xa1-\xff]+$/;

/** wrongIn names the first field that cannot be sent, and why. */
function wrongIn({ firm, key, user }) {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(firm)) return ["firm", firm ? "A firm id is made of letters, digits, _ and -." : "Please give the firm's id."];
  if (!latin.test(key)) return ["key", key ? "A firm key has no such characters." : "Please give the firm's key."];
  if (!latin.test(user)) return ["user", user ? "The user id must be of Latin letters, without blanks." : "Please give your user id."];
  return null;
}

/** refusal is what to say of a sign-in that failed. */
function refusal(problem) {
  if (problem.status === 401 || problem.status === 403 && problem.code !== "suspended") return "The firm id or the key is wrong.";
  if (problem.status === 404) return "There is no such firm.";
  return problem.message;
}

async function signIn(who) {
  const trying = new Api(who, (problem) => api === trying && showDoor(refusal(problem), who));
  await trying.loadUsers();
  api = trying;
  session.save(who);
  at("door").hidden = true;
  at("bar").hidden = at("view").hidden = false;
  at("firm-name").textContent = who.firm;
  at("who").textContent = api.nameOf(who.user);
  route();
}

at("sign-in").addEventListener("submit", async (e) => {
  e.preventDefault();
  const who = { firm: at("firm").value.trim(), key: at("key").value.trim(), user: at("user").value.trim() };
  const wrong = wrongIn(who);
  complain("");
  if (wrong) return complain(wrong[1], wrong[0]);
  at("sign-in-button").disabled = true;
  try {
    await signIn(who);
  } catch (problem) {
    complain(refusal(problem), problem.status === 404 ? "firm" : "key");
  } finally {
    at("sign-in-button").disabled = false;
  }
});

at("sign-out").addEventListener("click", () => {
  session.clear();
  showDoor();
});

at("skip").addEventListener("click", (e) => {
  e.preventDefault();
  at("main").focus();
});

// ---- views ----

/** route shows the view that the fragment names. */
function route() {
  if (!api) return;
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [section, id = ""] = path.split("/").map(decodeURIComponent);
  const params = Object.fromEntries(new URLSearchParams(search));
  view?.close?.();
  const box = h("div");
  at("view").replaceChildren(box);
  switch (section) {
    case "reports":
      view = showReport(box, api, id || "attention", params);
      break;
    case "audit":
      view = showAudit(box, api, params);
      break;
    default:
      view = section === "conversations" && id ? showConversation(box, api, id) : showGrid(box, api, params);
  }
  const shown = section === "reports" || section === "audit" ? section : "conversations";
  for (const a of at("nav").children) {
    if (a.dataset.section === shown) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  document.title = `${at("view-title").textContent} · ${home}`;
  at("view-title").focus({ preventScroll: true });
  scrollTo(0, 0);
}

addEventListener("hashchange", route);

// ---- begin ----

async function begin() {
  const kept = session.load();
  if (!kept) return showDoor();
  try {
    await signIn(kept);
  } catch (problem) {
    showDoor(refusal(problem), kept);
  }
}

begin();
