/**
 * What becomes of etcd itself: it dies, is paused, forgets, is restored.
 * Lainlet runs as a process, from source and as the binary, with the default
 * settings; both follow the same etcd.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { TestEtcd } from "../util/etcd.ts";
import {
  absence,
  kills,
  lostHistory,
  pause,
  restores,
} from "../util/faults.ts";
import { Proxy } from "../util/proxy.ts";
import { Scene } from "../util/scene.ts";
import { Watched } from "../util/watched.ts";

Deno.test("etcd is killed and started again, twice, with writes in between", async () => {
  await using scene = await Scene.set();
  await kills(scene, 2);
});

Deno.test("etcd is absent at the start, and comes later", async () => {
  await using scene = await Scene.prepare({});
  await absence(scene, /ECONNREFUSED/);
});

Deno.test("etcd is paused for 15 s: stale responses with their age, then current ones", async () => {
  await using scene = await Scene.set({ settings: ["--stale.after=8s"] });
  await pause(scene);
});

Deno.test("history is compacted, and everything deleted and written again, while lainlet is disconnected", async () => {
  await using scene = await Scene.set({ ways: 1 });
  await lostHistory(scene);
});

Deno.test("a compaction while lainlet is connected costs nothing", async () => {
  await using scene = await Scene.set({ settings: ["--debug"] });
  const { server, model, watched } = scene;
  for (let i = 0; i < 10; i++) {
    await server.write({ ...model.next(), "/other/key": `${i}` });
    await server.compact();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  }
  await watched.agrees(await server.content());
  const debug = await watched.debug();
  for (const [i, { program }] of watched.lainlets.entries()) {
    // A machine that stands still for seconds loses the connection, and what is compacted then.
    const connects = 1 + (debug[i]?.store.reconnects ?? 0);
    const snapshots = program.stderr.match(/type=snapshot/g) ?? [];
    assert(snapshots.length <= 4 * connects, `read anew: ${program.stderr}`);
  }
  await watched.isFaultless();
});

Deno.test("an older snapshot is restored, with fewer revisions than were seen, and with more", async () => {
  await using scene = await Scene.set({ ways: 1 });
  await restores(scene, [0, 40]);
});

Deno.test("3,000 pod groups of 7 KB: a fault costs a resume, not a reload", async () => {
  await using etcd = await TestEtcd.start();
  const node = { name: "node1", ip: "192.168.77.21" };
  const group = (i: number, version: string): [key: string, value: string] => {
    const spec = {
      app: `app${i % 500}`,
      proc: `web.web${i}`,
      version,
      instances: [{ node, ip: `127.30.${i >> 8 & 255}.${i & 255}` }],
    };
    // Most members that the scheduler writes are in no view.
    const value = JSON.parse(groupValue(spec));
    return [
      groupKey(spec),
      JSON.stringify({ ...value, Rest: "x".repeat(6_500) }),
    ];
  };
  const groups = Array.from({ length: 3_000 }, (_, i) => group(i, "1"));
  assertEquals(groups.every(([, value]) => value.length > 7_000), true);
  await etcd.load(Object.fromEntries(groups));
  await using proxy = new Proxy(etcd.endpoint);
  await using watched = await Watched.start([proxy.url]);
  const { sent } = proxy;
  assertEquals(sent > 2 * 21_000_000, true, `${sent} bytes`);
  proxy.fault = "cut";
  const changes = [group(3, "2"), group(2_999, "2")];
  await etcd.write(Object.fromEntries(changes));
  proxy.fault = "none";
  // It takes most of a machine just to compare so much.
  await watched.agrees([...new Map([...groups, ...changes])], 60_000);
  // All keys are compared now and then meanwhile, in 300 KB each time.
  const cost = proxy.sent - sent;
  assertEquals(cost < 6_000_000, true, `${cost} bytes after the fault`);
  await watched.isFaultless();
});
