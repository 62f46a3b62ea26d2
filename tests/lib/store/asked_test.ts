import { assertEquals, assertRejects } from "@std/assert";
import { Asked } from "../../../lib/store/asked.ts";
import { ListenedSignal } from "../../util/signal.ts";

Deno.test("asked: a proof is for who asked before it began, and for its prefix", async () => {
  const asked = new Asked();
  const { signal } = new AbortController();
  const answers: string[] = [];
  const note = (name: string, proof: Promise<number>) =>
    proof.then((revision) => answers.push(`${name} ${revision}`));
  const early = note("early", asked.wait("/a/", signal));
  const other = note("other", asked.wait("/b/", signal));
  const began = performance.now();
  while (performance.now() === began);
  const late = note("late", asked.wait("/a/", signal));
  asked.answer("/a/", 5, began);
  await early;
  assertEquals([answers, asked.isAwaited], [["early 5"], true]);
  asked.answer("/a/", 6, performance.now());
  asked.answer("/b/", 7, performance.now());
  await Promise.all([late, other]);
  assertEquals(answers, ["early 5", "late 6", "other 7"]);
  assertEquals(asked.isAwaited, false);
});

Deno.test("asked: who leaves, or had left before, is not waited for", async () => {
  const asked = new Asked();
  const listened = new ListenedSignal();
  const answered = asked.wait("/a/", listened.signal);
  asked.answer("/a/", 1, performance.now());
  assertEquals([await answered, listened.listeners], [1, 0]);
  const waiting = asked.wait("/a/", listened.signal);
  assertEquals([asked.isAwaited, listened.listeners], [true, 1]);
  listened.abort();
  await assertRejects(() => waiting, DOMException);
  await assertRejects(() => asked.wait("/a/", listened.signal), DOMException);
  assertEquals([asked.isAwaited, listened.listeners], [false, 0]);
});
