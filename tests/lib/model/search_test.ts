import { assertEquals } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { modelOf } from "../../../lib/model/mod.ts";
import { search } from "../../../lib/model/search.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../../scripts/cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";

const NODES = [1, 2, 10].map((i) => ({ name: `node${i}`, ip: `192.0.2.${i}` }));

Deno.test("search: by names, addresses, ids, images and mount points; exact matches first", async () => {
  const [one, two, ten] = NODES;
  const shop = {
    app: "shop",
    proc: "web.web",
    annotation: { mountpoint: ["shop.example/"] },
    instances: [
      { node: one!, ip: "172.20.0.4", id: "c1" },
      { node: ten!, ip: "172.20.0.46", id: "c2" },
    ],
  };
  const other = {
    app: "shop2",
    proc: "web.web",
    instances: [{ node: two!, ip: "", id: "c3" }],
  };
  const store = new MemoryStore([
    ...NODES.map((node): [string, string] => [nodeKey(node), nodeValue(node)]),
    [groupKey(shop), groupValue(shop)],
    [groupKey(other), groupValue(other)],
    ["/lain/config/shop_secret", "s3cret"],
  ]);
  await using lainlet = await new TestLainlet(store).ready();
  const model = modelOf(await new Client(lainlet.url).get("overview", {}));
  const found = (query: string, exact = false) =>
    search(model, query).filter(({ isExact }) => isExact || !exact)
      .map(({ kind, name }) => `${kind}/${name}`);
  const cases: [query: string, ...found: string[]][] = [
    [
      "SHOP",
      "app/shop",
      "app/shop2",
      "group/shop.web.web",
      "group/shop2.web.web",
      "pod/shop.web.web/1",
      "pod/shop.web.web/2",
      "pod/shop2.web.web/1",
      "config/shop_secret",
    ],
    // The exact address first.
    ["172.20.0.4", "pod/shop.web.web/1", "pod/shop.web.web/2"],
    ["172.20.0.46:8080", "pod/shop.web.web/2"],
    [
      "node1",
      "node/node1",
      "node/node10",
      "pod/shop.web.web/1",
      "pod/shop.web.web/2",
    ],
    ["shop node10", "pod/shop.web.web/2"],
    ["shop.web.web 2", "pod/shop.web.web/2", "pod/shop.web.web/1"],
    ["shop.web.web/2", "pod/shop.web.web/2"],
    ["c3", "pod/shop2.web.web/1"],
    ["shop.example", "group/shop.web.web"],
    ["lain.local/shop2", "pod/shop2.web.web/1"],
    // A setting is found by its name, not by its value.
    ["s3cret"],
    ["nowhere"],
    ["  "],
  ];
  for (const [query, ...names] of cases) {
    assertEquals([query, ...found(query)], [query, ...names]);
  }
  assertEquals(found("172.20.0.4", true), ["pod/shop.web.web/1"]);
  assertEquals(found("shop node10", true), []);
  // Each result says how it is, and where it is.
  const [lost] = search(model, "c3");
  assertEquals(lost, {
    kind: "pod",
    name: "shop2.web.web/1",
    link: { path: ["pod", "shop2", "shop2.web.web", "1"] },
    node: "node2",
    address: "",
    status: "bad",
    statusText: "no address",
    isExact: true,
  });
});
