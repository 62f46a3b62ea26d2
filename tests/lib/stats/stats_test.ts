import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { TestLainlet } from "../../util/lainlet.ts";

class FaultyStore extends MemoryStore {
  problems: readonly string[] = [];

  override get status() {
    return { ...super.status, problems: this.problems };
  }
}

Deno.test("stats: since when lainlet reports each problem", async () => {
  const store = new FaultyStore([["/lain/config/domain", "lain.example"]]);
  await using lainlet = await new TestLainlet(store).ready();
  const since = () => {
    const { problems, problemsSince } = lainlet.lainlet.stats.current;
    assertEquals(Object.keys(problemsSince), problems);
    return problemsSince;
  };
  assertEquals(since(), {});
  const begin = new Date().toISOString();
  store.problems = ["the disk is full"];
  const first = since()["the disk is full"];
  assert(first && first.time >= begin, first?.time);
  assertEquals(first.isAtLeast, false);
  // Another problem does not change it.
  store.problems = ["no leader", "the disk is full"];
  assertEquals(since()["the disk is full"], first);
  store.problems = [];
  assertEquals(since(), {});
});
