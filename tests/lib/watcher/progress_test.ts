import { assertEquals, assertRejects } from "@std/assert";
import { SubtreeProgress } from "../../../lib/watcher/progress.ts";
import { ListenedSignal } from "../../util/leaks.ts";

Deno.test("progress: no listener stays on a signal that is used for many waits", async () => {
  const progress = new SubtreeProgress(() => Promise.resolve(2));
  const listened = new ListenedSignal();
  const { signal } = listened;
  const waits = [1, 1, 2].map((one) => progress.reached(one, signal));
  const confirmed = progress.confirmed(signal);
  progress.advance(1);
  await Promise.all(waits.slice(0, 2));
  assertEquals(listened.listeners, 2);
  progress.advance(2);
  await Promise.all([...waits, confirmed]);
  assertEquals(listened.listeners, 0);
  const never = progress.reached(3, signal);
  listened.abort();
  await assertRejects(() => never, DOMException);
  assertEquals(listened.listeners, 0);
  await assertRejects(() => progress.reached(3, signal), DOMException);
});

Deno.test("progress: it goes back only with another history", async () => {
  const progress = new SubtreeProgress(() => Promise.resolve(1));
  const { signal } = new AbortController();
  progress.advance(5, 9);
  progress.advance(4, 7);
  assertEquals([progress.revision, progress.newest], [5, 9]);
  progress.advance(6);
  assertEquals([progress.revision, progress.newest], [6, 9]);
  // Revisions of a history that has ended do not count in the next one.
  progress.startHistory(1, 0);
  assertEquals([progress.revision, progress.newest], [0, 0]);
  const reached = progress.reached(2, signal);
  progress.startHistory(2, 2, 3);
  await reached;
  assertEquals([progress.revision, progress.newest], [2, 3]);
});

Deno.test("progress: a freshness check does not wait for a revision of a history that has ended", async () => {
  const progress = new SubtreeProgress(() => Promise.resolve(500));
  const abort = new AbortController();
  // The snapshot is held back.
  progress.startHistory(0, 0);
  const confirmed = progress.confirmed(abort.signal);
  let isReached = false;
  const reached = progress.reached(500, abort.signal)
    .then(() => isReached = true);
  await Promise.resolve();
  progress.startHistory(1, 50);
  await confirmed;
  assertEquals(isReached, false);
  progress.advance(500);
  await reached;
});
