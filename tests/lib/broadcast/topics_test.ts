import { assert, assertEquals } from "@std/assert";
import type { Member } from "../../../lib/json.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { Listener, Setup, TestSource } from "./setup.ts";

Deno.test("each state is made once, however many listen", async () => {
  using s = new Setup();
  const listeners = Array.from(
    { length: 100 },
    () => new Listener(s),
  );
  await Promise.all(listeners.map((l) => l.next()));
  s.source.set("2");
  const frames = await Promise.all(listeners.map((l) => l.next()));
  assertEquals(new Set(frames), new Set(["id: 2 event: update data: 2"]));
  assertEquals(s.source.renders, 2);
  s.broadcast.latest(s.source);
  assertEquals(s.source.renders, 2);
});

Deno.test("a listener that leaves is gone, and the topic with the last", async () => {
  using s = new Setup();
  const one = new Listener(s);
  const two = new Listener(s);
  const topic = s.broadcast.acquire(s.source);
  assertEquals(topic.topic.subscribers, 2);
  topic.release();
  assertEquals([s.broadcast.size, s.source.watcher.receivers], [1, 2]);
  await one.leave();
  assertEquals([s.broadcast.size, s.source.watcher.receivers], [1, 1]);
  await two.leave();
  assertEquals([topic.topic.subscribers, s.broadcast.size], [0, 0]);
  assertEquals(s.source.watcher.receivers, 0);
  assert(!s.source.isSubscribed);
});

Deno.test("an answer that nobody listens to is kept until the source changes", () => {
  using s = new Setup();
  const first = s.broadcast.latest(s.source);
  assertEquals(s.broadcast.latest(s.source), first);
  assertEquals(s.source.renders, 1);
  s.source.set('"first"');
  // Made anew, but the same: what was made of it still holds.
  assert(s.broadcast.latest(s.source) === first);
  assertEquals(s.source.renders, 2);
  s.source.set("2");
  assert(s.broadcast.latest(s.source) !== first);
});

Deno.test("an answer is kept when its last listener leaves", () => {
  using s = new Setup();
  s.broadcast.acquire(s.source).release();
  s.broadcast.acquire(s.source).release();
  assertEquals(s.source.renders, 1);
  s.source.set("2");
  const { topic, release } = s.broadcast.acquire(s.source);
  assertEquals(s.source.renders, 2);
  const { latest } = topic;
  assert(latest instanceof State);
  assertEquals(new TextDecoder().decode(latest.body), "2");
  release();
});

Deno.test("what is kept is bounded, whatever was noted while somebody followed", () => {
  using s = new Setup();
  const text = "x".repeat(100_000);
  const content = (number: number, changed = 0) =>
    Array.from({ length: 11 }, (_, i): Member => [
      `m${i}`,
      `"${number} ${i < changed} ${text}"`,
    ]);
  for (let i = 0; i < 30; i++) {
    s.source.set(content(i, 3));
    const { release } = s.broadcast.acquire(s.source);
    // All of it: what was before is forgotten.
    s.source.set(content(i + 1));
    release();
  }
  const others = Array.from({ length: 40 }, (_, i) => {
    const other = new TestSource(`other ${i}`);
    other.set(content(i));
    s.broadcast.latest(other);
    return other;
  });
  for (const other of others.reverse()) s.broadcast.latest(other);
  const again = others.filter(({ renders }) => renders === 2);
  assert(again.length >= 10, `${again.length}`);
});
