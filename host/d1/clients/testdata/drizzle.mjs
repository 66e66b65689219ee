// drizzle-orm over libSQL's client. DATABASE is the address of a database,
// TOKEN one of its tokens.
import { createClient } from "@libsql/client";
import { asc, count, eq, relations, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { blob, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { step, tell } from "./tell.mjs";

const users = sqliteTable("users", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  name: text("name").notNull(),
  admin: integer("admin", { mode: "boolean" }).notNull().default(false),
  made: integer("made", { mode: "timestamp_ms" }),
  ratio: real("ratio"),
  extra: text("extra", { mode: "json" }),
  data: blob("data", { mode: "buffer" }),
}, (t) => [uniqueIndex("users_name").on(t.name)]);
const posts = sqliteTable("posts", {
  id: integer("id").primaryKey(),
  author: integer("author").notNull().references(() => users.id, { onDelete: "cascade" }),
  title: text("title").notNull(),
});
const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
const postsRelations = relations(posts, ({ one }) => ({ author: one(users, { fields: [posts.author], references: [users.id] }) }));

const client = createClient({ url: process.env.DATABASE, authToken: process.env.TOKEN });
const db = drizzle(client, { schema: { users, posts, usersRelations, postsRelations } });

await step("schema", async () => {
  await db.run(sql`CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, admin INTEGER NOT NULL DEFAULT 0, made INTEGER, ratio REAL, extra TEXT, data BLOB)`);
  await db.run(sql`CREATE UNIQUE INDEX users_name ON users (name)`);
  await db.run(sql`CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, title TEXT NOT NULL)`);
  return (await db.all(sql`SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name`)).map((r) => r.name);
});
await step("insert returning", () =>
  db.insert(users).values([
    { name: "ann", admin: true, made: new Date(1700000000000), ratio: 0.5, extra: { a: [1, null] }, data: Buffer.from([0, 255]) },
    { name: "bob" },
  ]).returning());
await step("insert: the name is taken", () => db.insert(users).values({ name: "ann" }));
await step("insert on conflict", () =>
  db.insert(users).values({ name: "bob", ratio: 2 }).onConflictDoUpdate({ target: users.name, set: { ratio: 2 } }).returning({ id: users.id, ratio: users.ratio }));
await step("insert posts", () => db.insert(posts).values([{ author: 1, title: "first" }, { author: 1, title: "second" }, { author: 2, title: "third" }]).returning({ id: posts.id }));
await step("insert: no such author", () => db.insert(posts).values({ author: 99, title: "orphan" }));
await step("select with join", () =>
  db.select({ name: users.name, title: posts.title }).from(posts).innerJoin(users, eq(users.id, posts.author)).orderBy(asc(posts.id)));
await step("left join", () => db.select().from(users).leftJoin(posts, eq(users.id, posts.author)).where(eq(users.name, "bob")));
await step("group", () => db.select({ name: users.name, n: count() }).from(users).innerJoin(posts, eq(users.id, posts.author)).groupBy(users.name).orderBy(asc(users.name)));
await step("relations", () => db.query.users.findMany({ with: { posts: true }, orderBy: asc(users.id) }));
await step("prepared", async () => {
  const byName = db.select({ id: users.id }).from(users).where(eq(users.name, sql.placeholder("name"))).prepare();
  return [await byName.get({ name: "ann" }), await byName.all({ name: "none" })];
});
await step("update returning", () => db.update(users).set({ admin: true }).where(eq(users.name, "bob")).returning({ name: users.name, admin: users.admin }));
await step("transaction: commit", () =>
  db.transaction(async (tx) => {
    await tx.insert(users).values({ name: "carl" });
    await tx.insert(posts).values({ author: 3, title: "fourth" }).catch((e) => e);
    return tx.select({ n: count() }).from(users);
  }));
await step("transaction: rollback", () =>
  db.transaction(async (tx) => {
    await tx.delete(posts);
    tx.rollback();
  }));
await step("transaction: nested", () =>
  db.transaction(async (tx) => {
    await tx.insert(users).values({ name: "dora" });
    await tx.transaction(async (inner) => {
      await inner.delete(users);
      inner.rollback();
    }).catch(() => {});
    return tx.select({ n: count() }).from(users);
  }));
await step("batch", () => db.batch([db.insert(users).values({ name: "emil" }).returning({ name: users.name }), db.select({ n: count() }).from(users)]));
await step("delete cascades", async () => {
  const gone = await db.delete(users).where(eq(users.name, "ann")).returning({ id: users.id });
  return [gone, await db.select().from(posts).orderBy(asc(posts.id))];
});
await step("run", async () => {
  const r = await db.run(sql`UPDATE users SET ratio = ${1.25} WHERE name = ${"bob"}`);
  return { affected: r.rowsAffected, rows: r.rows.length };
});
await step("values", () => db.values(sql`SELECT name, ratio FROM users WHERE name = 'bob'`));
tell();
