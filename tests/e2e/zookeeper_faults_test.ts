/**
 * The faults of ZooKeeper, its members and the way to it. Lainlet runs as a
 * process, from source and as the binary, with the default settings; what can
 * happen beside each other does, as most of the time is spent waiting.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  absence,
  brokenWay,
  kills,
  lostHistory,
  MEMBER_FAULTS,
  pause,
  PROTOCOL_FAULTS,
  restores,
} from "../util/faults.ts";
import { Scene } from "../util/scene.ts";

const store = "zookeeper";

/** How a member is chosen is the same code for all stores: with etcd's v3 both show it. */
const targets = ["binary"] as const;

/** What befalls a cluster each time. */
const STORIES: Record<string, (t: Deno.TestContext) => Promise<void>> = {
  "ZooKeeper itself": async (t) => {
    const settings = ["--stale.after=8s"];
    await using scene = await Scene.prepare({ store, ways: 1, settings });
    await t.step("is absent at the start", () => absence(scene, /closed/));
    await t.step("is killed", () => kills(scene, 2));
    await t.step("is paused", () => pause(scene));
    await t.step("is written again", () => lostHistory(scene));
    await t.step("is restored", () => restores(scene, [0, 40]));
  },
  "the only way to it": async (t) => {
    await using scene = await Scene.set({ store, ways: 1 });
    for (const name of PROTOCOL_FAULTS) {
      await t.step(name, () => brokenWay(scene, name));
    }
    await scene.watched.isFaultless();
  },
  "three members": async (t) => {
    await using scene = await Scene.set({ store, members: 3, targets });
    for (const [name, befalls] of Object.entries(MEMBER_FAULTS)) {
      // The leader is one of those that are lost.
      if (name.startsWith("the leader")) continue;
      await t.step(name, () => befalls(scene));
    }
    for (const { store } of await scene.watched.debug()) {
      assertEquals(store.problems, []);
    }
    await scene.watched.isFaultless();
  },
};

Deno.test("ZooKeeper", async (t) => {
  await Promise.all(
    Object.entries(STORIES).map(([name, fn]) =>
      t.step({
        name,
        fn,
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      })
    ),
  );
});
