import { assertEquals, assertRejects } from "@std/assert";
import { Waiters } from "../../lib/waiters.ts";
import { ListenedSignal } from "../util/leaks.ts";

Deno.test("waiters: each is resolved when its own condition is met", async () => {
  const waiters = new Waiters<{ readonly number: number }, string>();
  const { signal } = new AbortController();
  const results: string[] = [];
  const wait = (number: number) =>
    waiters.wait({ number }, signal)
      .then((result) => results.push(`${number} ${result}`));
  const all = [1, 2, 2].map(wait);
  waiters.resolve(({ number }) => number < 2, "first");
  await all[0];
  assertEquals([results, waiters.size], [["1 first"], 2]);
  waiters.resolve(() => true, "second");
  await Promise.all(all);
  assertEquals(results, ["1 first", "2 second", "2 second"]);
  assertEquals(waiters.size, 0);
});

Deno.test("waiters: one whose signal aborts, or had aborted before, waits no more", async () => {
  const waiters = new Waiters<object, number>();
  const listened = new ListenedSignal();
  const resolved = waiters.wait({}, listened.signal);
  waiters.resolve(() => true, 1);
  assertEquals([await resolved, listened.listeners], [1, 0]);
  const waiting = waiters.wait({}, listened.signal);
  assertEquals([waiters.size, listened.listeners], [1, 1]);
  listened.abort();
  await assertRejects(() => waiting, DOMException);
  await assertRejects(() => waiters.wait({}, listened.signal), DOMException);
  assertEquals([waiters.size, listened.listeners], [0, 0]);
});
