/**
 * What needs attention, the worst first.
 *
 * @module
 */
import { plural, podName, reservedText } from "./format.ts";
import {
  hasProblem,
  healthUrgency,
  PROBLEM_KINDS,
  type ProblemKind,
  problemText,
  type Since,
  sinceText,
  type Status,
  statusOf,
} from "./health.ts";
import type { Group, Link, Model, Node, Pod } from "./mod.ts";
import {
  isOvercommitted,
  maxReserved,
  missingPods,
  overcommitments,
  sortByUrgency,
} from "./status.ts";

/** One kind of trouble, with what has it. */
export interface Issue {
  readonly title: string;
  /** `note`: nothing that is wrong now. */
  readonly status: Extract<Status, "bad" | "note">;
  /** Where all of it is listed. */
  readonly all: Link;
  /** The worst first, then the newest. */
  readonly items: readonly IssueItem[];
  /** Parts of it: `12 unhealthy`. */
  readonly parts: readonly (Link & { readonly text: string })[];
}

export interface IssueItem extends Link {
  readonly name: string;
  /** @param now in ms since 1970 */
  readonly reason: (now: number) => string;
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
    notedPods(model.pods),
  ].filter((issue) => issue !== undefined);
}

/** Errors of lainlet while its state is current. A stale state is reported above each page. */
function lainletErrors({ present, problemsSince }: Model): Issue | undefined {
  if (present.stale || present.problems.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: "lainlet reports errors",
    status: "bad",
    all,
    items: present.problems.map((reason) => ({
      name: "lainlet",
      reason: (now) => {
        const since = lastingText(problemsSince.get(reason), now);
        return since === "" ? reason : `error${since}: ${reason}`;
      },
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
    status: "bad",
    all: { path: ["pods"], params: { state: "bad" } },
    parts: PROBLEM_KINDS.filter((kind) => counts.has(kind)).map((kind) => ({
      text: `${counts.get(kind)} ${PARTS[kind]}`,
      path: ["pods"],
      params: { state: kind },
    })),
    items: groupItems(bad, "bad"),
  };
}

/** What happened to pods that are OK now. */
function notedPods(pods: readonly Pod[]): Issue | undefined {
  const noted = pods.filter((pod) => statusOf(pod) === "note");
  if (noted.length === 0) return undefined;
  return {
    title: `${
      plural(noted.length, "pod is OK and has", "pods are OK and have")
    } an old error`,
    status: "note",
    all: { path: ["pods"], params: { state: "note" } },
    parts: [],
    items: groupItems(noted, "note"),
  };
}

/** Pods by their groups, the group with the worst pod first. */
function groupItems(pods: readonly Pod[], state: string): IssueItem[] {
  const groups = Map.groupBy(pods, ({ app, group }) => `${app}/${group}`);
  const worstOf = Array.from(
    groups.values(),
    (pods) => ({ pods, worst: worst(pods) }),
  );
  return sortByUrgency(worstOf, ({ worst }) => healthUrgency(worst))
    .map(({ pods: { length }, worst }) => ({
      name: length === 1 ? podName(worst) : worst.group,
      reason: (now) =>
        length === 1
          ? problemText(worst, { now })
          : `${length} pods, the worst: ${problemText(worst, { now })}`,
      path: ["pods"],
      params: { app: worst.app, state },
    }));
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
  restarts: "restarted",
  pending: "pending",
  starting: "starting",
  drift: "in drift",
  release: "of another release",
  lastError: "with an error",
};

function worst(pods: readonly Pod[]): Pod {
  return pods.reduce((a, b) => healthUrgency(b) < healthUrgency(a) ? b : a);
}

function incompleteGroups({ apps }: Model): Issue | undefined {
  const groups = [...apps.values()].flatMap(({ groups }) => groups)
    .filter((group) => missingPods(group) > 0)
    .sort((a, b) =>
      missingShare(b) - missingShare(a) ||
      newestFirst(a.shortSince, b.shortSince)
    );
  if (groups.length === 0) return undefined;
  return {
    title: `${
      plural(groups.length, "group has", "groups have")
    } fewer pods than wanted`,
    status: "bad",
    all: { path: ["apps"], params: { show: "short" } },
    parts: [],
    items: groups.map(({ app, error, name, pods, shortSince, wanted }) => ({
      name,
      reason: (now) =>
        `${pods.length} of ${wanted}${lastingText(shortSince, now)}${
          error && `: ${error}`
        }`,
      path: ["app", app],
    })),
  };
}

function missingShare(group: Group): number {
  return missingPods(group) / (group.wanted ?? 1);
}

/** Compares for a sort; what is not known comes last. */
function newestFirst(a: Since | undefined, b: Since | undefined): number {
  return (b?.time ?? 0) - (a?.time ?? 0);
}

function lastingText(since: Since | undefined, now: number): string {
  return since === undefined ? "" : ` for ${sinceText(since, now)}`;
}

function unregisteredNodes(nodes: readonly Node[]): Issue | undefined {
  const unknown = nodes.filter(({ value }) => value === undefined)
    .sort((a, b) => newestFirst(a.unregisteredSince, b.unregisteredSince));
  if (unknown.length === 0) return undefined;
  return {
    title: plural(
      unknown.length,
      "node runs pods but is not registered",
      "nodes run pods but are not registered",
    ),
    status: "bad",
    all: { path: ["nodes"], params: { sort: "state" } },
    parts: [],
    items: unknown.map(({ name, pods, unregisteredSince }) => ({
      name,
      reason: (now) =>
        `not registered${lastingText(unregisteredSince, now)}, ${
          plural(pods.length, "pod")
        } there`,
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
    status: "bad",
    all: { path: ["nodes"], params: { sort: "-reserved" } },
    parts: [],
    items: over.map((node) => ({
      name: node.name,
      reason: (now) =>
        overcommitments(node).map(({ reservation, resource, since }) =>
          `${resource}: ${reservedText(reservation, resource)} reserved${
            lastingText(since, now)
          }`
        ).join(", "),
      path: ["node", node.name],
    })),
  };
}

function invalidValues({ present, rejectedSince }: Model): Issue | undefined {
  const values = Object.entries(present.rejected)
    .map(([name, reason]) => ({ name, reason, since: rejectedSince.get(name) }))
    .sort((a, b) => newestFirst(a.since, b.since));
  if (values.length === 0) return undefined;
  const all = { path: ["lainlet"] };
  return {
    title: plural(
      values.length,
      "invalid value ignored",
      "invalid values ignored",
    ),
    status: "bad",
    all,
    parts: [],
    items: values.map(({ name, reason, since }) => ({
      name,
      reason: (now) => `invalid${lastingText(since, now)}: ${reason}`,
      ...all,
    })),
  };
}
