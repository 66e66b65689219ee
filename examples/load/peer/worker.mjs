// The routes of examples/load/app that need no D1, for workerd: a worker, an
// object that answers, one durable number, one durable SQL insert with a
// broadcast.
import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  async fetch(request) {
    const op = new URL(request.url).pathname.split("/")[3];
    if (op === "noop") return new Response("ok");
    const n = ((await this.ctx.storage.get("n")) ?? 0) + (op === "incr" ? 1 : 0);
    if (op === "incr") await this.ctx.storage.put("n", n);
    return new Response(String(n));
  }
}

export class Room extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS ev(seq INTEGER PRIMARY KEY, content TEXT NOT NULL, ts INTEGER NOT NULL)");
    this.seq = ctx.storage.sql.exec("SELECT coalesce(max(seq),0) AS m FROM ev").one().m;
  }
  async fetch(request) {
    const { content } = await request.json();
    const seq = ++this.seq;
    const ts = Date.now();
    this.ctx.storage.sql.exec("INSERT INTO ev(seq,content,ts) VALUES(?,?,?)", seq, content, ts);
    const frame = JSON.stringify({ type: "event", seq, content, ts });
    for (const ws of this.ctx.getWebSockets()) ws.send(frame);
    return Response.json({ seq });
  }
}

export default {
  async fetch(request, env) {
    const [, kind, name] = new URL(request.url).pathname.split("/");
    if (kind === "plain") return new Response("ok");
    const ns = kind === "counter" ? env.COUNTER : env.ROOM;
    return ns.get(ns.idFromName(name)).fetch(request);
  },
};
