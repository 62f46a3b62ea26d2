/**
 * A large cluster with what an operator meets, the same each time, for tests,
 * benchmarks and pictures.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  dependsKey,
  groupKey,
  type GroupSpec,
  groupValue,
  type InstanceSpec,
  nodeKey,
  type NodeSpec,
  nodeValue,
  type PortalSpec,
  portalsValue,
} from "./cluster.ts";

const GB = 2 ** 30;

/** What there is in it, and what is wrong there. */
export const LARGE = {
  nodes: 60,
  apps: 505,
  /** One a pod. */
  containers: 2_700,
  /** Pods that have no address; those of them that were stopped need none. */
  withoutAddress: 213,
  stopped: 61,
  /** Its first instance was killed for memory, and started anew so often. */
  crashed: { app: "invoices", group: "invoices.worker.pdf", restarts: 417 },
  /** Memory, in GB: what it has, and what its containers may use. */
  crowded: { node: "node17", mem: 8, limits: 151 },
  /** Fewer instances run than there are to be. */
  short: { app: "reports", group: "reports.worker.daily", runs: 3, wanted: 12 },
  /** It has an instance of the version before. */
  mixed: { app: "checkout", group: "checkout.web.web", instance: 5 },
  longName:
    "customer-relationship-management-quarterly-reporting-for-the-northern-and-western-sales-regions-2026",
  /** What secret config keys hold. */
  secret: "correct horse battery staple",
} as const;

const AREAS =
  "auth billing blog cart catalog chat claims crm events fleet forum geo hiring kiosk ledger mail maps orders payments pricing search stock tickets wiki yard"
    .split(" ");
const PARTS =
  "admin api audit batch cache cron edge export feed front gate hooks images import jobs report rules sync users web"
    .split(" ");
const SERVICES = ["memcached-service", "mysql-service", "redis-service"];

/** How many instances a group has, over and over. */
const SIZES = [2, 3, 1, 4, 2, 6, 3, 2, 12, 1, 3, 5];

/** RFC 3339 as the scheduler writes it, with nanoseconds. */
function written(time: number): string {
  return new Date(time).toISOString().replace("Z", "000000Z");
}

/** Hexadecimal digits that look like a commit or a container's id. */
function hex(name: string, length: number): string {
  return createHash("sha256").update(name).digest("hex").slice(0, length);
}

/** A LAIN release: when, in seconds since 1970, and the commit. */
function release(app: string, time: number): string {
  return `${Math.floor(time / 1000)}-${hex(`${app} ${time}`, 40)}`;
}

class Builder {
  readonly nodes = Array.from({ length: LARGE.nodes }, (_, i): NodeSpec => ({
    name: `node${i + 1}`,
    ip: `192.0.2.${i + 1}`,
  }));
  readonly groups: GroupSpec[] = [];
  #pods = 0;
  #addresses = 0;

  constructor(private readonly now: number) {}

  get pods(): number {
    return this.#pods;
  }

  /** A group of well pods, but for what `trouble` says of one. */
  add(
    spec: Omit<GroupSpec, "instances" | "version">,
    size: number,
    trouble: (instance: number) => Partial<InstanceSpec> = () => ({}),
  ): void {
    const hour = 3_600_000;
    const released = this.now - (1 + this.groups.length % 90) * 24 * hour;
    const instances = Array.from({ length: size }, (_, i) => {
      const id = hex(`${spec.app}.${spec.proc} ${i}`, 64);
      return {
        node: this.#nextNode(),
        ip: this.nextAddress(),
        id,
        state: "success",
        health: "healthy",
        oom: false,
        error: "",
        updated: written(released + i * 60_000),
        target: "run",
        restarts: 0,
        restarted: "0001-01-01T00:00:00Z",
        drifts: this.#pods % 50 === 0 ? 1 : 0,
        ...trouble(i + 1),
      } as const;
    });
    this.groups.push({
      wanted: size,
      state: "success",
      health: "healthy",
      oom: false,
      error: "",
      updated: written(released),
      version: release(spec.app, released),
      ...spec,
      instances,
    });
  }

  nextAddress(): string {
    const number = this.#addresses++;
    return `172.20.${Math.floor(number / 250)}.${number % 250 + 1}`;
  }

  node(name: string): NodeSpec {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  /** Spread over all nodes but the one that is crowded. */
  #nextNode(): NodeSpec {
    const free = this.nodes.filter(({ name }) => name !== LARGE.crowded.node);
    return free[this.#pods++ * 7 % free.length] ?? this.node("node1");
  }
}

/** Apps that have something of their own. */
function addSpecial(built: Builder, now: number): void {
  const routed = (host: string) => ({
    annotation: { mountpoint: [`${host}.lain.example/`] },
  });
  for (const app of ["console", "registry", "tinydns"]) {
    built.add({ app, proc: "web.web", ...routed(app) }, 2);
  }
  built.add({ app: "webrouter", proc: "worker.worker", port: 80 }, 6);
  for (const app of SERVICES) built.add({ app, proc: "worker.server" }, 3);
  built.add(
    { app: "shop", proc: "web.web", services: SERVICES, ...routed("shop") },
    24,
  );
  const { crashed, crowded, mixed, short } = LARGE;
  const killed = "container exited with code 137: killed for memory";
  built.add(
    {
      app: crashed.app,
      proc: "worker.pdf",
      memory: GB / 2,
      state: "fail",
      health: "unhealthy",
      oom: true,
      error: killed,
      updated: written(now - 40_000),
    },
    4,
    (instance) =>
      instance > 1 ? {} : {
        state: "fail",
        health: "unhealthy",
        oom: true,
        error: killed,
        restarts: crashed.restarts,
        restarted: written(now - 40_000),
        updated: written(now - 40_000),
      },
  );
  const node = built.node(crowded.node);
  const crowding = { cpu: 0, services: ["redis-service"] };
  built.add(
    { app: "video", proc: "worker.encode", memory: 4 * GB, ...crowding },
    36,
    () => ({ node }),
  );
  built.add(
    { app: "thumbnails", proc: "worker.scale", memory: GB / 2, ...crowding },
    14,
    () => ({ node }),
  );
  built.add(
    {
      app: short.app,
      proc: "worker.daily",
      wanted: short.wanted,
      state: "pending",
      error: "no node has 16 GB for another instance",
      memory: 16 * GB,
    },
    short.runs,
  );
  built.add(
    { app: mixed.app, proc: "web.web", ...routed("checkout") },
    8,
    (instance) =>
      instance !== mixed.instance ? {} : {
        state: "drift",
        health: "starting",
        version: release(mixed.app, now - 200 * 24 * 3_600_000),
      },
  );
  built.add({ app: LARGE.longName, proc: "web.web" }, 2);
}

/** All other apps. */
function addOrdinary(built: Builder): void {
  const names = AREAS.flatMap((area) => PARTS.map((part) => `${area}-${part}`));
  const apps = new Set(built.groups.map(({ app }) => app)).size;
  const ordinary = names.slice(0, LARGE.apps - apps);
  const groups = ordinary.flatMap((app, i) => [
    { app, proc: "web.web", i },
    ...i % 4 === 1 ? [{ app, proc: "worker.jobs", i }] : [],
  ]);
  const sizes = groups.map((_, i) => SIZES[i % SIZES.length] ?? 1);
  const missing = LARGE.containers - built.pods -
    sizes.reduce((sum, size) => sum + size, 0);
  let stopped = 0;
  let lost = 0;
  for (const [number, { app, proc, i }] of groups.entries()) {
    const size = (sizes[number] ?? 1) + Math.floor(missing / groups.length) +
      Number(number < missing % groups.length);
    const isStopped = i % 30 === 7;
    built.add(
      {
        app,
        proc,
        annotation: proc === "web.web"
          ? { mountpoint: [`${app}.lain.example/`], healthcheck: "/healthz" }
          : {},
        cpu: number % 2,
        memory: (1 + number % 4) * GB / 4,
        services: i % 3 === 0 ? [SERVICES[i % SERVICES.length] ?? ""] : [],
        ...isStopped ? { state: "exit", health: "none" } : {},
      },
      size,
      (instance) => {
        if (isStopped && stopped < LARGE.stopped) {
          stopped++;
          return { ip: "", state: "exit", health: "none", target: "stop" };
        }
        const isLost = built.pods % 11 === 5 && instance > 1 &&
          lost < LARGE.withoutAddress - LARGE.stopped;
        if (!isLost) return {};
        const how = (["missing", "pending", "success"] as const)[lost++ % 3];
        return {
          ip: "",
          state: how,
          health: how === "success" ? "unhealthy" : "none",
          error: how === "missing" ? "the container is not on its node" : "",
        };
      },
    );
  }
}

function config(): [name: string, value: string][] {
  const vip = (app: string, port: number) =>
    JSON.stringify({
      app,
      proc: "worker",
      ports: [{ src: `${port}`, proto: "tcp", dest: `${port}` }],
      excluded_nodes: [],
    });
  return [
    ["dns_ip", "192.0.2.201"],
    ["domain", "lain.example"],
    ["etcd_cluster_token", LARGE.secret],
    ["extra_domains", '["shop.example","例子.example"]'],
    ["features/new_networkd", "1"],
    ["rsyncd_secrets", LARGE.secret],
    ["ssl", JSON.stringify({ "*.lain.example": LARGE.secret })],
    ["super_apps/console", ""],
    ["super_apps/tinydns", ""],
    ["super_apps/webrouter", ""],
    ["tinydns_fqdns/etcd.lain", '["192.0.2.1:300"]'],
    ["vips/192.0.2.201", vip("webrouter", 80)],
    ["vips/192.0.2.202", vip("webrouter", 443)],
  ];
}

/**
 * All keys and values of it.
 *
 * @param now what its times count back from, in ms since 1970
 */
export function largeCluster(
  now: number = Date.UTC(2026, 0, 15, 12),
): [key: string, value: string][] {
  const built = new Builder(now);
  addSpecial(built, now);
  addOrdinary(built);
  const portals = new Map(
    SERVICES.map((service) => [service, [] as PortalSpec[]]),
  );
  for (const { app, instances, services = [] } of built.groups) {
    for (const service of services) {
      for (const name of new Set(instances.map(({ node }) => node.name))) {
        const node = built.node(name);
        portals.get(service)?.push({ node, app, ip: built.nextAddress() });
      }
    }
  }
  const { node: crowded, mem } = LARGE.crowded;
  return [
    ...config().map(([name, value]): [string, string] => [
      `/lain/config/${name}`,
      value,
    ]),
    ...built.nodes.map((node): [string, string] => [
      nodeKey(node),
      nodeValue(node, 48, node.name === crowded ? mem : 64),
    ]),
    ...[...portals].map(([service, portals]): [string, string] => [
      dependsKey(service),
      portalsValue(portals),
    ]),
    ...built.groups.map((group): [string, string] => [
      groupKey(group),
      groupValue(group),
    ]),
  ];
}
