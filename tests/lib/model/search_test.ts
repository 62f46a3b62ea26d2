import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { shortVersion } from "../../../lib/model/format.ts";
import { modelOf } from "../../../lib/model/mod.ts";
import { search, similarQuery } from "../../../lib/model/search.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../../scripts/cluster.ts";
import { LARGE, largeCluster } from "../../fixtures/large_cluster.ts";
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
    search(model, query).flatMap(({ found }) => found)
      .filter(({ isExact }) => isExact || !exact)
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
  const [kind] = search(model, "c3");
  const { statusText, ...lost } = kind?.found[0] ?? {};
  assertEquals(lost, {
    kind: "pod",
    name: "shop2.web.web/1",
    link: { path: ["pod", "shop2", "shop2.web.web", "1"] },
    node: "node2",
    address: "",
    status: "bad",
    isExact: true,
  });
  assertEquals(statusText?.(), "no address");
});

Deno.test("search: whatever lainlet prints of a thing finds it", async () => {
  await using lainlet = await new TestLainlet(
    new MemoryStore(largeCluster()),
  ).ready();
  const client = new Client(lainlet.url);
  const model = modelOf(await client.get("overview", {}));
  const first = (query: string) =>
    search(model, query, 3).map(({ found: [one] }) =>
      `${one?.kind}/${one?.name}${one?.isExact ? "" : " (not exact)"}`
    );
  // The first pod, by each of its names in the views and tables.
  const [name, pod] = Object.entries(await client.get("pods", {}))
    .find(([, { app }]) => app === LARGE.crashed.app) ?? [];
  assert(name && pod);
  const containers = await client.get("containers", { nodename: pod.node });
  const key = Object.keys(containers)
    .find((key) => containers[key]?.ip === pod.address) ?? "";
  const [node = "", id = ""] = key.split("/");
  const { address = "", group, instance, version = "" } = pod;
  for (
    const query of [
      name,
      `${group} ${instance}`,
      `${group}.${instance}`,
      `invoices.pdf/${instance}`,
      `invoices.pdf ${instance}`,
      `invoices.pdf.${instance}`,
      `INVOICES/${name}`,
      address,
      `${address}:8080`,
      `http://${address}:8080/`,
      `http://${address}:8080/healthz?verbose=1`,
      `${address}:9999`,
      id,
      id.slice(0, 12),
      key,
      ...Object.keys(containers).filter((key) => key.endsWith(id)),
    ]
  ) {
    assertEquals([query, ...first(query)], [query, `pod/${name}`]);
  }
  // A part of an id.
  assertEquals(first(id.slice(3, 20)), [`pod/${name} (not exact)`]);
  assertEquals(first(`invoices ${node}`), [`pod/${name} (not exact)`]);
  assertEquals(first(node), [
    `node/${node}`,
    `pod/${search(model, node)[1]?.found[0]?.name}`,
    ...first(node).slice(2),
  ]);
  const [registered = ""] = Object.keys(
    await client.get("nodes", { name: node }),
  );
  assertEquals(first(registered), [`node/${node}`]);
  for (const url of ["https://shop.lain.example/", "shop.lain.example"]) {
    assertEquals(first(url), ["group/shop.web.web"]);
  }
  // The port and the path are not a part of what is registered.
  assertEquals(first("https://shop.lain.example:443/cart/7"), [
    "group/shop.web.web",
  ]);
  const isVersion = (one: string) =>
    search(model, one).find(({ kind }) => kind === "pod")?.found
      .every(({ name }) => name.startsWith(LARGE.crashed.group));
  for (const one of [version, `release-${version}`, shortVersion(version)]) {
    assertEquals([one, isVersion(one)], [one, true]);
  }
  const portals = await client.get("depends", {});
  const [service = "", byNode = {}] = Object.entries(portals)[0] ?? [];
  const [portalNode = "", apps = {}] = Object.entries(byNode)[0] ?? [];
  const [app = "", portal] = Object.entries(apps)[0] ?? [];
  const [container] = portal?.Containers ?? [];
  assert(container);
  for (
    const query of [
      container.ContainerID,
      container.IP,
      `${container.IP}:${container.Port}`,
      `${service} for ${app} ${portalNode}`,
    ]
  ) {
    const [found] = first(query);
    assertEquals([query, found?.replace(" (not exact)", "")], [
      query,
      `portal/${service} for ${app}`,
    ]);
  }
});

Deno.test("search: a near miss says what may be meant", async () => {
  await using lainlet = await new TestLainlet(
    new MemoryStore(largeCluster()),
  ).ready();
  const client = new Client(lainlet.url);
  const model = modelOf(await client.get("overview", {}));
  for (
    const [query, similar] of [
      ["invocies", "invoices"],
      ["invoices.worker.pfd/1", "invoices.worker.pdf/1"],
      ["https://shpo.lain.example/", "shop.lain.example"],
      ["Invoicse pdf", "invoices pdf"],
      ["zzzzzzzzzzz", undefined],
      ["shop zzzzzzzzzzz", undefined],
      // Each exists, and not together.
      ["invoices node17", undefined],
    ] as const
  ) {
    assertEquals([query, search(model, query)], [query, []]);
    assertEquals([query, similarQuery(model, query)], [query, similar]);
  }
});

Deno.test("search: what is the same in the next state is not made again", async () => {
  await using lainlet = await new TestLainlet(
    new MemoryStore(largeCluster()),
  ).ready();
  const client = new Client(lainlet.url);
  const overview = await client.get("overview", {});
  const now = Date.now();
  const [before, after] = [modelOf(overview, now), modelOf(overview, now)];
  assertEquals(before.pods.every((pod, i) => pod === after.pods[i]), true);
  // All of a kind are counted, of which few are asked for.
  const [apps, , , pods] = search(after, "e", 3);
  assertEquals([apps?.found.length, pods?.found.length], [3, 3]);
  assert((pods?.count ?? 0) > 1_000);
});
