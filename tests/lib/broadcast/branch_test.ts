import { assert, assertEquals } from "@std/assert";
import { Branch } from "../../../lib/broadcast/branch.ts";
import { eventually } from "../../util/process.ts";
import { Listener, Setup } from "./setup.ts";

Deno.test("a failed stream says why and ends; nothing follows", async () => {
  using s = new Setup();
  const listener = new Listener(s);
  await listener.next();
  s.source.set("2");
  listener.branch.fail("no more");
  listener.branch.fail("not this");
  s.source.set("3");
  assertEquals(await listener.next(), "id: 0 event: error data: no more");
  assertEquals(await listener.next(), undefined);
});

Deno.test("a listener that leaves as it is given a state keeps that from nobody", async () => {
  using s = new Setup();
  const leaving = new Listener(s);
  await leaving.next();
  const listener = new Listener(s);
  await listener.next();
  let given = 0;
  const waiting = leaving.next();
  // As Deno.serve does, when the connection has gone.
  leaving.branch.start({
    desiredSize: 0,
    enqueue() {
      if (given++ > 0) throw new TypeError("the stream is closed");
      leaving.branch.cancel();
    },
    close: () => assert(false, "the stream is closed"),
    error: () => {},
  });
  // Of several chunks, as large states are.
  s.source.set(`"${"x".repeat(1_000_000)}"`);
  assertEquals(await listener.next(), "id: 2 event: update data:");
  assertEquals(given, 1);
  await leaving.leave();
  assertEquals(await waiting, undefined);
});

Deno.test("states of any size arrive whole", async () => {
  using s = new Setup();
  for (const size of [0, 1, 16_383, 16_384, 1_000_000]) {
    const json = JSON.stringify("x".repeat(size));
    s.source.set(json);
    const branch = new Branch(
      s.branches,
      { heartbeat: 0, patch: false, tag: false },
      () => {},
    );
    branch.attach(s.broadcast.acquire(s.source).topic);
    let text = "";
    for await (const chunk of branch.stream) {
      text += new TextDecoder().decode(chunk);
      if (text.endsWith("\n\n")) break;
    }
    assertEquals(text, `id: 1\nevent: init\ndata: ${json}\n\n`);
  }
});

Deno.test("heartbeats do not pile up, and give way to states", async () => {
  using s = new Setup();
  const listener = new Listener(s, { heartbeat: 0.01 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(await listener.next(), 'id: 1 event: init data: "first"');
  assertEquals(await listener.next(), "id: 0 event: heartbeat");
  s.source.set("2");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  await listener.leave();
});

Deno.test("closing ends every stream, waiting or not", async () => {
  const s = new Setup();
  const waiting = new Listener(s);
  const stalled = new Listener(s);
  await waiting.next();
  const end = waiting.next();
  s.branches.close();
  assertEquals(await end, undefined);
  assertEquals(await stalled.next(), undefined);
});

Deno.test("the stream of a reader that takes nothing ends", async () => {
  using s = new Setup(100);
  const listener = new Listener(s);
  await listener.next();
  s.source.set("2");
  await eventually("it is over", () => s.slow === 1 || undefined);
  assertEquals(await listener.next(), undefined);
  const idle = new Listener(s);
  await idle.next();
  const next = idle.next();
  await new Promise((resolve) => setTimeout(resolve, 400));
  s.source.set("3");
  assertEquals(await next, "id: 2 event: update data: 3");
  assertEquals(s.slow, 1);
});
