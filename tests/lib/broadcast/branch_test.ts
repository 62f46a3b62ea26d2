import { assert, assertEquals } from "@std/assert";
import { Branch } from "../../../lib/broadcast/branch.ts";
import { eventually } from "../../util/process.ts";
import { Setup, TestListener } from "./setup.ts";

Deno.test("branch: a failed stream ends with an error event", async () => {
  using s = new Setup();
  const listener = new TestListener(s);
  await listener.next();
  s.source.set("2");
  listener.branch.fail("no more");
  listener.branch.fail("not this");
  s.source.set("3");
  assertEquals(await listener.next(), "id: 0 event: error data: no more");
  assertEquals(await listener.next(), undefined);
});

Deno.test("branch: a listener that cancels while it gets a state does not affect the others", async () => {
  using s = new Setup();
  const leaving = new TestListener(s);
  await leaving.next();
  const listener = new TestListener(s);
  await listener.next();
  let given = 0;
  const waiting = leaving.next();
  // As Deno.serve does when the connection has gone.
  leaving.branch.start({
    desiredSize: 0,
    enqueue() {
      if (given++ > 0) throw new TypeError("the stream is closed");
      leaving.branch.cancel();
    },
    close: () => assert(false, "the stream is closed"),
    error: () => {},
  });
  // A large state is sent in several chunks.
  s.source.set(`"${"x".repeat(1_000_000)}"`);
  assertEquals(await listener.next(), "id: 2 event: update data:");
  assertEquals(given, 1);
  await leaving.leave();
  assertEquals(await waiting, undefined);
});

Deno.test("branch: states of any size arrive complete", async () => {
  using s = new Setup();
  for (const size of [0, 1, 16_383, 16_384, 1_000_000]) {
    const json = JSON.stringify("x".repeat(size));
    s.source.set(json);
    const branch = new Branch(
      s.registry,
      { heartbeat: 0, patch: false, tag: false },
      () => {},
    );
    branch.attach(s.topics.acquire(s.source).topic);
    let text = "";
    for await (const chunk of branch.stream) {
      text += new TextDecoder().decode(chunk);
      if (text.endsWith("\n\n")) break;
    }
    assertEquals(text, `id: 1\nevent: init\ndata: ${json}\n\n`);
  }
});

Deno.test("branch: heartbeats do not accumulate, and states come first", async () => {
  using s = new Setup();
  const listener = new TestListener(s, { heartbeat: 0.01 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(await listener.next(), 'id: 1 event: init data: "first"');
  assertEquals(await listener.next(), "id: 0 event: heartbeat");
  s.source.set("2");
  assertEquals(await listener.next(), "id: 2 event: update data: 2");
  await listener.leave();
});

Deno.test("branch: closing the registry ends all streams", async () => {
  const s = new Setup();
  const waiting = new TestListener(s);
  const stalled = new TestListener(s);
  await waiting.next();
  const end = waiting.next();
  s.registry.close();
  assertEquals(await end, undefined);
  assertEquals(await stalled.next(), undefined);
});

Deno.test("branch: a stream that stays unread is ended, an idle one is not", async () => {
  using s = new Setup(100);
  const listener = new TestListener(s);
  await listener.next();
  s.source.set("2");
  await eventually("the stream is ended", () => s.slow === 1 || undefined);
  assertEquals(await listener.next(), undefined);
  const idle = new TestListener(s);
  await idle.next();
  const next = idle.next();
  await new Promise((resolve) => setTimeout(resolve, 400));
  s.source.set("3");
  assertEquals(await next, "id: 2 event: update data: 3");
  assertEquals(s.slow, 1);
});
