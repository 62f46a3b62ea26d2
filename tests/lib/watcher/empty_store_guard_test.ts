import { assertEquals } from "@std/assert";
import { EmptyStoreGuard } from "../../../lib/watcher/empty_store_guard.ts";

const EMPTY = "the store holds nothing under /lain/";
const REPLACED =
  "the store was replaced by one that holds nothing under /lain/";

/** A guard of two subtrees; records what is accepted. */
function guarded() {
  const guard = new EmptyStoreGuard(2);
  const accepted: string[] = [];
  const read = (name: string, history: number) =>
    guard.offer(name, history, () => accepted.push(`${name} ${history}`));
  return { guard, accepted, read };
}

Deno.test("empty store guard: subtrees are held back until one of them has a key", () => {
  const { guard, accepted, read } = guarded();
  assertEquals([read("a", 0), read("b", 0), accepted], [false, false, []]);
  assertEquals(guard.problem, EMPTY);
  guard.noteKey(0);
  assertEquals(accepted, ["a 0", "b 0"]);
  // Within a history, an empty subtree is accepted.
  assertEquals([read("a", 0), accepted.length], [true, 3]);
  guard.noteKey(0);
  assertEquals(accepted.length, 3);
});

Deno.test("empty store guard: another history is held back, and ends earlier ones", () => {
  const { guard, accepted, read } = guarded();
  guard.noteKey(0);
  assertEquals(read("a", 1), false);
  assertEquals(guard.problem, REPLACED);
  // Events of the previous history may arrive late.
  guard.noteKey(0);
  assertEquals([read("b", 0), accepted], [false, []]);
  // What was read of a history that has ended is never accepted.
  assertEquals(read("b", 2), false);
  guard.noteKey(1);
  guard.noteKey(2);
  assertEquals(accepted, ["b 2"]);
  assertEquals([read("a", 1), read("a", 2)], [false, true]);
  assertEquals(accepted, ["b 2", "a 2"]);
});

Deno.test("empty store guard: a store that never held a key is empty in each history", () => {
  const { guard, read } = guarded();
  read("a", 0);
  read("a", 3);
  assertEquals(guard.problem, EMPTY);
});
