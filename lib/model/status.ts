/**
 * Status of apps, groups and nodes: how many pods are OK and wanted, and what
 * is wrong.
 *
 * @module
 */
import { plural, type Reservation } from "./format.ts";
import {
  hasProblem,
  PROBLEM_KINDS,
  PROBLEMS,
  severityRank,
  type Status,
  statusOf,
} from "./health.ts";
import type { App, Group, Node } from "./mod.ts";

/** Status of an app, a group or a node. */
export interface Summary {
  readonly status: Status;
  /** In words, which name the problems: `OK`, `9 too few`. */
  readonly text: string;
  /** What is wrong; none when nothing is. */
  readonly problems: readonly string[];
}

/** Pods of an app or a group. */
export interface PodCounts {
  readonly pods: number;
  /** Pods without a problem. */
  readonly ok: number;
  /** As many as the store asks for; as many as there are, where it does not say. */
  readonly wanted: number;
}

/** How many pods a group lacks. */
export function missingPods({ pods, wanted = 0 }: Group): number {
  return Math.max(0, wanted - pods.length);
}

/** @param groups of an app, or one group */
export function podCounts(groups: readonly Group[]): PodCounts {
  const pods = groups.flatMap((group) => group.pods);
  return {
    pods: pods.length,
    ok: pods.filter((pod) => !hasProblem(pod)).length,
    wanted: groups.reduce(
      (sum, { pods, wanted = pods.length }) => sum + wanted,
      0,
    ),
  };
}

/** Pods that are OK, of those that are wanted: `3/12`. */
export function readyText({ ok, wanted }: PodCounts): string {
  return `${ok}/${wanted}`;
}

export function appSummary({ groups, pods }: App): Summary {
  const missing = groups.reduce((sum, group) => sum + missingPods(group), 0);
  const byKind = Map.groupBy(
    pods.flatMap(({ problems }) => problems),
    ({ kind }) => kind,
  );
  const problems = [
    ...missing > 0 ? [`${missing} too few`] : [],
    ...PROBLEM_KINDS.filter((kind) => byKind.has(kind))
      .map((kind) => `${byKind.get(kind)?.length} ${PROBLEMS[kind]}`),
  ];
  const isStopped = pods.length > 0 && pods.every((pod) => pod.isStopped);
  return summaryOf(problems, isStopped);
}

/** A group's own problems, and how many pods it lacks. */
export function groupSummary(group: Group): Summary {
  const missing = missingPods(group);
  const problems = [
    ...missing > 0 ? [`${missing} too few`] : [],
    ...group.problems.map(({ text }) => text),
  ];
  return summaryOf(problems, statusOf(group) === "off");
}

function summaryOf(problems: readonly string[], isStopped: boolean): Summary {
  if (problems.length > 0) {
    return { status: "bad", text: problems.join(", "), problems };
  }
  return isStopped
    ? { status: "off", text: "stopped", problems }
    : { status: "good", text: "OK", problems };
}

/** Rank of an app or a node by its worst pod; see {@linkcode severityRank}. */
export function worstSeverityRank({ pods }: Pick<App, "pods">): number {
  return Math.min(...pods.map(severityRank));
}

/** How many pods have a problem. */
export function badPods({ pods }: Pick<App, "pods">): number {
  return pods.filter(hasProblem).length;
}

/** The reserved part of the capacity, 1 for all of it; 0 where the capacity is not known. */
export function reservedShare({ capacity, limits }: Reservation): number {
  return capacity === undefined ? 0 : limits / capacity;
}

/** The reserved part of the scarcer resource. */
export function maxReserved(
  { cpu, memory }: Pick<Node, "cpu" | "memory">,
): number {
  return Math.max(reservedShare(cpu), reservedShare(memory));
}

/** Whether limits reserve more than there is. */
export function isOvercommitted(node: Node): boolean {
  return maxReserved(node) > 1;
}

/** Status of a node itself; its pods do not count. */
export function nodeSummary({ cpu, memory, value }: Node): Summary {
  return summaryOf([
    ...value === undefined ? ["not registered"] : [],
    ...reservedShare(memory) > 1 ? ["memory overcommitted"] : [],
    ...reservedShare(cpu) > 1 ? ["CPU overcommitted"] : [],
  ], false);
}

/** The status of a node, and how many of its pods have a problem. */
export function nodeText(node: Node): string {
  const bad = badPods(node);
  const { problems } = nodeSummary(node);
  const pods = bad > 0
    ? [`${plural(bad, "pod has", "pods have")} a problem`]
    : [];
  return [...problems, ...pods].join(", ") || "OK";
}
