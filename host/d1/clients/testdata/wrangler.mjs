// wrangler's commands against a remote database, which is a host here. ADMIN is
// its admin address; the working directory is the test's own.
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { step, tell } from "./tell.mjs";

const bin = path.join(process.env.MODULES, "wrangler", "bin", "wrangler.js");
const env = {
  PATH: process.env.PATH, HOME: process.cwd(), XDG_CONFIG_HOME: process.cwd(), CI: "1", NO_COLOR: "1",
  CLOUDFLARE_API_BASE_URL: `${process.env.ADMIN}/client/v4`, CLOUDFLARE_API_TOKEN: "any", CLOUDFLARE_ACCOUNT_ID: "023e105f4ecef8ad9ca31a8372d0c353",
  WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_SANITIZE: "false",
};

function wrangler(...args) {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [bin, "d1", ...args], { env, timeout: 60_000 }, (err, stdout, stderr) => {
      if (err) reject(new Error(`${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}

// json is an answer without the lines of progress before it.
const json = async (...args) => JSON.parse((await wrangler(...args, "--json")).replace(/^[^[{]*/, ""));
// said is the line of a failure that says what went wrong.
const said = (err) => ({ failed: (err.message.split("\n").find((l) => /SQLITE_/.test(l)) ?? err.message).trim() });

fs.writeFileSync("wrangler.jsonc", JSON.stringify({
  name: "w", compatibility_date: "2026-04-07",
  d1_databases: [{ binding: "DB", database_name: "wrangler-one", database_id: "00000000-0000-0000-0000-000000000000", migrations_dir: "migrations" }],
}));
await step("create", async () => {
  await wrangler("create", "wrangler-one");
  const made = (await json("list")).filter((d) => d.name === "wrangler-one");
  const config = JSON.parse(fs.readFileSync("wrangler.jsonc", "utf8"));
  config.d1_databases = [{ ...config.d1_databases[0], database_id: made[0].uuid }];
  fs.writeFileSync("wrangler.jsonc", JSON.stringify(config));
  return made;
});
await step("execute: a file", async () => {
  fs.writeFileSync("in.sql", "CREATE TABLE t (a INTEGER PRIMARY KEY, b);\nINSERT INTO t VALUES (1, 'x;y'), (2, NULL);\n");
  const out = await json("execute", "wrangler-one", "--remote", "--yes", "--file", "in.sql");
  return out.map((r) => ({ success: r.success, finalBookmark: r.finalBookmark }));
});
await step("execute: a command", () => json("execute", "wrangler-one", "--remote", "--yes", "--command", "SELECT * FROM t ORDER BY a; SELECT count(*) AS n FROM t"));
await step("execute: a failure", () => json("execute", "wrangler-one", "--remote", "--yes", "--command", "SELECT * FROM none").catch(said));
await step("migrations", async () => {
  fs.mkdirSync("migrations");
  fs.writeFileSync("migrations/0001_more.sql", "CREATE TABLE more (a);\nINSERT INTO more VALUES (1);\n");
  await wrangler("migrations", "apply", "wrangler-one", "--remote");
  await wrangler("migrations", "apply", "wrangler-one", "--remote"); // nothing is left
  return (await json("execute", "wrangler-one", "--remote", "--yes", "--command", "SELECT (SELECT count(*) FROM more) AS rows, name FROM d1_migrations"))[0].results;
});
await step("export", async () => {
  await wrangler("export", "wrangler-one", "--remote", "--table", "t", "--output", "out.sql");
  return fs.readFileSync("out.sql", "utf8");
});
await step("time-travel", async () => {
  const { bookmark } = await json("time-travel", "info", "wrangler-one");
  await wrangler("execute", "wrangler-one", "--remote", "--yes", "--command", "DROP TABLE t");
  await wrangler("time-travel", "restore", "wrangler-one", "--bookmark", bookmark, "--json");
  return (await json("execute", "wrangler-one", "--remote", "--yes", "--command", "SELECT count(*) AS n FROM t"))[0].results;
});
await step("info", async () => {
  const info = await json("info", "wrangler-one");
  return { uuid: info.uuid, name: info.name, num_tables: info.num_tables, created_at: info.created_at };
});
await step("delete", async () => {
  await wrangler("delete", "wrangler-one", "-y");
  return (await json("list")).filter((d) => d.name === "wrangler-one");
});
tell();
