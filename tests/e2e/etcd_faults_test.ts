/**
 * What becomes of etcd itself: it dies, is paused, forgets, is restored.
 * Lainlet runs as a process, from source and as the binary, with the default
 * settings; both follow the same etcd.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { Model, Random } from "../util/model.ts";
import { eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";
import { Watched } from "../util/watched.ts";

/** A cluster of good values, and random changes to it. */
async function populated(): Promise<{ etcd: TestEtcd; model: Model }> {
  const etcd = await TestEtcd.start();
  const model = new Model(new Random(7), false);
  for (let i = 0; i < 60; i++) await etcd.write(model.next());
  return { etcd, model };
}

Deno.test("etcd is killed and started again, 20 times, with writes in between", async () => {
  const { etcd, model } = await populated();
  await using _etcd = etcd;
  await using watched = await Watched.start([etcd.endpoint]);
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 5; i++) await etcd.write(model.next());
    await etcd.kill();
    await etcd.launch();
    for (let i = 0; i < 5; i++) await etcd.write(model.next());
  }
  await watched.agrees(await etcd.content());
  await watched.isFaultless();
});

Deno.test("etcd is absent at the start, and comes later", async () => {
  const { etcd } = await populated();
  await using _etcd = etcd;
  const content = await etcd.content();
  await etcd.kill();
  await using watched = await Watched.start([etcd.endpoint], { ready: false });
  for (const { url } of watched.lainlets) {
    await eventually("it says what it misses", async () => {
      const { status, body } = await get(`${url}/readyz`);
      assertEquals(status, 503);
      return body.includes("ECONNREFUSED") ? true : undefined;
    });
    assertEquals((await get(`${url}/v2/nodes`)).status, 503);
  }
  await etcd.launch();
  await watched.agrees(content, 10_000);
  await watched.isFaultless();
});

Deno.test("etcd is paused for 15 s: old answers, which say so, and then the new ones", async () => {
  const { etcd, model } = await populated();
  await using _etcd = etcd;
  const settings = ["--stale.after=8s"];
  await using watched = await Watched.start([etcd.endpoint], { settings });
  const before = await etcd.content();
  const pause = Date.now();
  etcd.pause();
  for (const { url } of watched.lainlets) {
    await eventually("it says that the state is old", async () => {
      const { status, body } = await get(`${url}/readyz`);
      assertEquals(status, 503);
      assertEquals(body.includes("podgroup was last confirmed"), true, body);
      return true;
    });
    const { status, headers } = await get(`${url}/v2/nodes`);
    assertEquals(status, 200);
    assertEquals(Number(headers.get("age")) >= 8, true, "Age");
  }
  await eventually(
    "15 s are over",
    () => Date.now() - pause > 15_000 || undefined,
  );
  await watched.agrees(before);
  etcd.resume();
  await etcd.write(model.next());
  await watched.agrees(await etcd.content(), 10_000);
  await watched.isFaultless();
});

Deno.test("history is compacted, and everything deleted and written anew, while lainlet is away", async () => {
  const { etcd, model } = await populated();
  await using _etcd = etcd;
  await using proxy = new Proxy(etcd.endpoint);
  await using watched = await Watched.start([proxy.url]);
  for (const compact of [false, true]) {
    proxy.fault = "cut";
    const content = await etcd.content();
    await etcd.clear();
    await etcd.load(Object.fromEntries(content.slice(3)));
    await etcd.write(model.next());
    if (compact) await etcd.compact();
    proxy.fault = "none";
    await watched.agrees(await etcd.content());
    await etcd.write(model.next());
    await watched.agrees(await etcd.content());
  }
  await watched.isFaultless();
});

Deno.test("what is compacted while lainlet is there costs it nothing", async () => {
  const { etcd, model } = await populated();
  await using _etcd = etcd;
  await using watched = await Watched.start([etcd.endpoint], {
    settings: ["--debug"],
  });
  for (let i = 0; i < 10; i++) {
    await etcd.write({ ...model.next(), "/other/key": `${i}` });
    await etcd.compact();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  }
  await watched.agrees(await etcd.content());
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
  const { etcd, model } = await populated();
  await using _etcd = etcd;
  await using proxy = new Proxy(etcd.endpoint);
  await using watched = await Watched.start([proxy.url]);
  const file = await Deno.makeTempFile();
  await etcd.save(file);
  for (const writes of [0, 100, 1_000]) {
    for (let i = 0; i < 20; i++) await etcd.write(model.next());
    await watched.agrees(await etcd.content());
    proxy.fault = "cut";
    await etcd.restore(file);
    for (let i = 0; i < writes; i++) await etcd.write(model.next());
    proxy.fault = "none";
    await watched.agrees(await etcd.content());
    await etcd.write(model.next());
    await watched.agrees(await etcd.content());
  }
  await Deno.remove(file);
  await watched.isFaultless();
});

Deno.test("10,000 pod groups of 7 KB: a fault costs a resume, not a reload", async () => {
  await using etcd = await TestEtcd.start();
  const node = { name: "node1", ip: "192.168.77.21" };
  const group = (i: number, version: string): [key: string, value: string] => {
    const spec = {
      app: `app${i % 500}`,
      proc: `web.web${i}`,
      version,
      instances: [{ node, ip: `127.30.${i >> 8 & 255}.${i & 255}` }],
    };
    // Most of what the scheduler writes is nobody's business.
    const value = JSON.parse(groupValue(spec));
    return [
      groupKey(spec),
      JSON.stringify({ ...value, Rest: "x".repeat(6_500) }),
    ];
  };
  const groups = Array.from({ length: 10_000 }, (_, i) => group(i, "1"));
  assertEquals(groups.every(([, value]) => value.length > 7_000), true);
  await etcd.load(Object.fromEntries(groups));
  await using proxy = new Proxy(etcd.endpoint);
  await using watched = await Watched.start([proxy.url]);
  const { sent } = proxy;
  assertEquals(sent > 2 * 70_000_000, true, `${sent} bytes`);
  proxy.fault = "cut";
  const changes = [group(3, "2"), group(9_999, "2")];
  await etcd.write(Object.fromEntries(changes));
  proxy.fault = "none";
  // It takes most of a machine just to compare so much.
  await watched.agrees([...new Map([...groups, ...changes])], 60_000);
  // All keys are compared now and then meanwhile, in 1 MB each time.
  const cost = proxy.sent - sent;
  assertEquals(cost < 20_000_000, true, `${cost} bytes after the fault`);
  await watched.isFaultless();
});
