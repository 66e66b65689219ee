// The HTTP calls of the engage app, for one firm and one acting user.

/** Problem is an answer that is no success: the code is the app's own. */
export class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** base64url is text as a subprotocol carries it. */
export function base64url(text) {
  let binary = "";
  for (const b of new TextEncoder().encode(text)) binary += String.fromCharCode(b);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** query makes "?a=b" of what is given, or "". */
export function query(params) {
  const q = new URLSearchParams(Object.entries(params).filter(([, v]) => v !== "" && v !== undefined && v !== null));
  return q.size ? `?${q}` : "";
}

/** Api calls the host. denied is called where the host no longer takes the key. */
export class Api {
  constructor({ firm, key, user }, denied = () => {}) {
    Object.assign(this, { firm, key, user, denied });
    this.names = new Map(); // of users
    this.users = [];
  }

  path(below) {
    return `/firms/${encodeURIComponent(this.firm)}${below}`;
  }

  /** call answers the body, or throws a Problem. */
  async call(method, below, body, signal) {
    const headers = { Authorization: `Bearer ${this.key}`, "X-User-Id": this.user };
    if (body) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(this.path(below), { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal });
    } catch (e) {
      if (signal?.aborted) throw e;
      throw new Problem(0, "unreachable", "The host does not answer.");
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { code = "failed", message = `The host answered ${response.status}.` } = answer.error ?? {};
    const problem = new Problem(response.status, code, message);
    if (response.status === 401 || response.status === 403) this.denied(problem);
    throw problem;
  }

  get(below, signal) {
    return this.call("GET", below, undefined, signal);
  }

  post(below, body, signal) {
    return this.call("POST", below, body, signal);
  }

  /** loadUsers reads the firm's users, for lists of choices and for names. */
  async loadUsers() {
    const users = [];
    for (let cursor = ""; users.length < usersMax;) {
      const page = await this.get(`/users${query({ cursor, limit: 200 })}`);
      users.push(...page.users);
      cursor = page.cursor ?? "";
      if (!cursor) break;
    }
    this.users = users.sort((a, b) => a.name.localeCompare(b.name));
    this.names = new Map(users.map((u) => [u.userId, u.name]));
  }

  /** nameOf is how a user is shown. */
  nameOf(id) {
    return id ? this.names.get(id) ?? id : "";
  }

  /** people are choices of users; with active, of those who work now. */
  people(none, active = false) {
    const list = this.users.filter((u) => !active || u.status === "active");
    return [["", none], ...list.map((u) => [u.userId, `${u.name} (${u.role})`])];
  }
}

/** usersMax bounds how many users the page keeps. */
const usersMax = 2000;
