import { assertEquals } from "@std/assert";
import { EmptyStoreGuard } from "../../../lib/watcher/empty_store_guard.ts";

const EMPTY = "the store holds nothing under /lain/";
const REPLACED =
  "the store was replaced by one that holds nothing under /lain/";

/** The first read of two subtrees; notes what is taken. */
function reading() {
  const firstRead = new EmptyStoreGuard(2);
  const taken: string[] = [];
  const read = (name: string, history: number) =>
    firstRead.offer(name, history, () => taken.push(`${name} ${history}`));
  return { firstRead, taken, read };
}

Deno.test("first read: nothing is taken before there is a key somewhere, and then all is", () => {
  const { firstRead, taken, read } = reading();
  assertEquals([read("a", 0), read("b", 0), taken], [false, false, []]);
  assertEquals(firstRead.problem, EMPTY);
  firstRead.noteKey(0);
  assertEquals(taken, ["a 0", "b 0"]);
  // Emptiness within a history counts.
  assertEquals([read("a", 0), taken.length], [true, 3]);
  firstRead.noteKey(0);
  assertEquals(taken.length, 3);
});

Deno.test("first read: another history begins anew, and ends those before it", () => {
  const { firstRead, taken, read } = reading();
  firstRead.noteKey(0);
  assertEquals(read("a", 1), false);
  assertEquals(firstRead.problem, REPLACED);
  // Of the one before, something may still be on its way.
  firstRead.noteKey(0);
  assertEquals([read("b", 0), taken], [false, []]);
  // And what was read of one that is over never counts.
  assertEquals(read("b", 2), false);
  firstRead.noteKey(1);
  firstRead.noteKey(2);
  assertEquals(taken, ["b 2"]);
  assertEquals([read("a", 1), read("a", 2)], [false, true]);
  assertEquals(taken, ["b 2", "a 2"]);
});

Deno.test("first read: a store that never held a key is empty, whatever its history", () => {
  const { firstRead, read } = reading();
  read("a", 0);
  read("a", 3);
  assertEquals(firstRead.problem, EMPTY);
});
