import { assertEquals } from "@std/assert";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { eventually } from "../../../util/process.ts";
import { viaProxy } from "./proxied.ts";

Deno.test("etcd: after a cut there is one more connection, and no unused one", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/a/0": "x" });
  const { proxy, store } = viaProxy(etcd);
  await using _proxy = proxy;
  await using all = new Collector(store, "/a/");
  await all.count(1);
  const CUTS = 5;
  for (let cut = 1; cut <= CUTS; cut++) {
    proxy.fault = "cut";
    proxy.fault = "none";
    await eventually(
      "it is connected again",
      () => store.status.reconnects === cut || undefined,
    );
    await etcd.write({ "/a/0": `${cut}` });
    await all.count(1 + cut);
  }
  assertEquals(proxy.accepted, 1 + CUTS);
});
