// Records what D1 answers, as miniflare runs it:
//   npm install miniflare@4.20260426.0 && node record.mjs > answers.json
// statements.txt has one case a line: SQL, or a JSON list [sql, params…], or
// {"batch":[…]} of such. A blank line or one that begins with # is left out.
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";

const mf = new Miniflare({ modules: true, script: "export default {}", d1Databases: ["DB"] });
const db = await mf.getD1Database("DB");
const statement = (s) => {
  const [sql, ...params] = Array.isArray(s) ? s : [s];
  const made = db.prepare(sql);
  return params.length ? made.bind(...params) : made;
};
const shown = ({ results, meta }) => ({
  results, changes: meta.changes, last_row_id: meta.last_row_id, changed_db: meta.changed_db, rows_written: meta.rows_written,
});
const answers = [];
for (const line of readFileSync(new URL("statements.txt", import.meta.url), "utf8").split("\n")) {
  if (line.trim() === "" || line.startsWith("#")) continue;
  const given = /^[\[{]/.test(line) ? JSON.parse(line) : line;
  const answer = { given };
  try {
    if (given.batch) answer.batch = (await db.batch(given.batch.map(statement))).map(shown);
    else {
      Object.assign(answer, shown(await statement(given).all()));
    }
  } catch (e) {
    answer.error = e.message.replace(/^D1_ERROR: /, "");
  }
  answers.push(JSON.stringify(answer));
}
console.log("[\n" + answers.join(",\n") + "\n]");
await mf.dispose();
