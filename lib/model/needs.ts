/**
 * What somebody has to look at, the worst first.
 *
 * @module
 */
import { reasonOf, TROUBLE_KINDS, type TroubleKind } from "./condition.ts";
import type { Group, Pod } from "./groups.ts";
import type { Model } from "./mod.ts";
import { isOver, type Load, type Node, partOf } from "./nodes.ts";
import type { Place } from "./place.ts";
import { loadText, plural, type UNITS } from "./words.ts";

/** One kind of trouble: how much of it there is, and what the worst is. */
export interface Need {
  readonly title: string;
  /** Where all of it is listed. */
  readonly all: Place;
  readonly items: readonly NeedItem[];
  /** Ways to split it: `12 unhealthy`. */
  readonly parts: readonly (Place & { readonly text: string })[];
}

export interface NeedItem extends Place {
  readonly name: string;
  readonly why: string;
}

export function needsOf(model: Model): Need[] {
  return [
    trouble(model),
    podsNotWell(model.pods),
    shortGroups(model),
    undeclaredNodes([...model.nodes.values()]),
    crowdedNodes([...model.nodes.values()]),
    rejected(model),
  ].filter((need) => need !== undefined);
}

/** What lainlet could not do while its state is current; that it is not is said above each page. */
function trouble({ present }: Model): Need | undefined {
  if (present.stale || present.problems.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: "lainlet has trouble",
    all,
    items: present.problems.map((why) => ({ name: "lainlet", why, ...all })),
    parts: [],
  };
}

function podsNotWell(pods: readonly Pod[]): Need | undefined {
  const bad = pods.filter(({ troubles }) => troubles.length > 0);
  if (bad.length === 0) return undefined;
  const groups = Map.groupBy(bad, ({ app, group }) => `${app}/${group}`);
  const counts = new Map<TroubleKind, number>();
  for (const { kind } of bad.flatMap(({ troubles }) => troubles)) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return {
    title: `${plural(bad.length, "pod is", "pods are")} not well, in ${
      plural(groups.size, "group")
    }`,
    all: { path: ["pods"], params: { state: "bad" } },
    parts: TROUBLE_KINDS.filter((kind) => counts.has(kind)).map((kind) => ({
      text: `${counts.get(kind)} ${PARTS[kind]}`,
      path: ["pods"],
      params: { state: kind },
    })),
    items: [...groups.values()].map((pods) => worst(pods))
      .sort((a, b) => gravity(a[0]) - gravity(b[0]))
      .map(([pod, count]) => ({
        name: count === 1 ? `${pod.group} ${pod.instance}` : pod.group,
        why: count === 1
          ? reasonOf(pod)
          : `${count} pods, the worst ${reasonOf(pod)}`,
        path: ["pods"],
        params: { app: pod.app, state: "bad" },
      })),
  };
}

const PARTS: Readonly<Record<TroubleKind, string>> = {
  oom: "killed for memory",
  error: "in error",
  fail: "failed",
  missing: "missing",
  exit: "exited",
  inconsistent: "inconsistent",
  unhealthy: "unhealthy",
  address: "without an address",
  pending: "pending",
  restarts: "restarted often",
  told: "with a last error",
};

/** Of a group's pods the one that is least well, and how many they are. */
function worst(pods: readonly Pod[]): [pod: Pod, count: number] {
  const pod = pods.reduce((a, b) => gravity(b) < gravity(a) ? b : a);
  return [pod, pods.length];
}

/** How bad it is; 0 is the worst. */
export function gravity({ troubles }: Pick<Pod, "troubles">): number {
  const [first] = troubles;
  return first === undefined
    ? TROUBLE_KINDS.length
    : TROUBLE_KINDS.indexOf(first.kind);
}

function shortGroups({ apps }: Model): Need | undefined {
  const groups = [...apps.values()].flatMap(({ groups }) => groups)
    .filter(isShort)
    .sort((a, b) => lacking(b) - lacking(a));
  if (groups.length === 0) return undefined;
  return {
    title: `${
      plural(groups.length, "group has", "groups have")
    } fewer instances than asked for`,
    all: { path: ["apps"], params: { show: "short" } },
    parts: [],
    items: groups.map(({ app, error, instances, name, wanted }) => ({
      name,
      why: `${instances} of ${wanted}${error && `: ${error}`}`,
      path: ["app", app],
    })),
  };
}

function lacking({ instances, wanted = 0 }: Group): number {
  return wanted - instances;
}

/** Whether there are fewer pods than asked for. */
export function isShort(group: Group): boolean {
  return lacking(group) > 0;
}

function undeclaredNodes(nodes: readonly Node[]): Need | undefined {
  const unknown = nodes.filter(({ value }) => value === undefined);
  if (unknown.length === 0) return undefined;
  return {
    title: `The scheduler has not declared ${
      plural(unknown.length, "node that is", "nodes that are")
    } in use`,
    all: { path: ["nodes"], params: { sort: "state" } },
    parts: [],
    items: unknown.map(({ name, pods }) => ({
      name,
      why: `${
        plural(pods.length, "pod says it is", "pods say they are")
      } there`,
      path: ["node", name],
    })),
  };
}

function crowdedNodes(nodes: readonly Node[]): Need | undefined {
  const over = nodes.filter(isOver)
    .sort((a, b) => loadOf(b) - loadOf(a));
  if (over.length === 0) return undefined;
  return {
    title: `${plural(over.length, "node is", "nodes are")} over what ${
      over.length === 1 ? "it has" : "they have"
    }`,
    all: { path: ["nodes"], params: { sort: "-load" } },
    parts: [],
    items: over.map(({ cpu, memory, name }) => ({
      name,
      why: [overOf(memory, "memory"), overOf(cpu, "CPU")]
        .filter((text) => text !== "").join(", "),
      path: ["node", name],
    })),
  };
}

/** Which part of its scarcer means may be used. */
export function loadOf({ cpu, memory }: Pick<Node, "cpu" | "memory">): number {
  return Math.max(partOf(cpu), partOf(memory));
}

function overOf(load: Load, of: keyof typeof UNITS): string {
  return partOf(load) > 1 ? `${of}: ${loadText(load, of)}` : "";
}

function rejected({ present }: Model): Need | undefined {
  const values = Object.entries(present.rejected);
  if (values.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: `${
      plural(values.length, "value of the store is", "values of the store are")
    } not taken`,
    all,
    parts: [],
    items: values.map(([name, why]) => ({ name, why, ...all })),
  };
}
