/**
 * The comparison of what lainlet holds with what etcd holds.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assertEquals, assertMatch } from "@std/assert";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { becomes, eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";
import { Watched } from "../util/watched.ts";

Deno.test("a difference to etcd is logged with its keys, counted and mended", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "1", "/lain/config/b": "1" });
  await using proxy = new Proxy(etcd.endpoint);
  // What etcd says of some keys' changes is falsified on its way.
  proxy.editing(() => {
    let isDone = false;
    return (bytes) => {
      const copy = Buffer.from(bytes);
      const at = isDone ? -1 : copy.indexOf("/lain/config/new1");
      if (at === -1) return bytes;
      isDone = true;
      copy.write("/lain/config/new2", at);
      return copy;
    };
  });
  await using watched = await Watched.start([proxy.url], {
    settings: ["--verify.every=2s"],
  });
  await etcd.write({ "/lain/config/new1": "x", "/lain/config/z": "x" });
  await watched.agrees(await etcd.content());
  for (const { url, program } of watched.lainlets) {
    const { watchers, store } = await eventually("it is counted", async () => {
      const debug = JSON.parse((await get(`${url}/debug`)).body);
      return debug.watchers.config.Differences > 0 ? debug : undefined;
    });
    assertEquals(watchers.config.Differences, 2);
    assertEquals(watchers.podgroup.Differences, 0);
    assertEquals(store.reconnects, 0);
    const lines = () =>
      program.stderr.split("\n").filter((line) => line.includes("level=error"));
    await becomes("how many lines tell of it", () => lines().length, 1);
    assertMatch(lines()[0] ?? "", /new1.*new2|new2.*new1/);
  }
  // And then all is well again.
  await etcd.write({ "/lain/config/new1": "y" });
  await watched.agrees(await etcd.content());
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
  await using watched = await Watched.start([etcd.endpoint], {
    settings: ["--verify.every=1s"],
  });
  const end = Date.now() + 8_000;
  await eventually("some comparisons", () => Date.now() > end || undefined);
  isWriting = false;
  await writing;
  await watched.agrees(await etcd.content());
  await watched.isFaultless();
});

Deno.test("a bad value is no difference", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({
    "/lain/nodes/nodes/a:1:22": "bad",
    "/lain/nodes/nodes/b:1:22": "{}",
  });
  await using watched = await Watched.start([etcd.endpoint], {
    settings: ["--verify.every=1s"],
    streams: false,
  });
  await etcd.write({ "/lain/nodes/nodes/b:1:22": "bad" });
  await etcd.write({ "/lain/nodes/nodes/": "bad" });
  const end = Date.now() + 4_000;
  await eventually("some comparisons", () => Date.now() > end || undefined);
  for (const { watchers } of await watched.debug()) {
    assertEquals(watchers.nodes?.TotalKeys, 1);
  }
  await watched.isFaultless();
});
