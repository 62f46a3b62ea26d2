/**
 * The overview as the dashboard's views need it. What is made of one value is
 * made once, so what did not change is the same object from state to state.
 *
 * @module
 */
import type { Data } from "../client/client.ts";
import { memo } from "../memo.ts";

type Overview = Data<"overview">;
type GroupValue = Overview[`group/${string}`];
type DependsValue = Overview[`depends/${string}`];
type Info = GroupValue["PodInfos"][number]["ContainerInfos"][number];

/** A running container, and where it belongs. */
export interface Container {
  readonly id: string;
  readonly app: string;
  readonly group: string;
  readonly instance: number;
  /** "" while it has none. */
  readonly ip: string;
  readonly node: string;
  readonly info: Info;
}

/** The equal pods of a proc. */
export interface Group {
  readonly app: string;
  readonly name: string;
  readonly instances: number;
  readonly containers: readonly Container[];
  readonly annotation: string;
  /** Where routers mount it: `shop.example/`. */
  readonly mountpoints: readonly string[];
  /** Services that it uses, by the names of their portal pods. */
  readonly dependencies: readonly string[];
}

export interface App {
  readonly name: string;
  readonly version: string;
  readonly groups: readonly Group[];
}

/** A machine of the cluster, or one that only containers name. */
export interface Node {
  readonly name: string;
  readonly ip: string;
  /** What the scheduler wrote of it. */
  readonly value?: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
}

/** Pods that make a service reachable for an app on a node. */
export interface Portal {
  readonly service: string;
  readonly node: string;
  readonly app: string;
  readonly addresses: readonly string[];
}

/** One state of everything. */
export interface Model {
  readonly apps: ReadonlyMap<string, App>;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly portals: readonly Portal[];
  readonly config: readonly (readonly [name: string, value: string])[];
  readonly present: Overview["lainlet/present"];
  /** By time, in seconds since 1970, the oldest first. */
  readonly samples:
    readonly (readonly [number, Overview[`sample/${string}`]])[];
}

type Kind = "config" | "depends" | "group" | "node" | "sample";

/** The members of a kind, by the rest of their name. */
function members<K extends Kind>(
  overview: Overview,
  kind: K,
): [name: string, value: Overview[`${K}/${string}`]][] {
  const isOfKind = (key: string): key is `${K}/${string}` =>
    key.startsWith(`${kind}/`);
  return Object.keys(overview).filter(isOfKind)
    .map((key) => [key.slice(kind.length + 1), overview[key]]);
}

export function modelOf(overview: Overview): Model {
  const groups = members(overview, "group")
    .map(([key, value]) => memo(madeGroups, value, () => groupOf(key, value)));
  return {
    apps: appsOf(groups),
    nodes: nodesOf(members(overview, "node"), groups),
    portals: members(overview, "depends").flatMap(([pod, value]) =>
      memo(madePortals, value, () => portalsOf(pod, value))
    ),
    config: members(overview, "config"),
    present: overview["lainlet/present"],
    samples: members(overview, "sample")
      .map(([time, sample]): Model["samples"][number] => [Number(time), sample])
      .sort(([a], [b]) => a - b),
  };
}

const madeGroups = new WeakMap<GroupValue, Group>();
const madePortals = new WeakMap<DependsValue, readonly Portal[]>();

/** @param key `<app>/<group>` */
function groupOf(key: string, { PodInfos }: GroupValue): Group {
  const slash = key.indexOf("/");
  const app = key.slice(0, slash);
  const name = key.slice(slash + 1);
  const annotation = PodInfos[0]?.Annotation ?? "";
  return {
    app,
    name,
    instances: PodInfos.length,
    annotation,
    mountpoints: mountpointsOf(annotation),
    dependencies: [
      ...new Set(
        PodInfos.flatMap(({ Dependencies }) =>
          Dependencies.map(({ PodName }) => PodName)
        ),
      ),
    ],
    containers: PodInfos.flatMap(({ ContainerInfos, InstanceNo }) =>
      ContainerInfos.map((info) => ({
        id: info.ContainerId,
        app,
        group: name,
        instance: InstanceNo,
        ip: info.ContainerIp,
        node: info.NodeName || info.NodeIp,
        info,
      }))
    ),
  };
}

function mountpointsOf(annotation: string): string[] {
  try {
    const { mountpoint } = Object(JSON.parse(annotation));
    return Array.isArray(mountpoint) ? mountpoint.map(String) : [];
  } catch {
    // An annotation may be any text.
    return [];
  }
}

function portalsOf(pod: string, value: DependsValue): Portal[] {
  return Object.entries(value).flatMap(([node, apps]) =>
    Object.entries(apps).map(([app, { Containers }]) => ({
      service: pod,
      node,
      app,
      addresses: Containers.map(({ IP, Port }) => IP && `${IP}:${Port}`),
    }))
  );
}

function appsOf(groups: readonly Group[]): Map<string, App> {
  const byApp = Map.groupBy(groups, ({ app }) => app);
  return new Map(
    [...byApp].sort(([a], [b]) => a < b ? -1 : 1).map(([name, groups]) => [
      name,
      { name, groups, version: versionOf(groups) },
    ]),
  );
}

/** What LAIN released last, from the first container's environment. */
function versionOf(groups: readonly Group[]): string {
  const variable = "LAIN_APP_RELEASE_VERSION=";
  const env = groups[0]?.containers[0]?.info.Env ?? [];
  return env.find((item) => item.startsWith(variable))
    ?.slice(variable.length) ?? "";
}

function nodesOf(
  declared: readonly (readonly [string, Node["value"]])[],
  groups: readonly Group[],
): Map<string, Node> {
  const running = Map.groupBy(
    groups.flatMap(({ containers }) => containers),
    ({ node }) => node,
  );
  const nodes = new Map<string, Node>();
  for (const [key, value] of declared) {
    // `<name>:<ip>:<ssh port>`, where the address may hold colons.
    const [, name = key, ip = ""] = /^([^:]*):(.*):[^:]*$/.exec(key) ?? [];
    const containers = running.get(name) ?? [];
    nodes.set(name, { name, ip, value, containers });
  }
  for (const [name, containers] of running) {
    if (nodes.has(name)) continue;
    const ip = containers[0]?.info.NodeIp ?? "";
    nodes.set(name, { name, ip, containers });
  }
  return new Map([...nodes].sort(([a], [b]) => a < b ? -1 : 1));
}
