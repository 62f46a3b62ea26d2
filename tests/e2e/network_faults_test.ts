/**
 * What becomes of the way to etcd. Lainlet runs as a process, from source
 * and as the binary, with the default settings.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { brokenWay, brokenWays, NOTICED, WAY_FAULTS } from "../util/faults.ts";
import { FrameFilter, isWatchResponse } from "../util/http2.ts";
import { eventually } from "../util/process.ts";
import type { Proxy } from "../util/proxy.ts";
import { Scene } from "../util/scene.ts";

Deno.test("the only connection to etcd is broken and restored", async (t) => {
  await using scene = await Scene.set({ ways: 1 });
  const { watched } = scene;
  for (const name of Object.keys(WAY_FAULTS)) {
    await t.step(name, async () => {
      const [before] = await watched.debug();
      await brokenWay(scene, name);
      const [after] = await watched.debug();
      if (name !== "slow") {
        assert(
          (after?.store.reconnects ?? 0) > (before?.store.reconnects ?? 0),
        );
      }
    });
  }
  await watched.isFaultless({ mayMiss: true });
});

// Ways that are broken otherwise are for the simulation: a member that works is used.
Deno.test("three ways to etcd, each cut in turn while it is in use", async () => {
  await using scene = await Scene.set({ ways: 3 });
  await brokenWays(scene, "cut");
});

/** Lets a way lose what etcd says, gRPC message by message. */
function lossy(
  loses: (message: Uint8Array) => boolean,
): (proxy: Proxy) => void {
  return (proxy) =>
    proxy.editing(() => {
      const filter = new FrameFilter((message) => !loses(message));
      return (bytes) => filter.filter(bytes);
    });
}

Deno.test("a watch that is never confirmed", async () => {
  await using scene = await Scene.set({
    ways: 2,
    prepare: (proxy, i) => {
      if (i === 0) lossy(isWatchResponse)(proxy);
    },
  });
  const { watched, proxies: [lost, good] } = scene;
  await scene.follows(NOTICED);
  for (const { store } of await watched.debug()) {
    assertEquals(store.source, good?.url);
  }
  // There is no other way, and this one is no better.
  good!.fault = "cut";
  await eventually("the reason is told", async () => {
    const all = await watched.debug();
    for (const { store } of all) {
      assertStringIncludes(store.problems.join(), "did not respond");
    }
    return lost;
  });
  good!.fault = "none";
  await scene.follows(NOTICED);
  await watched.isFaultless({ mayMiss: true });
});
