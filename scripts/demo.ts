/**
 * Shows lainlet at work: a small invented cluster in an embedded store, in
 * which something happens every two seconds, the same in each run.
 *
 *     deno task demo [flags of lainlet]
 *
 * @module
 */
import { UsageError } from "../lib/flags.ts";
import { startLogging } from "../lib/log.ts";
import { MemoryStore } from "../lib/store/memory.ts";
import { readFlags, run, start } from "../main.ts";
import {
  dependsKey,
  dependsValue,
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "./cluster.ts";

/** Time between two things that happen, in ms. */
const PACE = 2_000;

const NODE1 = { name: "node1", ip: "192.0.2.1" };
const NODE2 = { name: "node2", ip: "192.0.2.2" };
const NODE3 = { name: "node3", ip: "192.0.2.3" };

const admin: GroupSpec = {
  app: "console",
  proc: "web.web",
  annotation: { mountpoint: ["console.lain.example/"] },
  instances: [{ node: NODE1, ip: "172.20.0.10" }],
};
const registry: GroupSpec = {
  app: "registry",
  proc: "web.web",
  port: 5000,
  annotation: { mountpoint: ["registry.lain.example/"] },
  instances: [{ node: NODE2, ip: "172.20.0.20" }],
};
const blog: GroupSpec = {
  app: "blog",
  proc: "worker.feed",
  annotation: { ports: [{ srcport: 7000, dstport: 8080 }] },
  instances: [{ node: NODE1, ip: "172.20.0.30" }],
};
const SHOP_NODES = [NODE1, NODE2, NODE3];

/** The shop with so many instances of a version already rolled out. */
function shop(version: number, rolled: number, lost = -1): GroupSpec {
  const instance = (i: number) => ({
    node: SHOP_NODES[i] ?? NODE1,
    ip: i === lost ? "" : `172.20.${i < rolled ? version : version - 1}.4${i}`,
  });
  return {
    app: "shop",
    proc: "web.web",
    version: String(version),
    annotation: { mountpoint: ["shop.lain.example/"] },
    instances: SHOP_NODES.map((_, i) => instance(i)),
  };
}

function put(...groups: GroupSpec[]): [key: string, value: string][] {
  return groups.map((group) => [groupKey(group), groupValue(group)]);
}

/** What happens, over and over: what to say, and what to put. */
function* story(): Generator<[text: string, puts: [string, string][]]> {
  for (let version = 2;; version = version % 200 + 1) {
    for (let i = 1; i <= SHOP_NODES.length; i++) {
      yield [
        `shop: version ${version} rolls out, instance ${i} of 3`,
        put(shop(version, i)),
      ];
    }
    yield [
      "blog: the worker moves from node1 to node3",
      put({ ...blog, instances: [{ node: NODE3, ip: "172.20.0.31" }] }),
    ];
    yield ["shop: instance 2 loses its address", put(shop(version, 3, 1))];
    yield ["shop: instance 2 has its address back", put(shop(version, 3))];
    yield ["blog: the worker moves back to node1", put(blog)];
    yield [
      "config: the motd changes",
      [["/lain/config/motd", `shop is at version ${version}`]],
    ];
  }
}

/** What stands for a listen address in a URL; "" is every address. */
function webHost(hostname: string): string {
  if (hostname.includes(":")) return `[${hostname}]`;
  return hostname || "127.0.0.1";
}

start(async () => {
  const flags = readFlags([
    "--ip",
    NODE1.ip,
    "--hostname",
    NODE1.name,
    ...Deno.args,
  ]);
  startLogging(flags.logFormat, flags.debug ? "debug" : "info");
  const store = new MemoryStore([
    ["/lain/config/domain", "lain.example"],
    ["/lain/config/motd", "welcome"],
    ["/lain/config/super_apps/console", ""],
    ...[NODE1, NODE2, NODE3].map((node): [string, string] => [
      nodeKey(node),
      nodeValue(node),
    ]),
    [dependsKey("registry"), dependsValue(NODE1, "shop", "172.20.0.90", 5000)],
    ...put(admin, registry, blog, shop(1, 3)),
  ]);
  const { web } = await run(flags, store);
  if (web === undefined || flags.web === undefined) {
    throw new UsageError("the demo needs --web");
  }
  const url = `http://${webHost(flags.web.hostname)}:${web.port}`;
  console.log(`
A cluster of three nodes and four apps is at ${url}: look at it
in a browser, or try:

  curl '${url}/v2/proxywatcher?appname=shop'
  curl '${url}/v2/containers?nodename=node1'
  curl -N '${url}/v2/webrouter/webprocs?appname=shop&watch=1'

This is what happens in it; Ctrl-C ends it:
`);
  const events = story();
  setInterval(() => {
    const { value } = events.next();
    const [text, puts] = value ?? ["", []];
    console.log(`${new Date().toTimeString().slice(0, 8)}  ${text}`);
    for (const [key, text] of puts) store.put(key, text);
  }, PACE);
});
