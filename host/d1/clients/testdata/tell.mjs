// What the scripts share: named steps, and their results as one JSON that is
// the same in each run.
export const told = {};

// A value of these names differs from run to run: its type and form are kept.
const changing = new Set(["duration", "sql_duration_ms", "size_after", "file_size", "query_duration_ms", "created_at"]);

const uuid = /(?!0{8}-)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const forms = [
  [/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "uuid"],
  [/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/, "bookmark"],
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, "time"],
  [/^http:\/\/127\.0\.0\.1:\d+\/client\/v4\/d1-files\/[\w-]+$/, "address"],
];

function form(value) {
  if (typeof value !== "string") return typeof value;
  for (const [pattern, name] of forms) if (pattern.test(value)) return name;
  return "string";
}

export function tidy(value, name) {
  if (changing.has(name)) return `<${form(value)}>`;
  if (typeof value === "bigint") return { bigint: String(value) };
  if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
  if (typeof value === "string") return form(value) === "string" ? value.replaceAll(uuid, "<uuid>") : `<${form(value)}>`;
  if (value instanceof Date) return { date: value.toISOString() };
  if (value instanceof ArrayBuffer) return { ArrayBuffer: [...new Uint8Array(value)] };
  if (ArrayBuffer.isView(value)) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map((v) => tidy(v));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, tidy(v, k)]));
  return value ?? null;
}

// step runs one step and keeps what it answers, or how it fails.
export async function step(name, fn) {
  try {
    told[name] = tidy(await fn());
  } catch (err) {
    const failure = { failed: err.message };
    for (const key of ["name", "code", "extendedCode", "status"]) if (err[key] !== undefined) failure[key] = err[key];
    if (err.cause?.message !== undefined) failure.cause = err.cause.message;
    told[name] = tidy(failure);
  }
}

export function tell() {
  process.stdout.write(JSON.stringify(told, null, 1) + "\n");
}
