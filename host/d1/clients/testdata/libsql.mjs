// libSQL's client over HTTP. DATABASE is the address of a database, TOKEN one
// of its tokens.
import { createClient } from "@libsql/client";
import { step, tell } from "./tell.mjs";

const url = process.env.DATABASE;
const client = createClient({ url, authToken: process.env.TOKEN });
const shown = (r) => ({ columns: r.columns, types: r.columnTypes, rows: r.rows.map((x) => Array.from(x)), affected: r.rowsAffected, last: r.lastInsertRowid });

await step("execute: a table", async () => shown(await client.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, score REAL, data BLOB)")));
await step("execute: an insertion", async () => shown(await client.execute({ sql: "INSERT INTO t VALUES (?, ?, ?, ?)", args: [1, "ann", 1.5, new Uint8Array([0, 1, 255])] })));
await step("execute: returning", async () => shown(await client.execute("INSERT INTO t (name) VALUES ('bob') RETURNING id, name")));
await step("execute: rows", async () => shown(await client.execute("SELECT * FROM t ORDER BY id")));
await step("execute: rows by name", async () => (await client.execute("SELECT name, score FROM t WHERE id = 1")).rows.map((r) => [r.name, r.score, r.length]));
for (const [prefix, args] of [[":", { a: 1, b: "x" }], ["@", { a: 1, b: "x" }], ["$", { a: 1, b: "x" }], [":", { ":a": 1, ":b": "x" }]])
  await step(`execute: named ${prefix} ${Object.keys(args)[0]}`, async () => shown(await client.execute({ sql: `SELECT ${prefix}a AS a, ${prefix}b AS b`, args })));
await step("execute: values", async () => {
  const args = [null, true, 12345678901234n, -1.25, "ä\u0000ö", new Uint8Array([1, 2]).buffer, new Date(1700000000000), ""];
  return shown(await client.execute({ sql: "SELECT ?, ?, ?, ?, ?, ?, ?, ?", args }));
});
await step("execute: types of values", async () => shown(await client.execute({ sql: "SELECT typeof(?), typeof(?), typeof(?)", args: [1, 7n, 1.5] })));
await step("execute: a large integer as a number", async () => shown(await client.execute("SELECT 9007199254740993")));
for (const intMode of ["bigint", "string"])
  await step(`execute: integers as ${intMode}`, async () => {
    const c = createClient({ url, authToken: process.env.TOKEN, intMode });
    const r = shown(await c.execute("SELECT 9007199254740993 AS big, 5 AS small, 1.5 AS real"));
    c.close();
    return r;
  });

for (const [name, sql, args] of [
  ["syntax", "SELEC 1", []],
  ["no table", "SELECT * FROM none", []],
  ["unique", "INSERT INTO t (name) VALUES ('ann')", []],
  ["primary key", "INSERT INTO t (id, name) VALUES (1, 'carl')", []],
  ["not null", "INSERT INTO t (name) VALUES (NULL)", []],
  ["too few parameters", "SELECT ?, ?", [1]],
  ["no statement", "", []],
  ["two statements", "SELECT 1; SELECT 2", []],
  ["forbidden", "ATTACH 'x' AS y", []],
])
  await step(`error: ${name}`, async () => shown(await client.execute({ sql, args })));

for (const mode of ["write", "deferred", "read"])
  await step(`batch: ${mode}`, async () => (await client.batch(["SELECT count(*) FROM t", { sql: "SELECT name FROM t WHERE id = ?", args: [1] }], mode)).map(shown));
await step("batch: writes", async () => (await client.batch([{ sql: "INSERT INTO t (name) VALUES (?)", args: ["dora"] }, "UPDATE t SET score = 2 WHERE score IS NULL", "SELECT count(*) AS n FROM t"], "write")).map(shown));
await step("batch: a failure", () => client.batch(["INSERT INTO t (name) VALUES ('lost')", "INSERT INTO t (name) VALUES ('ann')"], "write"));
await step("batch: nothing of it stays", async () => shown(await client.execute("SELECT name FROM t WHERE name = 'lost'")));
await step("migrate", async () => (await client.migrate(["CREATE TABLE m (a REFERENCES t (id))", "DROP TABLE m"])).map(shown));
await step("executeMultiple", async () => {
  await client.executeMultiple("CREATE TABLE u (a); INSERT INTO u VALUES (1), (2); -- the end\n");
  return shown(await client.execute("SELECT sum(a) AS s FROM u"));
});
await step("executeMultiple: a failure", () => client.executeMultiple("INSERT INTO u VALUES (3); INSERT INTO none VALUES (1)"));

await step("transaction: commit", async () => {
  const tx = await client.transaction("write");
  await tx.execute("INSERT INTO u VALUES (10)");
  const inside = shown(await tx.execute("SELECT sum(a) AS s FROM u WHERE a >= 10"));
  await tx.batch([{ sql: "INSERT INTO u VALUES (?)", args: [20] }]);
  await tx.executeMultiple("INSERT INTO u VALUES (30);");
  await tx.commit();
  return { inside, closed: tx.closed, after: shown(await client.execute("SELECT sum(a) AS s FROM u WHERE a >= 10")) };
});
await step("transaction: rollback", async () => {
  const tx = await client.transaction("write");
  await tx.execute("DELETE FROM u");
  await tx.rollback();
  return { closed: tx.closed, after: shown(await client.execute("SELECT count(*) > 0 AS kept FROM u")) };
});
await step("transaction: close without commit", async () => {
  const tx = await client.transaction("write");
  await tx.execute("DELETE FROM u");
  tx.close();
  return shown(await client.execute("SELECT count(*) > 0 AS kept FROM u"));
});
await step("transaction: goes on after an error", async () => {
  const tx = await client.transaction("write");
  await tx.execute("INSERT INTO u VALUES (100)");
  let failed;
  try {
    await tx.execute("INSERT INTO none VALUES (1)");
  } catch (err) {
    failed = err.code;
  }
  await tx.commit();
  return { failed, after: shown(await client.execute("SELECT count(*) AS n FROM u WHERE a = 100")) };
});
await step("transaction: after its end", async () => {
  const tx = await client.transaction("read");
  await tx.commit();
  return tx.execute("SELECT 1");
});
await step("transaction: another waits for its end", async () => {
  const tx = await client.transaction("write");
  await tx.execute("INSERT INTO u VALUES (1000)");
  const other = client.execute("SELECT count(*) AS n FROM u WHERE a = 1000");
  await tx.commit();
  return shown(await other);
});
await step("closed", async () => {
  client.close();
  return client.execute("SELECT 1");
});
await step("a wrong token", async () => {
  const c = createClient({ url, authToken: "hfd1_wrong" });
  return c.execute("SELECT 1");
});
tell();
