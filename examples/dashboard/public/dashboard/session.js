// Who is signed in: kept for the life of this tab, and never in an address.

const key = "holdfast.dashboard";

/** load reads who is signed in, or null. */
export function load() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key));
    return kept && kept.firm && kept.key && kept.user ? kept : null;
  } catch {
    return null;
  }
}

/** save keeps who is signed in. */
export function save({ firm, key: secret, user }) {
  sessionStorage.setItem(key, JSON.stringify({ firm, key: secret, user }));
}

/** clear forgets. */
export function clear() {
  sessionStorage.removeItem(key);
}
