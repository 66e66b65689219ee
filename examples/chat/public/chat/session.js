// Who this tab is and where: kept for the tab's life, never in a query.

const key = "holdfast.chat";

/** load reads what the tab was in when it was last open. */
export function load() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key));
    return kept && kept.id && kept.secret && kept.author ? kept : null;
  } catch {
    return null;
  }
}

/** save keeps a session for this tab. */
export function save(session) {
  sessionStorage.setItem(key, JSON.stringify(session));
}

/** clear forgets the room; the name stays for the next one. */
export function clear() {
  sessionStorage.removeItem(key);
}

/** lastAuthor and keepAuthor remember the name over rooms. */
export function lastAuthor() {
  return sessionStorage.getItem(`${key}.author`) ?? "";
}

export function keepAuthor(author) {
  sessionStorage.setItem(`${key}.author`, author);
}

/** inviteLink carries the secret in the fragment, which no server sees. */
export function inviteLink(id, secret) {
  const link = new URL(location.href);
  link.search = "";
  link.hash = `room=${encodeURIComponent(id)}&secret=${encodeURIComponent(secret)}`;
  return link.href;
}

/** readInvite takes an invite from a link or a bare fragment; null: none. */
export function readInvite(text) {
  const at = text.indexOf("#");
  if (at < 0) return null;
  const parts = new URLSearchParams(text.slice(at + 1));
  const id = parts.get("room");
  return id ? { id, secret: parts.get("secret") ?? "" } : null;
}

/** takeInvite reads the address bar's invite and takes the secret out of it. */
export function takeInvite() {
  const invite = readInvite(location.hash);
  if (invite?.secret) showRoom(invite.id);
  return invite;
}

/** showRoom names the room, and nothing else, in the address bar. */
export function showRoom(id) {
  history.replaceState(null, "", id ? `#room=${encodeURIComponent(id)}` : location.pathname);
}
