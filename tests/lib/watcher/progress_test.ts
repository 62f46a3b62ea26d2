import { assertEquals, assertRejects } from "@std/assert";
import { SubtreeProgress } from "../../../lib/watcher/progress.ts";
import { ListenedSignal } from "../../util/signal.ts";

Deno.test("progress: a signal that stands for many waits is left alone after each", async () => {
  const progress = new SubtreeProgress(() => Promise.resolve(2));
  const listened = new ListenedSignal();
  const { signal } = listened;
  const waits = [1, 1, 2].map((one) => progress.reached(one, signal));
  const proven = progress.proven(signal);
  progress.set(1);
  await Promise.all(waits.slice(0, 2));
  assertEquals(listened.listeners, 2);
  progress.set(2);
  await Promise.all([...waits, proven]);
  assertEquals(listened.listeners, 0);
  const never = progress.reached(3, signal);
  listened.abort();
  await assertRejects(() => never, DOMException);
  assertEquals(listened.listeners, 0);
  await assertRejects(() => progress.reached(3, signal), DOMException);
});
