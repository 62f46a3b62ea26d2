/**
 * Health of a pod or a group: what the store reports, and which of that is a
 * problem now.
 *
 * @module
 */
import { shortVersion, span } from "./format.ts";

/** Times in RFC 3339 by the names of members. */
export type Times = Readonly<Record<string, string | undefined>>;

/** What the overview says of a pod or a group; what is not known is absent. */
export interface Reported {
  readonly State?: string;
  readonly Health?: string;
  readonly Restarts?: number;
  /** RFC 3339 */
  readonly Restarted?: string;
  /** RFC 3339, or in seconds since 1970. */
  readonly Updated?: string | number;
  readonly LastError?: string;
  readonly OOMKilled?: boolean;
  readonly Target?: string;
  readonly Version?: string;
  /** The release that its group asks for, where it runs another one. */
  readonly Wanted?: string;
  /** Since when members have their values, in RFC 3339; absent: since `Updated`. */
  readonly Since?: Times;
  /** The same, where only the latest possible time is known. */
  readonly AtLeastSince?: Times;
}

/** What may be wrong with a pod; states are named as the store names them. */
export const PROBLEMS = {
  oom: "killed for memory",
  error: "error",
  fail: "failed",
  missing: "missing",
  exit: "exited",
  inconsistent: "inconsistent",
  unhealthy: "unhealthy",
  address: "no address",
  restarts: "restarted",
  pending: "pending",
  starting: "starting",
  drift: "drift",
  release: "other release",
  lastError: "last error",
} as const;

export type ProblemKind = keyof typeof PROBLEMS;

/** Kinds of problems, the worst first. */
export const PROBLEM_KINDS = [
  "oom",
  "error",
  "fail",
  "missing",
  "exit",
  "inconsistent",
  "unhealthy",
  "address",
  "restarts",
  "pending",
  "starting",
  "drift",
  "release",
  "lastError",
] as const satisfies readonly ProblemKind[];

/** When something began. */
export interface Since {
  /** In ms since 1970. */
  readonly time: number;
  /** It may have begun before that. */
  readonly isAtLeast: boolean;
}

export interface Problem {
  readonly kind: ProblemKind;
  /** Absent: not known. */
  readonly since?: Since;
  /** `9 total`, the last error, or the releases. */
  readonly detail?: string;
}

/** How something is marked, in both tables and the dashboard; `note`: OK now, with an old flag; `off`: stopped. */
export type Status = "good" | "note" | "bad" | "off";

const MINUTE = 60_000;

/** Kinds that happen at a time; the others last. */
const EVENTS: ReadonlySet<ProblemKind> = new Set([
  "lastError",
  "oom",
  "restarts",
]);

/** Age up to which an event is a problem, in ms. */
const RECENT = 10 * MINUTE;

/** How long a condition lasts until it is a problem, in ms; of kinds that are absent, each is one at once. */
const LASTING: Partial<Record<ProblemKind, number>> = {
  pending: 5 * MINUTE,
  starting: 5 * MINUTE,
  release: 15 * MINUTE,
};

/** How much the clocks of two machines may differ, in ms: a time further ahead is not used. */
const MAX_CLOCK_SKEW = MINUTE;

/** States without a container, in which none is wanted. */
const STOPPED_STATES: ReadonlySet<string> = new Set(["paused", "removed"]);

/** The store's words for a state or health that is OK. */
const OK_WORDS: ReadonlySet<string> = new Set([
  "",
  "healthy",
  "none",
  "success",
]);

/** Health of a pod or a group at a time. */
export interface Health {
  /** Words of the store; "" when it does not report them. */
  readonly state: string;
  readonly health: string;
  readonly restarts: number;
  /** In ms since 1970. */
  readonly updated?: number;
  readonly error: string;
  /** It is not to run. */
  readonly isStopped: boolean;
  /** The worst first; none when it is OK. */
  readonly problems: readonly Problem[];
  /** Flags of long ago, which say nothing about the present. */
  readonly notes: readonly Problem[];
  /** From then on the judgement may differ, in ms since 1970; Infinity: it depends on no time. */
  readonly validUntil: number;
}

/**
 * Judges the health of a pod or a group.
 *
 * @param hasAddress whether it has an address, or needs none
 * @param now in ms since 1970
 */
export function healthOf(
  reported: Reported,
  hasAddress: boolean,
  now: number,
): Health {
  const {
    State: state = "",
    Health: health = "",
    Restarts: restarts = 0,
    LastError: error = "",
    Target: target = "",
  } = reported;
  const isStopped = target === "stop" || STOPPED_STATES.has(state);
  const facts = {
    state,
    health,
    restarts,
    updated: timeOf(reported.Updated, now),
    error,
    isStopped,
  };
  const found = isStopped ? NONE : findings(reported, hasAddress, now);
  if (found.length === 0) {
    return { ...facts, problems: NONE, notes: NONE, validUntil: Infinity };
  }
  const pending = found.find(({ kind }) => kind === "pending");
  // A pod that is about to start has no address yet.
  const isNew = pending !== undefined && !isProblem(pending, now);
  const problems = found.filter((one) =>
    isProblem(one, now) && !(isNew && one.kind === "address")
  );
  return {
    ...facts,
    problems,
    notes: found.filter((one) =>
      !problems.includes(one) && isEvent(one.kind) && one.kind !== "restarts"
    ),
    validUntil: Math.min(
      Infinity,
      ...found.map(turnOf).filter((turn) => turn > now),
    ),
  };
}

const NONE: readonly Problem[] = [];

/** What may be a problem, the worst first. */
function findings(
  reported: Reported,
  hasAddress: boolean,
  now: number,
): readonly Problem[] {
  const {
    State: state = "",
    Health: health = "",
    Restarts: restarts = 0,
    LastError: error = "",
    OOMKilled: isOom = false,
    Version: version = "",
    Wanted: wanted = "",
  } = reported;
  const isRunning = hasAddress && OK_WORDS.has(state) && OK_WORDS.has(health);
  // As nearly all are.
  if (isRunning && !isOom && restarts === 0 && !error && !wanted) return NONE;
  const restarted = timeOf(reported.Restarted, now);
  const seen = timeOf(reported.Since?.Restarts, now);
  const lastRestart = Math.max(restarted ?? 0, seen ?? 0);
  const begin = (field: string, time?: number) =>
    sinceOf(reported, field, now, time);
  const found: Partial<Record<ProblemKind, Omit<Problem, "kind">>> = {};
  const stateKind = PROBLEM_KINDS.find((kind) => kind === state);
  if (stateKind !== undefined) found[stateKind] = { since: begin("State") };
  const healthKind = PROBLEM_KINDS.find((kind) => kind === health);
  if (healthKind !== undefined) found[healthKind] = { since: begin("Health") };
  if (!hasAddress) found.address = { since: begin("Address") };
  if (isOom) {
    // A running pod was restarted after it was killed.
    const killed = isRunning ? restarted : undefined;
    found.oom = { since: begin("OOMKilled", killed) };
  }
  if (error !== "") {
    found.lastError = { since: begin("LastError"), detail: error };
  }
  if (restarts > 0 && lastRestart > 0) {
    found.restarts = {
      since: { time: lastRestart, isAtLeast: false },
      detail: `${restarts} total`,
    };
  }
  if (wanted !== "") {
    const [runs, wants] = [version, wanted].map(shortVersion);
    found.release = {
      since: begin("Version"),
      detail: `runs release-${runs}, release-${wants} wanted`,
    };
  }
  return PROBLEM_KINDS.flatMap((kind) => {
    const one = found[kind];
    return one === undefined ? [] : [{ kind, ...one }];
  });
}

/**
 * Since when a member of what is reported has its value; undefined when that is
 * not known.
 *
 * @param time what is assumed where lainlet does not say; absent: the last update
 */
export function sinceOf(
  reported: Reported,
  member: string,
  now: number,
  time: number | undefined = timeOf(reported.Updated, now),
): Since | undefined {
  const exact = timeOf(reported.Since?.[member], now);
  if (exact !== undefined) return { time: exact, isAtLeast: false };
  const least = timeOf(reported.AtLeastSince?.[member], now);
  if (least !== undefined) return { time: least, isAtLeast: true };
  return time === undefined ? undefined : { time, isAtLeast: false };
}

/** An event is a problem while it is recent, and a condition once it has lasted; where that is not known, only a condition is one. */
function isProblem({ kind, since }: Problem, now: number): boolean {
  if (since === undefined) return !EVENTS.has(kind);
  const age = now - since.time;
  return EVENTS.has(kind)
    ? !since.isAtLeast && age < RECENT
    : age >= (LASTING[kind] ?? -Infinity);
}

/** When it becomes a problem, or ceases to be one, in ms since 1970. */
function turnOf({ kind, since }: Problem): number {
  if (since === undefined) return -Infinity;
  return since.time + (EVENTS.has(kind) ? RECENT : LASTING[kind] ?? -Infinity);
}

/** In ms since 1970, and not after `now`; the store writes the year 1 for never. */
export function timeOf(
  written: string | number | undefined,
  now: number,
): number | undefined {
  const time = typeof written === "number"
    ? written * 1000
    : Date.parse(written ?? "");
  return time > 0 && time <= now + MAX_CLOCK_SKEW
    ? Math.min(time, now)
    : undefined;
}

export function hasProblem({ problems }: Pick<Health, "problems">): boolean {
  return problems.length > 0;
}

/** More than any time, in ms since 1970. */
const RANK = 1e13;

/** A number to sort by: that of a worse kind is less, and of the same kind that of a newer time. */
export function urgencyOf(kind: ProblemKind, since?: Since): number {
  return RANK * PROBLEM_KINDS.indexOf(kind) - (since?.time ?? 0);
}

/** The urgency of a pod or a group by its worst problem: without one, notes come before none. */
export function healthUrgency({ problems: [worst], notes }: Health): number {
  if (worst !== undefined) return urgencyOf(worst.kind, worst.since);
  const [note] = notes;
  return RANK * PROBLEM_KINDS.length - (note ? note.since?.time ?? 1 : 0);
}

export function statusOf(health: Health): Status {
  if (health.isStopped) return "off";
  if (hasProblem(health)) return "bad";
  return health.notes.length > 0 ? "note" : "good";
}

/** Whether problems of a kind happen; the others last. */
export function isEvent(kind: ProblemKind): boolean {
  return EVENTS.has(kind);
}

/** `5 min`, `at least 5 min` @param now in ms since 1970 */
export function sinceText({ isAtLeast, time }: Since, now: number): string {
  return `${isAtLeast ? "at least " : ""}${span(time, now)}`;
}

/** How much of a status is said. */
export interface TextOptions {
  /** In ms since 1970; absent: no times. */
  readonly now?: number;
  /** Only that there was an error, and not which. */
  readonly isShort?: boolean;
}

/** Problems and notes in a line; "" when there are none. A time is said once. */
export function problemText(
  { problems, notes }: Pick<Health, "problems" | "notes">,
  { isShort = false, now }: TextOptions = {},
): string {
  let last = "";
  return [...problems, ...notes].map(({ kind, since, detail = "" }) => {
    const timed = since !== undefined && now !== undefined;
    if (EVENTS.has(kind)) {
      const when = timed ? ` ${sinceText(since, now)} ago` : "";
      if (kind === "restarts") return `restarted${when} (${detail})`;
      const what = kind === "lastError" && !isShort ? `: ${detail}` : "";
      return `${PROBLEMS[kind]}${when}${what}`;
    }
    const length = timed ? ` for ${sinceText(since, now)}` : "";
    const said = length === last ? "" : length;
    last = length;
    return `${kind === "release" ? detail : PROBLEMS[kind]}${said}`;
  }).join(", ");
}

/** Its status in words: its problems, or the store's own words, or OK; with its notes. */
export function statusText(health: Health, options?: TextOptions): string {
  const { isStopped, notes, problems, state } = health;
  if (isStopped) return state === "paused" ? "paused" : "stopped";
  if (problems.length > 0) return problemText(health, options);
  const words = [state, health.health].filter((word) => !OK_WORDS.has(word));
  return [
    words.join(", ") || "OK",
    ...notes.length > 0 ? [problemText(health, options)] : [],
  ].join(", ");
}
