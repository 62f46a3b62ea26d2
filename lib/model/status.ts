/**
 * Status of apps, groups and nodes: how many pods are OK and wanted, and what
 * is wrong.
 *
 * @module
 */
import { plural, type Reservation, type Resource } from "./format.ts";
import {
  hasProblem,
  healthUrgency,
  isEvent,
  PROBLEM_KINDS,
  type ProblemKind,
  PROBLEMS,
  type Since,
  sinceText,
  type Status,
  urgencyOf,
} from "./health.ts";
import type { App, Group, Node, Pod } from "./mod.ts";

/** Status of an app, a group or a node. */
export interface Summary {
  readonly status: Status;
  /** What is wrong, or is to be noted; none when nothing is. */
  readonly parts: readonly SummaryPart[];
}

/** One thing that is wrong: `3 unhealthy`. */
export interface SummaryPart {
  readonly text: string;
  /** It happened; else it lasts. */
  readonly isEvent?: boolean;
  /** Since when: the oldest and the newest, where they are known. */
  readonly since?: readonly [oldest: Since, newest: Since];
}

/**
 * A status in words, which name the problems: `OK`, `9 too few, 1 unhealthy`. A
 * time is said once.
 *
 * @param now in ms since 1970; absent: without times
 */
export function summaryText(
  { status, parts }: Summary,
  now?: number,
): string {
  let last = "";
  const words = parts.map(({ isEvent, since, text }) => {
    if (since === undefined || now === undefined) return text;
    const range = rangeText(since, now);
    const length = isEvent ? ` ${range} ago` : ` for ${range}`;
    const said = length === last ? text : text + length;
    last = length;
    return said;
  });
  if (status === "off") return "stopped";
  if (status !== "bad") words.unshift("OK");
  return words.join(", ");
}

/** `40 s`, `40 s to 3 h` */
function rangeText([oldest, newest]: readonly [Since, Since], now: number) {
  const texts = new Set([newest, oldest].map((one) => sinceText(one, now)));
  return [...texts].join(" to ");
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
  return summaryOf([...tooFew(groups), ...podParts(pods)], pods);
}

/** How many pods a group lacks, how its pods are, and what is wrong with it and none of them. */
export function groupSummary(group: Group): Summary {
  const { problems, pods } = group;
  const kinds = new Set(pods.flatMap(problemKinds));
  return summaryOf([
    ...tooFew([group]),
    ...podParts(pods),
    ...problems.filter(({ kind }) => !kinds.has(kind))
      .map(({ kind, since }) => ({
        text: PROBLEMS[kind],
        isEvent: isEvent(kind),
        since: since && [since, since] as const,
      })),
  ], group.isStopped ? [group] : pods);
}

function tooFew(groups: readonly Group[]): SummaryPart[] {
  const short = groups.filter((group) => missingPods(group) > 0);
  if (short.length === 0) return [];
  const missing = short.reduce((sum, group) => sum + missingPods(group), 0);
  return [{
    text: `${missing} too few`,
    since: extremes(short.map(({ shortSince }) => shortSince)),
  }];
}

function problemKinds({ problems }: Pod): ProblemKind[] {
  return problems.map(({ kind }) => kind);
}

/** How many pods have a problem of each kind, the worst first. */
function podParts(pods: readonly Pod[]): SummaryPart[] {
  const byKind = Map.groupBy(
    pods.flatMap(({ problems }) => problems),
    ({ kind }) => kind,
  );
  return PROBLEM_KINDS.flatMap((kind) => {
    const problems = byKind.get(kind);
    return problems === undefined ? [] : [{
      text: `${problems.length} ${PROBLEMS[kind]}`,
      isEvent: isEvent(kind),
      since: extremes(problems.map(({ since }) => since)),
    }];
  });
}

/** The oldest and the newest of the known ones. */
function extremes(
  all: readonly (Since | undefined)[],
): SummaryPart["since"] {
  const [oldest, ...others] = all.filter((one) => one !== undefined)
    .sort((a, b) => a.time - b.time);
  return oldest && [oldest, others.at(-1) ?? oldest];
}

function summaryOf(
  parts: readonly SummaryPart[],
  pods: readonly Pick<Pod, "isStopped" | "notes">[],
): Summary {
  if (parts.length > 0) return { status: "bad", parts };
  if (pods.length > 0 && pods.every(({ isStopped }) => isStopped)) {
    return { status: "off", parts };
  }
  const notes = pods.filter(({ notes }) => notes.length > 0).length;
  return notes > 0
    ? { status: "note", parts: [{ text: plural(notes, "note") }] }
    : { status: "good", parts };
}

/** The urgency of the worst of some pods. */
export function worstUrgency(pods: readonly Pod[]): number {
  return pods.reduce(
    (first, pod) => Math.min(first, healthUrgency(pod)),
    Infinity,
  );
}

/** The urgency of an app: that of its worst pod, or of what it lacks. */
export function appUrgency({ groups, pods }: App): number {
  return groups.filter((group) => missingPods(group) > 0)
    .reduce(
      (first, { shortSince }) =>
        Math.min(first, urgencyOf("missing", shortSince)),
      worstUrgency(pods),
    );
}

/** Sorts by urgency; what is equally urgent keeps its order. */
export function sortByUrgency<T>(
  items: readonly T[],
  urgencyOf: (item: T) => number,
): T[] {
  return items.map((item) => [urgencyOf(item), item] as const)
    .sort(([a], [b]) => a - b).map(([, item]) => item);
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

/** How many containers of a node have no limit, by resource: `50 CPU, 2 memory`; "" when each has one. */
export function withoutLimit({ cpu, memory }: Node): string {
  const counts = [[cpu.unlimited, "CPU"], [memory.unlimited, "memory"]];
  return counts.filter(([count]) => count).map((pair) => pair.join(" "))
    .join(", ");
}

/** How many limits of a node's containers are not set. */
export function missingLimits({ cpu, memory }: Node): number {
  return (cpu.unlimited ?? 0) + (memory.unlimited ?? 0);
}

/** Whether limits reserve more than there is. */
export function isOvercommitted(node: Node): boolean {
  return maxReserved(node) > 1;
}

/** Status of a node itself; its pods do not count. */
export function nodeSummary(node: Node): Summary {
  const { unregisteredSince, value } = node;
  const parts: SummaryPart[] = [
    ...value === undefined
      ? [{ text: "not registered", since: extremes([unregisteredSince]) }]
      : [],
    ...overcommitments(node).map(({ resource, since }) => ({
      text: `${resource} overcommitted`,
      since: extremes([since]),
    })),
  ];
  return { status: parts.length > 0 ? "bad" : "good", parts };
}

/** A resource of which limits reserve more than there is. */
export interface Overcommitment {
  readonly resource: Resource;
  readonly reservation: Reservation;
  readonly since?: Since;
}

/** The resources of which a node has too little. */
export function overcommitments(
  { cpu, memory, overcommittedSince }: Node,
): readonly Overcommitment[] {
  const reservations = [["memory", memory], ["CPU", cpu]] as const;
  return reservations
    .filter(([, reservation]) => reservedShare(reservation) > 1)
    .map(([resource, reservation]) => ({
      resource,
      reservation,
      since: overcommittedSince[resource],
    }));
}
