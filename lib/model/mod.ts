/**
 * The overview as the dashboard's views need it. What is made of one value is
 * made once, so what did not change is the same object from state to state.
 *
 * @module
 */
import type { Data } from "../client/client.ts";
import { memo } from "../memo.ts";
import {
  type Container,
  type Group,
  groupOf,
  type GroupValue,
  type Pod,
} from "./groups.ts";
import { sortNaturally } from "./natural.ts";
import { type Node, nodesOf } from "./nodes.ts";

export type { Container, Group, Node, Pod };

type Overview = Data<"overview">;
type DependsValue = Overview[`depends/${string}`];
export interface App {
  readonly name: string;
  /** Of its pods, of which some may be behind; each once. */
  readonly versions: readonly string[];
  readonly groups: readonly Group[];
  readonly pods: readonly Pod[];
}

/** Pods that make a service reachable for an app on a node. Names are well-formed, as a {@linkcode Container}'s. */
export interface Portal {
  readonly service: string;
  readonly node: string;
  readonly app: string;
  readonly addresses: readonly string[];
}

/** One state of everything, sorted as people count. */
export interface Model {
  readonly apps: ReadonlyMap<string, App>;
  readonly pods: readonly Pod[];
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
  const apps = appsOf(groups);
  const pods = [...apps.values()].flatMap((app) => app.pods);
  return {
    apps,
    pods,
    nodes: nodesOf(members(overview, "node"), pods),
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

function portalsOf(pod: string, value: DependsValue): Portal[] {
  return Object.entries(value).flatMap(([node, apps]) =>
    Object.entries(apps).map(([app, { Containers }]) => ({
      service: pod,
      node: node.toWellFormed(),
      app: app.toWellFormed(),
      addresses: Containers.map(({ IP, Port }) => IP && `${IP}:${Port}`),
    }))
  );
}

function appsOf(groups: readonly Group[]): Map<string, App> {
  const byApp = Map.groupBy(groups, ({ app }) => app);
  return new Map(
    sortNaturally(byApp, ([name]) => name).map(([name, groups]) => {
      const pods = groups.flatMap((group) => group.pods);
      const versions = new Set(pods.map(({ version }) => version));
      return [name, {
        name,
        groups,
        pods,
        versions: [...versions].filter((version) => version !== ""),
      }];
    }),
  );
}
