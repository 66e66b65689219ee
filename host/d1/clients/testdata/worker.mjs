// A Worker whose D1 binding leads to a host: workerd's own client. Its answer
// is what the steps told.
import { told, step } from "./tell.mjs";

const bytes = (...list) => new Uint8Array(list);

async function statements(db) {
  await step("run: a table", () => db.prepare("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, score REAL, data BLOB)").run());
  await step("run: an insertion", () => db.prepare("INSERT INTO t VALUES (?, ?, ?, ?)").bind(1, "ann", 1.5, bytes(0, 255)).run());
  await step("run: returning", () => db.prepare("INSERT INTO t (name) VALUES (?) RETURNING id, name").bind("bob").run());
  await step("all", () => db.prepare("SELECT * FROM t ORDER BY id").all());
  await step("first", () => db.prepare("SELECT * FROM t WHERE id = ?").bind(1).first());
  await step("first: a column", () => db.prepare("SELECT * FROM t WHERE id = ?1").bind(1).first("name"));
  await step("first: no such column", () => db.prepare("SELECT id FROM t").first("none"));
  await step("first: no row", () => db.prepare("SELECT * FROM t WHERE id = 99").first());
  await step("raw", () => db.prepare("SELECT id, name, id AS name FROM t ORDER BY id").raw());
  await step("raw: column names", () => db.prepare("SELECT id, name, id AS name FROM t ORDER BY id").raw({ columnNames: true }));
  await step("raw: no rows", () => db.prepare("SELECT id FROM t WHERE id = 99").raw({ columnNames: true }));
  await step("bind: a statement twice", async () => {
    const s = db.prepare("SELECT name FROM t WHERE id = ?");
    return [await s.bind(1).first("name"), await s.bind(2).first("name")];
  });
  await step("values", () =>
    db.prepare("SELECT typeof(?1), ?2, ?3, ?4, ?5, ?6, typeof(?7)").bind(1, null, true, "ä\n\"", bytes(1, 2).buffer, [3, 4], Number.NaN).raw());
  for (const [name, value] of [["undefined", undefined], ["an object", {}], ["a bigint", 1n]])
    await step(`bind: ${name}`, () => db.prepare("SELECT ?").bind(value).first());
}

async function errors(db) {
  for (const [name, sql, args] of [
    ["syntax", "SELEC 1", []],
    ["no table", "SELECT * FROM none", []],
    ["unique", "INSERT INTO t (name) VALUES (?)", ["ann"]],
    ["not null", "INSERT INTO t (name) VALUES (?)", [null]],
    ["too few", "SELECT ?, ?", [1]],
    ["too many", "SELECT ?", [1, 2]],
    ["no statement", "", []],
    ["a comment", "-- nothing", []],
    ["a transaction", "BEGIN", []],
    ["forbidden", "ATTACH 'x' AS y", []],
    ["an internal table", "CREATE TABLE _cf_x (a)", []],
  ])
    await step(`error: ${name}`, () => db.prepare(sql).bind(...args).all());
}

async function many(db) {
  await step("batch", () => db.batch([db.prepare("INSERT INTO t (name) VALUES (?)").bind("carl"), db.prepare("SELECT count(*) AS n FROM t")]));
  await step("batch: a failure", () => db.batch([db.prepare("INSERT INTO t (name) VALUES ('lost')"), db.prepare("INSERT INTO t (name) VALUES ('ann')")]));
  await step("batch: nothing of it stays", () => db.prepare("SELECT count(*) AS n FROM t WHERE name = 'lost'").first("n"));
  await step("batch: empty", () => db.batch([]));
  await step("exec", () => db.exec("CREATE TABLE u (a);\nINSERT INTO u VALUES (1);\n\nINSERT INTO u VALUES (2);"));
  await step("exec: a failure", () => db.exec("INSERT INTO u VALUES (3);\nINSERT INTO none VALUES (1);"));
  await step("exec: nothing of it stays", () => db.prepare("SELECT sum(a) AS s FROM u").first("s"));
  await step("prepare: several statements", () => db.prepare("INSERT INTO u VALUES (4); SELECT count(*) AS n FROM u").all());
  await step("dump", () => db.dump());
}

async function sessions(db) {
  await step("session: no bookmark before the first answer", () => db.withSession().getBookmark());
  await step("session: first-primary", async () => {
    const s = db.withSession("first-primary");
    await s.prepare("INSERT INTO u VALUES (5)").run();
    const first = s.getBookmark();
    const n = await s.prepare("SELECT count(*) AS n FROM u").first("n");
    await s.prepare("INSERT INTO u VALUES (6)").run();
    return { n, first, grew: first < s.getBookmark() };
  });
  await step("session: goes on from a bookmark", async () => {
    const a = db.withSession();
    await a.batch([a.prepare("INSERT INTO u VALUES (7)")]);
    const b = db.withSession(a.getBookmark());
    return { n: await b.prepare("SELECT count(*) AS n FROM u WHERE a = 7").first("n"), mark: b.getBookmark() };
  });
  await step("session: a wrong bookmark", () => db.withSession("nonsense").prepare("SELECT 1").first());
}

export default {
  async fetch(_, env) {
    await statements(env.DB);
    await errors(env.DB);
    await many(env.DB);
    await sessions(env.DB);
    return new Response(JSON.stringify(told, null, 1) + "\n");
  },
};
