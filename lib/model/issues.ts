/**
 * What somebody has to look at, the worst first.
 *
 * @module
 */
import { PROBLEM_KINDS, type ProblemKind, problemText } from "./health.ts";
import type { Group, Pod } from "./groups.ts";
import type { Model } from "./mod.ts";
import {
  isOvercommitted,
  type Node,
  type Reservation,
  reservedShare,
} from "./nodes.ts";
import type { Link } from "./place.ts";
import { plural, reservedText, type UNITS } from "./format.ts";

/** One kind of trouble: how much of it there is, and what the worst is. */
export interface Issue {
  readonly title: string;
  /** Where all of it is listed. */
  readonly all: Link;
  readonly items: readonly IssueItem[];
  /** Ways to split it: `12 unhealthy`. */
  readonly parts: readonly (Link & { readonly text: string })[];
}

export interface IssueItem extends Link {
  readonly name: string;
  readonly reason: string;
}

export function issuesOf(model: Model): Issue[] {
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
function trouble({ present }: Model): Issue | undefined {
  if (present.stale || present.problems.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: "lainlet has trouble",
    all,
    items: present.problems.map((reason) => ({
      name: "lainlet",
      reason,
      ...all,
    })),
    parts: [],
  };
}

function podsNotWell(pods: readonly Pod[]): Issue | undefined {
  const bad = pods.filter(({ problems }) => problems.length > 0);
  if (bad.length === 0) return undefined;
  const groups = Map.groupBy(bad, ({ app, group }) => `${app}/${group}`);
  const counts = new Map<ProblemKind, number>();
  for (const { kind } of bad.flatMap(({ problems }) => problems)) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return {
    title: `${plural(bad.length, "pod is", "pods are")} not well, in ${
      plural(groups.size, "group")
    }`,
    all: { path: ["pods"], params: { state: "bad" } },
    parts: PROBLEM_KINDS.filter((kind) => counts.has(kind)).map((kind) => ({
      text: `${counts.get(kind)} ${PARTS[kind]}`,
      path: ["pods"],
      params: { state: kind },
    })),
    items: [...groups.values()].map((pods) => worst(pods))
      .sort((a, b) => severity(a[0]) - severity(b[0]))
      .map(([pod, count]) => ({
        name: count === 1 ? `${pod.group} ${pod.instance}` : pod.group,
        reason: count === 1
          ? problemText(pod)
          : `${count} pods, the worst ${problemText(pod)}`,
        path: ["pods"],
        params: { app: pod.app, state: "bad" },
      })),
  };
}

const PARTS: Readonly<Record<ProblemKind, string>> = {
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
  const pod = pods.reduce((a, b) => severity(b) < severity(a) ? b : a);
  return [pod, pods.length];
}

/** How bad it is; 0 is the worst. */
export function severity({ problems }: Pick<Pod, "problems">): number {
  const [first] = problems;
  return first === undefined
    ? PROBLEM_KINDS.length
    : PROBLEM_KINDS.indexOf(first.kind);
}

function shortGroups({ apps }: Model): Issue | undefined {
  const groups = [...apps.values()].flatMap(({ groups }) => groups)
    .filter(isIncomplete)
    .sort((a, b) => missingPods(b) - missingPods(a));
  if (groups.length === 0) return undefined;
  return {
    title: `${
      plural(groups.length, "group has", "groups have")
    } fewer instances than asked for`,
    all: { path: ["apps"], params: { show: "short" } },
    parts: [],
    items: groups.map(({ app, error, instances, name, wanted }) => ({
      name,
      reason: `${instances} of ${wanted}${error && `: ${error}`}`,
      path: ["app", app],
    })),
  };
}

function missingPods({ instances, wanted = 0 }: Group): number {
  return wanted - instances;
}

/** Whether there are fewer pods than asked for. */
export function isIncomplete(group: Group): boolean {
  return missingPods(group) > 0;
}

function undeclaredNodes(nodes: readonly Node[]): Issue | undefined {
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
      reason: `${
        plural(pods.length, "pod says it is", "pods say they are")
      } there`,
      path: ["node", name],
    })),
  };
}

function crowdedNodes(nodes: readonly Node[]): Issue | undefined {
  const over = nodes.filter(isOvercommitted)
    .sort((a, b) => maxReserved(b) - maxReserved(a));
  if (over.length === 0) return undefined;
  return {
    title: `${plural(over.length, "node is", "nodes are")} over what ${
      over.length === 1 ? "it has" : "they have"
    }`,
    all: { path: ["nodes"], params: { sort: "-load" } },
    parts: [],
    items: over.map(({ cpu, memory, name }) => ({
      name,
      reason: [overOf(memory, "memory"), overOf(cpu, "CPU")]
        .filter((text) => text !== "").join(", "),
      path: ["node", name],
    })),
  };
}

/** Which part of its scarcer means may be used. */
export function maxReserved(
  { cpu, memory }: Pick<Node, "cpu" | "memory">,
): number {
  return Math.max(reservedShare(cpu), reservedShare(memory));
}

function overOf(load: Reservation, of: keyof typeof UNITS): string {
  return reservedShare(load) > 1 ? `${of}: ${reservedText(load, of)}` : "";
}

function rejected({ present }: Model): Issue | undefined {
  const values = Object.entries(present.rejected);
  if (values.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: `${
      plural(values.length, "value of the store is", "values of the store are")
    } not taken`,
    all,
    parts: [],
    items: values.map(([name, reason]) => ({ name, reason, ...all })),
  };
}
