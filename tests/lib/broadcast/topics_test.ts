import { assert, assertEquals } from "@std/assert";
import type { Member } from "../../../lib/json.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { Setup, TestListener, TestSource } from "./setup.ts";

Deno.test("topics: a state is rendered once for all listeners", async () => {
  using s = new Setup();
  const listeners = Array.from(
    { length: 100 },
    () => new TestListener(s),
  );
  await Promise.all(listeners.map((l) => l.next()));
  s.source.set("2");
  const frames = await Promise.all(listeners.map((l) => l.next()));
  assertEquals(new Set(frames), new Set(["id: 2 event: update data: 2"]));
  assertEquals(s.source.renders, 2);
  s.topics.latest(s.source);
  assertEquals(s.source.renders, 2);
});

Deno.test("topics: a topic is released with its last listener", async () => {
  using s = new Setup();
  const one = new TestListener(s);
  const two = new TestListener(s);
  const topic = s.topics.acquire(s.source);
  assertEquals(topic.topic.subscribers, 2);
  topic.release();
  assertEquals([s.topics.size, s.source.watcher.receivers], [1, 2]);
  await one.leave();
  assertEquals([s.topics.size, s.source.watcher.receivers], [1, 1]);
  await two.leave();
  assertEquals([topic.topic.subscribers, s.topics.size], [0, 0]);
  assertEquals(s.source.watcher.receivers, 0);
  assert(!s.source.isSubscribed);
});

Deno.test("topics: a state without listeners is cached until the source changes", () => {
  using s = new Setup();
  const first = s.topics.latest(s.source);
  assertEquals(s.topics.latest(s.source), first);
  assertEquals(s.source.renders, 1);
  s.source.set('"first"');
  // Rendered again, and equal: the cached state stays.
  assert(s.topics.latest(s.source) === first);
  assertEquals(s.source.renders, 2);
  s.source.set("2");
  assert(s.topics.latest(s.source) !== first);
});

Deno.test("topics: a state is cached when its last listener leaves", () => {
  using s = new Setup();
  s.topics.acquire(s.source).release();
  s.topics.acquire(s.source).release();
  assertEquals(s.source.renders, 1);
  s.source.set("2");
  const { topic, release } = s.topics.acquire(s.source);
  assertEquals(s.source.renders, 2);
  const { latest } = topic;
  assert(latest instanceof State);
  assertEquals(new TextDecoder().decode(latest.body), "2");
  release();
});

Deno.test("topics: the cache is bounded, also when recent states were added to a topic", () => {
  using s = new Setup();
  const text = "x".repeat(100_000);
  const content = (number: number, changed = 0) =>
    Array.from({ length: 11 }, (_, i): Member => [
      `m${i}`,
      `"${number} ${i < changed} ${text}"`,
    ]);
  for (let i = 0; i < 30; i++) {
    s.source.set(content(i, 3));
    const { release } = s.topics.acquire(s.source);
    // Every member changes: the recent states are evicted.
    s.source.set(content(i + 1));
    release();
  }
  const others = Array.from({ length: 40 }, (_, i) => {
    const other = new TestSource(`other ${i}`);
    other.set(content(i));
    s.topics.latest(other);
    return other;
  });
  for (const other of others.reverse()) s.topics.latest(other);
  const again = others.filter(({ renders }) => renders === 2);
  assert(again.length >= 10, `${again.length}`);
});
