// The official SDK of the REST API. ADMIN is the host's admin address.
import crypto from "node:crypto";
import Cloudflare from "cloudflare";
import { step, tell } from "./tell.mjs";

const client = new Cloudflare({ apiToken: "any", baseURL: `${process.env.ADMIN}/client/v4`, maxRetries: 0 });
const account_id = "023e105f4ecef8ad9ca31a8372d0c353";
const d1 = client.d1.database;
const rows = async (page) => (await page).result;
let id, other;

await step("create", async () => {
  const made = await d1.create({ account_id, name: "sdk-one", primary_location_hint: "weur" });
  id = made.uuid;
  return made;
});
await step("create: the name is taken", () => d1.create({ account_id, name: "sdk-one" }));
await step("create: no name", () => d1.create({ account_id, name: "" }));
await step("create another", async () => {
  other = (await d1.create({ account_id, name: "sdk-two" })).uuid;
  return other;
});
await step("list", async () => {
  const names = [];
  for await (const db of d1.list({ account_id, per_page: 1 })) names.push(db.name);
  return names.filter((n) => n.startsWith("sdk-"));
});
await step("list by name", () => rows(d1.list({ account_id, name: "sdk-two" })));
await step("get", () => d1.get(id, { account_id }));
await step("get: some fields", () => d1.get(id, { account_id, fields: ["name", "num_tables"] }));
await step("get: none", () => d1.get("00000000-0000-0000-0000-000000000000", { account_id }));
await step("edit", () => d1.edit(id, { account_id, read_replication: { mode: "disabled" } }));

await step("query: several statements", () =>
  rows(d1.query(id, { account_id, sql: "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c BLOB); INSERT INTO t VALUES (1, 'it''s', x'00ff'), (2, NULL, NULL)" })));
await step("query: parameters", () => rows(d1.query(id, { account_id, sql: "SELECT a, b, ? AS p FROM t WHERE a = ?", params: ["text", "1"] })));
await step("query: a batch", () => rows(d1.query(id, { account_id, batch: [{ sql: "INSERT INTO t (b) VALUES (?)", params: ["three"] }, { sql: "SELECT count(*) AS n FROM t" }] })));
await step("query: a batch that fails", () => rows(d1.query(id, { account_id, batch: [{ sql: "INSERT INTO t (b) VALUES ('lost')" }, { sql: "INSERT INTO t (a) VALUES (1)" }] })));
await step("query: nothing of it stays", () => rows(d1.query(id, { account_id, sql: "SELECT count(*) AS n FROM t" })));
await step("query: a syntax error", () => rows(d1.query(id, { account_id, sql: "SELEC 1" })));
await step("query: too few parameters", () => rows(d1.query(id, { account_id, sql: "SELECT ?, ?", params: ["1"] })));
await step("raw", () => rows(d1.raw(id, { account_id, sql: "SELECT a, b, c, a AS b FROM t ORDER BY a" })));
await step("raw: an error", () => rows(d1.raw(id, { account_id, sql: "SELECT * FROM none" })));

let before, dump;
await step("time travel: bookmark", async () => {
  before = (await d1.timeTravel.getBookmark(id, { account_id })).bookmark;
  return before;
});
await step("export", async () => {
  const out = await d1.export(id, { account_id, output_format: "polling" });
  dump = await (await fetch(out.result.signed_url)).text();
  out.result.filename = out.result.filename.replace(/-[0-9a-f-]+\.sql$/, ".sql");
  return { out, dump };
});
await step("export: data of one table", async () => {
  const out = await d1.export(id, { account_id, output_format: "polling", dump_options: { no_schema: true, tables: ["t"] } });
  return (await fetch(out.result.signed_url)).text();
});
await step("import", async () => {
  const etag = crypto.createHash("md5").update(dump).digest("hex");
  const begun = await d1.import(other, { account_id, action: "init", etag });
  const put = await fetch(begun.upload_url, { method: "PUT", body: dump });
  const ended = await d1.import(other, { account_id, action: "ingest", etag, filename: begun.filename });
  return { success: begun.success, put: put.status, etag: put.headers.get("etag").replaceAll('"', "") === etag, ended };
});
await step("import: poll behind it", () => d1.import(other, { account_id, action: "poll", current_bookmark: before }));
await step("import: what came", () => rows(d1.raw(other, { account_id, sql: "SELECT * FROM t ORDER BY a" })));
await step("import: another file", async () => {
  const begun = await d1.import(other, { account_id, action: "init", etag: "0".repeat(32) });
  return { put: (await fetch(begun.upload_url, { method: "PUT", body: "SELECT 1" })).status };
});

await step("time travel: restore", async () => {
  await rows(d1.query(id, { account_id, sql: "DROP TABLE t" }));
  const done = await d1.timeTravel.restore(id, { account_id, bookmark: before });
  done.message = done.message.replaceAll(/[0-9a-f]{8}-[0-9a-f-]+/g, "<bookmark>");
  return done;
});
await step("time travel: it is back", () => rows(d1.query(id, { account_id, sql: "SELECT count(*) AS n FROM t" })));
await step("time travel: no bookmark", () => d1.timeTravel.restore(id, { account_id, bookmark: "nonsense" }));

await step("delete", () => d1.delete(id, { account_id }));
await step("delete another", () => d1.delete(other, { account_id }));
await step("delete: none", () => d1.delete(id, { account_id }));
await step("query: none", () => rows(d1.query(id, { account_id, sql: "SELECT 1" })));
tell();
