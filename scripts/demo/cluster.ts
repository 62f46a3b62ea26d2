/**
 * The demo's cluster, while all is well in it.
 *
 * @module
 */
import {
  dependsKey,
  groupKey,
  type GroupSpec,
  groupValue,
  type InstanceSpec,
  nodeKey,
  type NodeSpec,
  nodeValue,
  portalsValue,
  WELL,
  written,
} from "../cluster.ts";

export const MB = 2 ** 20;

/** What a node has; memory in GB. */
export const SIZE = { cpus: 16, mem: 32 };

const DAY = 86_400_000;

const NODES: readonly NodeSpec[] = Array.from({ length: 12 }, (_, i) => ({
  name: `node${i + 1}`,
  ip: `192.0.2.${i + 1}`,
}));

/** The first is 1. */
export function node(number: number): NodeSpec {
  const found = NODES[number - 1];
  if (found === undefined) throw new RangeError(`no node ${number}`);
  return found;
}

/** An instance that is well. */
export function instance(
  node: NodeSpec,
  ip: string,
  since: number,
): InstanceSpec {
  return {
    node,
    ip,
    ...WELL,
    updated: written(since),
    target: "run",
    restarts: 0,
    drifts: 0,
  };
}

/** Where its instances are, from a node on; each has an address of its own. */
function spread(number: number, size: number): InstanceSpec[] {
  const since = Date.now() - (1 + number % 20) * DAY;
  return Array.from({ length: size }, (_, i) =>
    instance(
      node((number * 5 + i * 7) % NODES.length + 1),
      `172.21.${number}.${i + 1}`,
      since + i * 60_000,
    ));
}

/** Its instances come first, so that a name of the page has its address. */
const PLACED: Readonly<Record<string, readonly [node: number, ip: string]>> = {
  "console.web.web": [1, "172.20.0.10"],
  "registry.web.web": [2, "172.20.0.20"],
  "blog.worker.feed": [1, "172.20.0.30"],
};

/** Groups, how many instances they have, and what else is to say of them. */
const PROCS: readonly (readonly [
  name: string,
  size: number,
  more?: Partial<GroupSpec>,
])[] = [
  ["console.web.web", 1],
  ["registry.web.web", 1, { port: 5000 }],
  ["blog.worker.feed", 1, {
    annotation: { ports: [{ srcport: 7000, dstport: 8080 }] },
  }],
  ["blog.web.web", 3],
  ["tinydns.worker.server", 4, { port: 53 }],
  ["webrouter.worker.worker", 4, { port: 80 }],
  ["mysql-service.worker.server", 3, { memory: 2048 * MB, port: 3306 }],
  ["redis-service.worker.server", 3, { memory: 1024 * MB, port: 6379 }],
  ["auth.web.web", 6, { services: ["mysql-service", "redis-service"] }],
  ["cart.web.web", 8, { services: ["redis-service"] }],
  ["catalog.web.web", 6, { version: "26", services: ["mysql-service"] }],
  ["catalog.worker.index", 2, { version: "26" }],
  ["checkout.web.web", 5, { services: ["mysql-service"] }],
  ["payment.web.web", 4],
  ["search.web.web", 9],
  ["search.worker.index", 3, { memory: 1024 * MB }],
  ["mail.worker.send", 5, { version: "41" }],
  ["invoices.worker.pdf", 2],
  ["reports.worker.nightly", 1],
  ["metrics.web.web", 2],
  ["wiki.web.web", 2],
  ["chat.web.web", 4],
  ["forum.web.web", 3],
  ["tickets.web.web", 3],
  ["images.web.web", 6],
  ["video.worker.encode", 3, { memory: 2048 * MB }],
  ["maps.web.web", 3],
  ["events.worker.collect", 4],
  ["claims.web.web", 2],
  ["ledger.worker.post", 2],
  ["hiring.web.web", 1],
  ["kiosk.web.web", 2],
  ["feedback.web.web", 2],
];

/** The groups, by name, but for the shop. */
export const GROUPS: ReadonlyMap<string, GroupSpec> = new Map(
  PROCS.map(([name, size, more], number) => {
    const [app = "", ...proc] = name.split(".");
    const isWeb = proc[0] === "web";
    const [at, ip] = PLACED[name] ?? [];
    const instances = spread(number, size).map((one) =>
      at === undefined || ip === undefined
        ? one
        : { ...one, node: node(at), ip }
    );
    return [name, {
      app,
      proc: proc.join("."),
      version: String(10 + number * 7 % 40),
      cpu: 1,
      annotation: isWeb ? { mountpoint: [`${app}.lain.example/`] } : {},
      ...WELL,
      updated: instances[0]?.updated,
      instances,
      wanted: size,
      ...more,
    }];
  }),
);

/** A group of that name, as it is while all is well. */
export function group(name: string): GroupSpec {
  const found = GROUPS.get(name);
  if (found === undefined) throw new RangeError(`no group ${name}`);
  return found;
}

/** The shop with so many instances of a version already rolled out. */
export function shop(version: number, rolled: number, lost = -1): GroupSpec {
  return {
    app: "shop",
    proc: "web.web",
    version: String(version),
    annotation: { mountpoint: ["shop.lain.example/"] },
    services: ["registry"],
    ...WELL,
    updated: written(Date.now()),
    wanted: 3,
    instances: [1, 2, 3].map((number, i) => {
      const running = i < rolled ? version : version - 1;
      const ip = `172.20.${running}.4${i}`;
      return {
        ...instance(node(number), i === lost ? "" : ip, Date.now()),
        version: String(running),
        ...i === lost ? { state: "missing", health: "unhealthy" } : {},
      };
    }),
  };
}

/** All keys and values. */
export function content(): [key: string, value: string][] {
  const portals = (service: string) =>
    [...GROUPS.values()]
      .filter(({ services = [] }) => services.includes(service))
      .flatMap(({ app, instances }, i) =>
        instances.map(({ node }, j) => ({
          node,
          app,
          ip: `172.22.${i}.${j + 1}`,
        }))
      );
  const config = {
    domain: "lain.example",
    extra_domains: '["shop.example","例子.example"]',
    motd: "welcome",
    rsyncd_secrets: "a secret, and not shown",
    "super_apps/console": "",
    "super_apps/webrouter": "",
    "vips/192.0.2.100": '{"app":"webrouter","proc":"worker","ports":[]}',
  };
  return [
    ...Object.entries(config).map(([name, value]): [string, string] => [
      `/lain/config/${name}`,
      value,
    ]),
    ...NODES.map((node): [string, string] => [
      nodeKey(node),
      nodeValue(node, SIZE.cpus, SIZE.mem),
    ]),
    [
      dependsKey("registry"),
      portalsValue([{ node: node(1), app: "shop", ip: "172.20.0.90" }], 5000),
    ],
    ...["mysql-service", "redis-service"].map((service): [string, string] => [
      dependsKey(service),
      portalsValue(portals(service)),
    ]),
    ...[shop(1, 3), ...GROUPS.values()].map((group): [string, string] => [
      groupKey(group),
      groupValue(group),
    ]),
  ];
}
