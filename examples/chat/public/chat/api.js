// The HTTP calls of the logs app that the page needs.

/** Problem is an answer that is no success: the code is the app's own. */
export class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function call(method, path, token, body) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Problem(0, "unreachable", "The host does not answer.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = answer.error ?? {};
    throw new Problem(response.status, error.code ?? "failed", error.message ?? `The host answered ${response.status}.`);
  }
  return answer;
}

/** createLog makes a room; the answer carries the secret that the host made. */
export function createLog({ id, name, owner, ownerKey }) {
  const body = { name, ownerNamespace: owner };
  if (id) body.id = id;
  return call("POST", "/logs", ownerKey, body);
}

/** readLog tells what a room is: its name, its head and its epoch. */
export function readLog(id, secret) {
  return call("GET", `/logs/${encodeURIComponent(id)}`, secret);
}

/** readEvents reads the newest messages before a number, oldest first. */
export async function readEvents(id, secret, { before, limit }) {
  const query = new URLSearchParams({ order: "desc", limit: String(limit) });
  if (before !== undefined) query.set("beforeSeq", String(before));
  const page = await call("GET", `/logs/${encodeURIComponent(id)}/events?${query}`, secret);
  page.events.reverse();
  return page;
}
