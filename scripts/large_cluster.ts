/**
 * A large cluster with what an operator meets, the same each time, for tests,
 * benchmarks and pictures.
 *
 * @module
 */
import {
  dependsKey,
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
  type PortalSpec,
  portalsValue,
  written,
} from "./cluster.ts";
import { Builder, release } from "./large_cluster/builder.ts";
import { config } from "./large_cluster/config.ts";

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

/** Apps that have something of their own. */
function addSpecial(built: Builder): void {
  const { now } = built;
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

/**
 * All keys and values of it.
 *
 * @param now what its times count back from, in ms since 1970
 */
export function largeCluster(
  now: number = Date.UTC(2026, 0, 15, 12),
): [key: string, value: string][] {
  const built = new Builder(LARGE.nodes, LARGE.crowded.node, now);
  addSpecial(built);
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
    ...config(LARGE.secret).map(([name, value]): [string, string] => [
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
