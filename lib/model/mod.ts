/**
 * The cluster as people see it: apps, groups, pods, nodes, portals and
 * settings, computed from the overview. The groups and portals of a value are
 * computed once: of a value that did not change, they are the same objects in
 * the next state.
 *
 * @module
 */
import type { Data } from "../client/client.ts";
import { memo } from "../memo.ts";
import { capacityOf } from "../watcher/nodes.ts";
import {
  beginnings,
  type OvercommittedSince,
  overcommittedSince,
  type Present,
  registrationOf,
  unregisteredSince,
} from "./beginnings.ts";
import { type Reservation, sortNaturally } from "./format.ts";
import {
  type Health,
  healthOf,
  type Reported,
  type Since,
  sinceOf,
} from "./health.ts";

type Overview = Data<"overview">;
type GroupValue =
  & Overview[`group/${string}`]
  & Reported
  & { readonly Instances?: number };
type PodValue = GroupValue["PodInfos"][number] & Reported;
type DependsValue = Overview[`depends/${string}`];

/** A link to a page of the dashboard. */
export interface Link {
  /** `["app", "console"]` */
  readonly path: readonly string[];
  readonly params?: Params;
}

/** Filters and order of a page; an empty value is like none. */
export type Params = Readonly<Record<string, string>>;

/** A running container. Names are well-formed, as URLs need them: a lone surrogate is U+FFFD. */
export interface Container {
  readonly id: string;
  readonly app: string;
  readonly group: string;
  readonly instance: number;
  /** "" while it has none. */
  readonly ip: string;
  readonly node: string;
  readonly info: PodValue["ContainerInfos"][number];
}

/** An instance of a group, at the node and address of its first container. */
export interface Pod extends Health {
  /** `<app>/<group>/<instance>` */
  readonly key: string;
  readonly app: string;
  readonly group: string;
  readonly instance: number;
  /** "" while it is on none. */
  readonly node: string;
  readonly ip: string;
  /** 0: none. */
  readonly port: number;
  readonly version: string;
  /** The release that its group asks for, where it runs another one; else "". */
  readonly wanted: string;
  readonly containers: readonly Container[];
}

/** The pods of one proc. */
export interface Group extends Health {
  readonly app: string;
  readonly name: string;
  /** How many pods there are to be, where the store says so. */
  readonly wanted?: number;
  /** Since when there are fewer, where they are. */
  readonly shortSince?: Since;
  readonly pods: readonly Pod[];
  readonly annotation: string;
  /** Where routers mount it: `shop.example/`. */
  readonly mountpoints: readonly string[];
  /** Services that it uses, by the names of their portals. */
  readonly dependencies: readonly string[];
}

export interface App {
  readonly name: string;
  /** Of its pods, each once. */
  readonly versions: readonly string[];
  readonly groups: readonly Group[];
  readonly pods: readonly Pod[];
}

/** A machine that is registered, or that only containers name. */
export interface Node {
  readonly name: string;
  readonly ip: string;
  /** Its key in the store, `<name>:<ip>:<ssh port>`; "" when it is not registered. */
  readonly key: string;
  /** What the scheduler registered; absent: nothing. */
  readonly value?: NodeValue;
  /** Since when it is not registered, where it is not and that is known. */
  readonly unregisteredSince?: Since;
  /** Since when it is overcommitted, where it is and that is known. */
  readonly overcommittedSince: OvercommittedSince;
  readonly pods: readonly Pod[];
  /** In CPUs. */
  readonly cpu: Reservation;
  /** In bytes. */
  readonly memory: Reservation;
}

type NodeValue = Readonly<Record<string, unknown>>;

/** The pods through which an app on a node reaches a service. Names are well-formed, as a {@linkcode Container}'s. */
export interface Portal {
  readonly service: string;
  readonly node: string;
  readonly app: string;
  readonly addresses: readonly string[];
  /** Of its containers, in the same order. */
  readonly ids: readonly string[];
}

/** One state of the cluster, judged at a time; names are in natural order. */
export interface Model {
  readonly apps: ReadonlyMap<string, App>;
  readonly pods: readonly Pod[];
  readonly nodes: ReadonlyMap<string, Node>;
  readonly portals: readonly Portal[];
  readonly config: readonly (readonly [name: string, value: string])[];
  readonly present: Present;
  /** Since when each of `present.problems` is reported. */
  readonly problemsSince: ReadonlyMap<string, Since>;
  /** Since when values are invalid, by their names in `present.rejected`. */
  readonly rejectedSince: ReadonlyMap<string, Since>;
  /** By time, in seconds since 1970, the oldest first. */
  readonly samples:
    readonly (readonly [number, Overview[`sample/${string}`]])[];
  /** From then on the judgement may differ, in ms since 1970. */
  readonly validUntil: number;
}

/**
 * @param now when it is judged, in ms since 1970
 * @param last the model of an earlier state, whose parts are used again where they are equal: of 30,000 pods few change at a time
 */
export function modelOf(
  overview: Overview,
  now = Date.now(),
  last?: Model,
): Model {
  const members = membersByKind(overview);
  const present = overview["lainlet/present"];
  const groups = members.group
    .map(([key, value]) => judgedGroup(key, value, now));
  const apps = appsOf(groups, last?.apps);
  const pods = apps === last?.apps
    ? last.pods
    : [...apps.values()].flatMap((app) => app.pods);
  return {
    apps,
    pods,
    nodes: nodesOf(
      members.node,
      pods,
      {
        overcommitted: overcommittedSince(present, now),
        unregistered: unregisteredSince(present, now),
      },
      last,
    ),
    portals: members.depends.flatMap(([service, value]) =>
      memo(portalsMade, value, () => portalsOf(service, value))
    ),
    config: members.config,
    present,
    problemsSince: beginnings(present.problemsSince, now),
    rejectedSince: beginnings(present.rejectedSince, now),
    samples: members.sample
      .map(([time, sample]): Model["samples"][number] => [Number(time), sample])
      .sort(([a], [b]) => a - b),
    validUntil: groups.reduce(
      (first, { validUntil }) => Math.min(first, validUntil),
      Infinity,
    ),
  };
}

interface JudgedGroup {
  readonly group: Group;
  readonly judgedAt: number;
}

const groupsMade = new WeakMap<GroupValue, JudgedGroup>();

/** The same object for as long as the judgement is the same. */
function judgedGroup(key: string, value: GroupValue, now: number): Group {
  const known = groupsMade.get(value);
  if (known && known.judgedAt <= now && now < known.group.validUntil) {
    return known.group;
  }
  const group = groupOf(key, value, now);
  groupsMade.set(value, { group, judgedAt: now });
  return group;
}

const portalsMade = new WeakMap<DependsValue, readonly Portal[]>();

type Kind = "config" | "depends" | "group" | "node" | "sample";

/** Members of the overview, by kind: the rest of the name, and the value. */
type Members = { [K in Kind]: [string, Overview[`${K}/${string}`]][] };

function membersByKind(overview: Overview): Members {
  const members: Members = {
    config: [],
    depends: [],
    group: [],
    node: [],
    sample: [],
  };
  const add = <K extends Kind>(kind: K, name: `${K}/${string}`) =>
    members[kind].push([name.slice(kind.length + 1), overview[name]]);
  for (const name of Object.keys(overview)) {
    if (isOfKind(name, "group")) add("group", name);
    else if (isOfKind(name, "node")) add("node", name);
    else if (isOfKind(name, "sample")) add("sample", name);
    else if (isOfKind(name, "config")) add("config", name);
    else if (isOfKind(name, "depends")) add("depends", name);
  }
  return members;
}

function isOfKind<K extends Kind>(
  name: string,
  kind: K,
): name is `${K}/${string}` {
  return name.startsWith(kind) && name[kind.length] === "/";
}

/** @param key `<app>/<group>` */
function groupOf(key: string, value: GroupValue, now: number): Group {
  const { PodInfos, Instances, LastError = "" } = value;
  const slash = key.indexOf("/");
  const app = key.slice(0, slash);
  const name = key.slice(slash + 1);
  const annotation = PodInfos[0]?.Annotation ?? "";
  const services = PodInfos.flatMap(({ Dependencies }) =>
    Dependencies.map(({ PodName }) => PodName)
  );
  const pods = PodInfos.map((pod) => podOf(app, name, pod, now));
  // What happened to a group happened to its pods, which say when.
  const own = { ...value, LastError: undefined, OOMKilled: undefined };
  const health = healthOf(own, true, now);
  return {
    ...health,
    validUntil: pods.reduce(
      (first, { validUntil }) => Math.min(first, validUntil),
      health.validUntil,
    ),
    error: LastError,
    app,
    name,
    wanted: Instances,
    shortSince: sinceOf(value, "Pods", now),
    annotation,
    mountpoints: mountpointsOf(annotation),
    dependencies: [...new Set(services)],
    pods,
  };
}

function podOf(
  app: string,
  group: string,
  value: PodValue,
  now: number,
): Pod {
  const { ContainerInfos, InstanceNo: instance, Version = "", Wanted = "" } =
    value;
  const containers = ContainerInfos.map((info) => ({
    id: info.ContainerId.toWellFormed(),
    app,
    group,
    instance,
    ip: info.ContainerIp,
    node: (info.NodeName || info.NodeIp).toWellFormed(),
    info,
  }));
  const { ip = "", info, node = "" } = containers[0] ?? {};
  return {
    ...healthOf(value, ip !== "", now),
    key: `${app}/${group}/${instance}`,
    app,
    group,
    instance,
    node,
    ip,
    port: value.Port ?? info?.Expose ?? 0,
    version: Version,
    wanted: Wanted,
    containers,
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

function appsOf(
  groups: readonly Group[],
  last: Model["apps"] = new Map(),
): Model["apps"] {
  const byApp = Map.groupBy(groups, ({ app }) => app);
  const apps = inOrder(byApp, last).map(([name, groups]): [string, App] => {
    const known = last.get(name);
    return [
      name,
      known && isSame(known.groups, groups) ? known : appOf(name, groups),
    ];
  });
  return unlessSame(apps, last);
}

function appOf(name: string, groups: readonly Group[]): App {
  const pods = groups.flatMap((group) => group.pods);
  const versions = new Set(pods.map(({ version }) => version));
  versions.delete("");
  return { name, groups, pods, versions: [...versions] };
}

/** Entries in the natural order of their names, which is that of `last` when it has the same names. */
function inOrder<T>(
  entries: ReadonlyMap<string, T>,
  last: ReadonlyMap<string, unknown>,
): [string, T][] {
  if (entries.size === last.size) {
    const ordered = [...last.keys()].flatMap((name): [string, T][] => {
      const value = entries.get(name);
      return value === undefined ? [] : [[name, value]];
    });
    if (ordered.length === last.size) return ordered;
  }
  return sortNaturally(entries, ([name]) => name);
}

function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a === b || a.length === b.length && a.every((one, i) => one === b[i]);
}

/** `last` itself, when it has these entries. */
function unlessSame<T>(
  entries: readonly (readonly [string, T])[],
  last: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  return entries.length === last.size &&
      entries.every(([name, value]) => last.get(name) === value)
    ? last
    : new Map(entries);
}

function isSameTime(a: Since | undefined, b: Since | undefined): boolean {
  return a?.time === b?.time && a?.isAtLeast === b?.isAtLeast;
}

function portalsOf(service: string, value: DependsValue): Portal[] {
  return Object.entries(value).flatMap(([node, apps]) =>
    Object.entries(apps).map(([app, { Containers }]) => ({
      service,
      node: node.toWellFormed(),
      app: app.toWellFormed(),
      addresses: Containers.map(({ IP, Port }) => IP && `${IP}:${Port}`),
      ids: Containers.map(({ ContainerID }) => ContainerID),
    }))
  );
}

/** @param registered by `<name>:<ip>:<ssh port>` */
function nodesOf(
  registered: readonly (readonly [string, NodeValue])[],
  pods: readonly Pod[],
  since: {
    overcommitted(name: string): OvercommittedSince;
    unregistered(name: string): Since | undefined;
  },
  last?: Model,
): Model["nodes"] {
  const byNode = Map.groupBy(pods, ({ node }) => node);
  byNode.delete("");
  const known = last?.nodes ?? new Map<string, Node>();
  const nodes = new Map<string, Node>();
  const add = (
    name: string,
    ip: string,
    pods: readonly Pod[],
    key: string,
    value?: NodeValue,
  ) => {
    const node = known.get(name);
    const unregistered = value === undefined
      ? since.unregistered(name)
      : undefined;
    const over = since.overcommitted(name);
    const isKnown = node?.ip === ip && node.key === key &&
      node.value === value && isSame(node.pods, pods) &&
      isSameTime(node.unregisteredSince, unregistered) &&
      isSameTime(node.overcommittedSince.CPU, over.CPU) &&
      isSameTime(node.overcommittedSince.memory, over.memory);
    nodes.set(
      name,
      isKnown ? node : {
        ...nodeOf(name, ip, pods, key, value),
        unregisteredSince: unregistered,
        overcommittedSince: over,
      },
    );
  };
  for (const [key, value] of registered) {
    const { name, ip } = registrationOf(key);
    add(name, ip, byNode.get(name) ?? [], key, value);
  }
  for (const [name, pods] of byNode) {
    if (nodes.has(name)) continue;
    add(name, pods[0]?.containers[0]?.info.NodeIp ?? "", pods, "");
  }
  return unlessSame(inOrder(nodes, known), known);
}

function nodeOf(
  name: string,
  ip: string,
  pods: readonly Pod[],
  key: string,
  value?: NodeValue,
): Omit<Node, "overcommittedSince"> {
  const containers = pods.flatMap((pod) => pod.containers);
  const capacity = capacityOf(value ?? {});
  return {
    name,
    ip,
    key,
    value,
    pods,
    cpu: {
      ...reservationOf(containers, ({ Cpu }) => Cpu),
      capacity: capacity.CPU,
    },
    memory: {
      ...reservationOf(containers, ({ Memory }) => Memory),
      capacity: capacity.memory,
    },
  };
}

function reservationOf(
  containers: readonly Container[],
  limitOf: (info: Container["info"]) => number,
): Pick<Reservation, "limits" | "unlimited"> {
  const limits = containers.map(({ info }) => limitOf(info));
  return {
    limits: limits.reduce((total, limit) => total + limit, 0),
    unlimited: limits.filter((limit) => limit === 0).length,
  };
}
