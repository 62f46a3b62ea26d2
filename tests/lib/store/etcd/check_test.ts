/**
 * How the store proves that what it delivered is all, as etcd's own metrics
 * and what is lost on the way tell.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { FrameFilter, hasEvents } from "../../../util/http2.ts";
import { eventually } from "../../../util/process.ts";
import { Proxy } from "../../../util/proxy.ts";

const PREFIXES = [
  "/lain/config/",
  "/lain/deployd/depends/pods/",
  "/lain/deployd/pod_groups/",
  "/lain/nodes/nodes/",
];
const LOGIN = { username: "lainlet", password: "secret" };

/** What was asked of the Watch service: watches made and ended. */
const asked = (etcd: TestEtcd) =>
  etcd.metric("grpc_server_msg_received_total", 'grpc_method="Watch"');

/** Follows prefixes. */
function follow(stack: AsyncDisposableStack, store: EtcdStore): Collector[] {
  return PREFIXES.map((prefix) => stack.use(new Collector(store, prefix)));
}

/** Waits for a check of all prefixes that began after now. */
function proven(store: EtcdStore): Promise<true> {
  const now = performance.now();
  return eventually(
    "a check is done",
    () =>
      PREFIXES.every((one) => performance.now() - store.age(one) > now) ||
      undefined,
  );
}

/** Waits until so much was asked, and a check later it is no more. */
async function wasAsked(etcd: TestEtcd, store: EtcdStore, count: number) {
  await proven(store);
  await eventually(
    `${count} requests`,
    async () => await asked(etcd) >= count || undefined,
  );
  await proven(store);
  assertEquals(await asked(etcd), count);
}

Deno.test("etcd check: what others write is compared for all prefixes at once, and in no time", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 300 });
  await using stack = new AsyncDisposableStack();
  const all = follow(stack, store);
  await Promise.all(all.map((one) => one.count(1)));
  await wasAsked(etcd, store, 4);
  for (let i = 1; i <= 3; i++) {
    // One is made, and ended.
    await etcd.write({ "/other": `${i}`, "/lain/nodes/nodes/a": `${i}` });
    await wasAsked(etcd, store, 4 + 2 * i);
  }
  assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
  assertEquals(all.map(({ items }) => items.length), [1, 1, 1, 4]);
});

Deno.test("etcd check: a login that may not read between the prefixes: each is compared by itself", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  await etcd.authenticate(PREFIXES);
  const options = { checkEvery: 300, auth: LOGIN };
  const store = new EtcdStore([etcd.endpoint], options);
  await using stack = new AsyncDisposableStack();
  const all = follow(stack, store);
  await Promise.all(all.map((one) => one.count(1)));
  await wasAsked(etcd, store, 4);
  for (let i = 0; i < 2; i++) {
    await etcd.write({ "/other": `${i}`, "/lain/nodes/nodes/a": `${i}` });
    // One that is refused, and only the first time.
    await wasAsked(etcd, store, 4 + 1 + 8 * (i + 1));
  }
  assertEquals(store.status.problems, []);
  assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
});

Deno.test("etcd check: when much is written between the prefixes, each is compared by itself", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 300 });
  await using stack = new AsyncDisposableStack();
  await Promise.all(follow(stack, store).map((one) => one.count(1)));
  await wasAsked(etcd, store, 4);
  await etcd.write({ "/lain/deployd/other": "x".repeat(60_000) });
  await wasAsked(etcd, store, 4 + 2);
  await etcd.write({ "/lain/deployd/other": "x".repeat(70_000) });
  await wasAsked(etcd, store, 4 + 4);
  await etcd.write({ "/lain/deployd/other": "" });
  await wasAsked(etcd, store, 4 + 4 + 8);
  assertEquals([store.status.missed, store.status.reconnects], [0, 0]);
});

for (const rights of [["/lain/"], PREFIXES]) {
  Deno.test(`etcd check: a change that is lost under one prefix is found, with rights to ${rights.length}`, async () => {
    await using etcd = await TestEtcd.start();
    await etcd.write({ "/lain/config/a": "0" });
    await etcd.authenticate(rights);
    await using proxy = new Proxy(etcd.endpoint);
    const losing = { isDue: false };
    proxy.editing(() => {
      const filter = new FrameFilter((message) => {
        const isLost = losing.isDue && hasEvents(message);
        if (isLost) losing.isDue = false;
        return !isLost;
      });
      return (bytes) => filter.filter(bytes);
    });
    const options = { checkEvery: 300, auth: LOGIN };
    const store = new EtcdStore([proxy.url], options);
    await using stack = new AsyncDisposableStack();
    const all = follow(stack, store);
    await Promise.all(all.map((one) => one.count(1)));
    const types = () => all.map(({ items }) => items.map(({ type }) => type));
    const expected: string[][] = all.map(() => ["snapshot"]);
    for (const [i, prefix] of PREFIXES.entries()) {
      losing.isDue = true;
      const revision = await etcd.write({ [`${prefix}lost`]: "x" });
      expected[i]?.push("snapshot");
      await all[i]?.count(2);
      assert((all[i]?.revisions.at(-1) ?? 0) >= revision);
      assertEquals(types(), expected);
      assertEquals(store.status.missed, i + 1);
      await proven(store);
    }
  });
}

Deno.test("etcd check: what etcd is about to send is not missed", async () => {
  await using etcd = await TestEtcd.start();
  for (let round = 0; round < 5; round++) {
    await using stack = new AsyncDisposableStack();
    const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
    const keys = Array.from({ length: 20 }, (_, i) => `/${round}/${i}/`);
    const all = keys.map((key) => stack.use(new Collector(store, key)));
    await all[0]?.count(1);
    // Some were read before that, and are not watched yet: they wait for their turn.
    const revision = await etcd.write(
      Object.fromEntries(keys.map((key) => [`${key}a`, "x"])),
    );
    for (const { items } of all) {
      await eventually(
        "it is delivered",
        () => (items.at(-1)?.revision ?? 0) >= revision || undefined,
      );
      const snapshots = items.filter(({ type }) => type === "snapshot");
      assertEquals(snapshots.length, 1);
    }
    assertEquals(store.status.missed, 0);
  }
});
