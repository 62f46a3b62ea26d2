/**
 * The comparison of what lainlet holds with what etcd holds.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { TestEtcd } from "../util/etcd.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { CapturedLog } from "../util/captured_log.ts";
import { becomes, eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";
import { freshAnswers, Witness } from "../util/witness.ts";

/** How often all keys are compared, in ms. */
const VERIFY_EVERY = 200;

/** Starts a lainlet that compares all keys often. */
async function start(endpoint: string): Promise<TestLainlet> {
  const store = new EtcdStore([endpoint], { verifyEvery: VERIFY_EVERY });
  return await new TestLainlet(store).ready();
}

/** Waits until all keys were compared some times more. */
async function compared(etcd: TestEtcd, times: number): Promise<void> {
  const count = () => etcd.metric("etcd_debugging_mvcc_range_total");
  // A comparison reads each of the four subtrees.
  const last = await count() + 4 * times;
  await eventually(
    `${times} comparisons`,
    async () => await count() >= last || undefined,
  );
}

async function differences(url: string): Promise<Record<string, number>> {
  const { store, watchers } = await new Client(url).get("/debug", {});
  assertEquals([store.missed, store.reconnects], [0, 0]);
  return Object.fromEntries(
    Object.entries(watchers)
      .map(([name, { Differences }]) => [name, Differences] as const)
      .filter(([, count]) => count > 0),
  );
}

Deno.test("a difference to etcd is logged with its keys, counted and repaired", async () => {
  using logged = new CapturedLog();
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1", "/lain/config/b": "1" });
  await using proxy = new Proxy(etcd.endpoint);
  // What etcd says of some keys' changes is falsified on its way.
  let isDone = false;
  proxy.editing(() => (bytes) => {
    const copy = Buffer.from(bytes);
    const at = isDone ? -1 : copy.indexOf("/lain/config/new1");
    if (at === -1) return bytes;
    isDone = true;
    copy.write("/lain/config/new2", at);
    return copy;
  });
  await using lainlet = await start(proxy.url);
  await using witness = await Witness.open(lainlet.url);
  await etcd.write({ "/lain/config/new1": "x", "/lain/config/z": "x" });
  await witness.agrees(await freshAnswers(await etcd.content()));
  // The key that is missing and the other one; a comparison amid the write
  // does not tell of a key that it may be about.
  const { config = 0, ...others } = await eventually(
    "differences are counted",
    async () => {
      const all = await differences(lainlet.url);
      return all.config === undefined ? undefined : all;
    },
  );
  assert(config === 1 || config === 2, `${config} differences`);
  assertEquals(others, {});
  const errors = () => logged.lines.filter((line) => line.startsWith("error"));
  await becomes("how many lines tell of it", () => errors().length, 1);
  assertMatch(errors()[0] ?? "", /differs from the store's/);
  const [keys] = logged.values("keys");
  assertMatch(`${keys}`, /new[12]/);
  // And then all is well again.
  await etcd.write({ "/lain/config/new1": "y" });
  await witness.agrees(await freshAnswers(await etcd.content()));
});

Deno.test("while keys are compared, changes are not taken for differences", async () => {
  await using etcd = await TestEtcd.start();
  let isWriting = true;
  const writing = (async () => {
    for (let i = 0; isWriting; i++) {
      const key = `/lain/config/${i % 50}`;
      await etcd.write({ [key]: i % 3 === 0 ? null : `${i}` });
    }
  })();
  await using lainlet = await start(etcd.endpoint);
  await using witness = await Witness.open(lainlet.url);
  await compared(etcd, 8);
  isWriting = false;
  await writing;
  await witness.agrees(await freshAnswers(await etcd.content()));
  assertEquals(await differences(lainlet.url), {});
});

Deno.test("a bad value is no difference", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({
    "/lain/nodes/nodes/a:1:22": "bad",
    "/lain/nodes/nodes/b:1:22": "{}",
  });
  await using lainlet = await start(etcd.endpoint);
  await etcd.write({ "/lain/nodes/nodes/b:1:22": "bad" });
  await etcd.write({ "/lain/nodes/nodes/": "bad" });
  await compared(etcd, 4);
  const { watchers } = await new Client(lainlet.url).get("/debug", {});
  assertEquals(watchers.nodes?.TotalKeys, 1);
  assertEquals(await differences(lainlet.url), {});
});
