/**
 * What needs attention, the worst first.
 *
 * @module
 */
import { plural, podName, reservedText, type Resource } from "./format.ts";
import {
  hasProblem,
  PROBLEM_KINDS,
  type ProblemKind,
  problemText,
  severityRank,
} from "./health.ts";
import type { Link, Model, Node, Pod } from "./mod.ts";
import {
  isOvercommitted,
  maxReserved,
  missingPods,
  reservedShare,
} from "./status.ts";

/** One kind of trouble, with what has it. */
export interface Issue {
  readonly title: string;
  /** Where all of it is listed. */
  readonly all: Link;
  /** The worst first. */
  readonly items: readonly IssueItem[];
  /** Parts of it: `12 unhealthy`. */
  readonly parts: readonly (Link & { readonly text: string })[];
}

export interface IssueItem extends Link {
  readonly name: string;
  readonly reason: string;
}

export function issuesOf(model: Model): Issue[] {
  const nodes = [...model.nodes.values()];
  return [
    lainletErrors(model),
    podProblems(model.pods),
    incompleteGroups(model),
    unregisteredNodes(nodes),
    overcommittedNodes(nodes),
    invalidValues(model),
  ].filter((issue) => issue !== undefined);
}

/** Errors of lainlet while its state is current. A stale state is reported above each page. */
function lainletErrors({ present }: Model): Issue | undefined {
  if (present.stale || present.problems.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: "lainlet reports errors",
    all,
    items: present.problems.map((reason) => ({
      name: "lainlet",
      reason,
      ...all,
    })),
    parts: [],
  };
}

function podProblems(pods: readonly Pod[]): Issue | undefined {
  const bad = pods.filter(hasProblem);
  if (bad.length === 0) return undefined;
  const groups = Map.groupBy(bad, ({ app, group }) => `${app}/${group}`);
  const counts = new Map<ProblemKind, number>();
  for (const { kind } of bad.flatMap(({ problems }) => problems)) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return {
    title: `${plural(bad.length, "pod has", "pods have")} a problem, in ${
      plural(groups.size, "group")
    }`,
    all: { path: ["pods"], params: { state: "bad" } },
    parts: PROBLEM_KINDS.filter((kind) => counts.has(kind)).map((kind) => ({
      text: `${counts.get(kind)} ${PARTS[kind]}`,
      path: ["pods"],
      params: { state: kind },
    })),
    items: Array.from(groups.values(), (pods) => ({ pods, worst: worst(pods) }))
      .sort((a, b) => severityRank(a.worst) - severityRank(b.worst))
      .map(({ pods: { length }, worst }) => ({
        name: length === 1 ? podName(worst) : worst.group,
        reason: length === 1
          ? problemText(worst)
          : `${length} pods, the worst: ${problemText(worst)}`,
        path: ["pods"],
        params: { app: worst.app, state: "bad" },
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
  lastError: "with a last error",
};

function worst(pods: readonly Pod[]): Pod {
  return pods.reduce((a, b) => severityRank(b) < severityRank(a) ? b : a);
}

function incompleteGroups({ apps }: Model): Issue | undefined {
  const groups = [...apps.values()].flatMap(({ groups }) => groups)
    .filter((group) => missingPods(group) > 0)
    .sort((a, b) => missingPods(b) - missingPods(a));
  if (groups.length === 0) return undefined;
  return {
    title: `${
      plural(groups.length, "group has", "groups have")
    } fewer pods than wanted`,
    all: { path: ["apps"], params: { show: "short" } },
    parts: [],
    items: groups.map(({ app, error, name, pods, wanted }) => ({
      name,
      reason: `${pods.length} of ${wanted}${error && `: ${error}`}`,
      path: ["app", app],
    })),
  };
}

function unregisteredNodes(nodes: readonly Node[]): Issue | undefined {
  const unknown = nodes.filter(({ value }) => value === undefined);
  if (unknown.length === 0) return undefined;
  return {
    title: plural(
      unknown.length,
      "node runs pods but is not registered",
      "nodes run pods but are not registered",
    ),
    all: { path: ["nodes"], params: { sort: "state" } },
    parts: [],
    items: unknown.map(({ name, pods }) => ({
      name,
      reason: `${plural(pods.length, "pod")} there`,
      path: ["node", name],
    })),
  };
}

function overcommittedNodes(nodes: readonly Node[]): Issue | undefined {
  const over = nodes.filter(isOvercommitted)
    .sort((a, b) => maxReserved(b) - maxReserved(a));
  if (over.length === 0) return undefined;
  return {
    title: `${plural(over.length, "node is", "nodes are")} overcommitted`,
    all: { path: ["nodes"], params: { sort: "-reserved" } },
    parts: [],
    items: over.map((node) => ({
      name: node.name,
      reason: [overcommitment(node, "memory"), overcommitment(node, "CPU")]
        .filter((text) => text !== "").join(", "),
      path: ["node", node.name],
    })),
  };
}

function overcommitment({ cpu, memory }: Node, resource: Resource): string {
  const reservation = resource === "CPU" ? cpu : memory;
  return reservedShare(reservation) > 1
    ? `${resource}: ${reservedText(reservation, resource)} reserved`
    : "";
}

function invalidValues({ present }: Model): Issue | undefined {
  const values = Object.entries(present.rejected);
  if (values.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: plural(
      values.length,
      "invalid value ignored",
      "invalid values ignored",
    ),
    all,
    parts: [],
    items: values.map(([name, reason]) => ({ name, reason, ...all })),
  };
}
