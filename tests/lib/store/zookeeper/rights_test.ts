import { assertEquals } from "@std/assert";
import { ZooKeeperStore } from "../../../../lib/store/zookeeper/store.ts";
import { Effects } from "../../../../lib/watcher/effects.ts";
import { EmptyStoreGuard } from "../../../../lib/watcher/empty_store_guard.ts";
import { nodes } from "../../../../lib/watcher/nodes.ts";
import { followSubtree } from "../../../../lib/watcher/subtree.ts";
import { eventually } from "../../../util/process.ts";
import { TestZooKeeper } from "../../../util/zookeeper.ts";

/** The key of a node. */
const of = (name: string) => `/lain/nodes/nodes/${name}:1:22`;

Deno.test("ZooKeeper: a znode that changes while it may not be read keeps its value, also when all is read again", async () => {
  await using zookeeper = await TestZooKeeper.start();
  const { znodes, endpoint } = zookeeper;
  await zookeeper.write({
    [of("changed")]: '{"x":1}',
    [of("removed")]: '{"x":1}',
    [of("open")]: '{"x":1}',
  });
  const store = new ZooKeeperStore([endpoint], {
    checkEvery: 100,
    verifyEvery: 200,
  });
  const abort = new AbortController();
  const watcher = followSubtree(
    store,
    nodes,
    new EmptyStoreGuard(1),
    new Effects(),
    abort.signal,
  );
  const holds = (expected: Record<string, number>) =>
    eventually(`${JSON.stringify(expected)} is held`, () => {
      const held = Array.from(
        watcher.entries(""),
        ([key, { json }]) => [key.replace(":1:22", ""), JSON.parse(json).x],
      );
      assertEquals(Object.fromEntries(held), expected);
      return true;
    });
  const hasProblem = (isThere: boolean) =>
    eventually(
      `a problem is ${isThere ? "told" : "over"}`,
      () => store.status.problems.length > 0 === isThere || undefined,
    );
  await holds({ changed: 1, open: 1, removed: 1 });
  // Of neither is there an event: only a comparison shows that they differ.
  await znodes.protect(of("changed"), "nobody");
  await znodes.protect(of("removed"), "nobody");
  await zookeeper.write({ [of("changed")]: '{"x":2}' });
  await hasProblem(true);
  await zookeeper.write({ [of("removed")]: null, [of("open")]: '{"x":2}' });
  await holds({ changed: 1, open: 2, removed: 1 });
  await znodes.protect(of("changed"), "everybody");
  await holds({ changed: 2, open: 2 });
  await hasProblem(false);
  abort.abort();
});
