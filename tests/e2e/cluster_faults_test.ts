/**
 * A cluster of three members: the leader changes, one is lost, two are lost,
 * and they come back. Lainlet knows all three.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { MEMBER_FAULTS } from "../util/faults.ts";
import { Scene } from "../util/scene.ts";

Deno.test("three members", async (t) => {
  await using scene = await Scene.set({ members: 3 });
  for (const [name, befalls] of Object.entries(MEMBER_FAULTS)) {
    await t.step(name, () => befalls(scene));
  }
  for (const { store } of await scene.watched.debug()) {
    assertEquals(store.problems, []);
  }
  await scene.watched.isFaultless();
});
