/**
 * Health of a pod or a group: what the store reports, and which of that is a
 * problem.
 *
 * @module
 */

/** What the overview says of a pod or a group; what the store does not report is absent. */
export interface Reported {
  readonly State?: string;
  readonly Health?: string;
  readonly Restarts?: number;
  /** RFC 3339, or in seconds since 1970. */
  readonly Updated?: string | number;
  readonly LastError?: string;
  readonly OOMKilled?: boolean;
  readonly Target?: string;
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
  pending: "pending",
  restarts: "restarted often",
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
  "pending",
  "restarts",
  "lastError",
] as const satisfies readonly ProblemKind[];

export interface Problem {
  readonly kind: ProblemKind;
  /** With its details: `restarted 12 times`, or the last error. */
  readonly text: string;
}

/** How something is marked, in both tables and the dashboard; `off`: stopped. */
export type Status = "good" | "bad" | "off";

/** Restarts from which on they are a problem. */
const RESTARTS_LIMIT = 10;

/** States without a container, in which none is wanted. */
const STOPPED_STATES: ReadonlySet<string> = new Set(["paused", "removed"]);

/** Health of a pod or a group. */
export interface Health {
  /** Words of the store; "" when it does not report them. */
  readonly state: string;
  readonly health: string;
  readonly restarts: number;
  /** In ms since 1970. */
  readonly updated?: number;
  readonly error: string;
  readonly isOom: boolean;
  /** It is not to run. */
  readonly isStopped: boolean;
  /** The worst first; none when it is OK. */
  readonly problems: readonly Problem[];
}

/** @param hasAddress whether it has an address, or needs none */
export function healthOf(reported: Reported, hasAddress: boolean): Health {
  const {
    State: state = "",
    Health: health = "",
    Restarts: restarts = 0,
    LastError: error = "",
    OOMKilled: isOom = false,
    Target: target = "",
  } = reported;
  const isStopped = target === "stop" || STOPPED_STATES.has(state);
  const has: Partial<Record<ProblemKind, boolean>> = {
    oom: isOom,
    unhealthy: health === "unhealthy",
    address: !hasAddress,
    restarts: restarts >= RESTARTS_LIMIT,
    lastError: error !== "",
  };
  const details: Partial<Record<ProblemKind, string>> = {
    restarts: `restarted ${restarts} times`,
    lastError: error,
  };
  return {
    state,
    health,
    restarts,
    updated: timeOf(reported.Updated),
    error,
    isOom,
    isStopped,
    problems: isStopped ? [] : PROBLEM_KINDS
      .filter((kind) => kind === state || has[kind])
      .map((kind) => ({ kind, text: details[kind] ?? PROBLEMS[kind] })),
  };
}

/** In ms since 1970; the store writes the year 1 for never. */
function timeOf(updated: Reported["Updated"]): number | undefined {
  const time = typeof updated === "number"
    ? updated * 1000
    : Date.parse(updated ?? "");
  return time > 0 ? time : undefined;
}

export function hasProblem({ problems }: Pick<Health, "problems">): boolean {
  return problems.length > 0;
}

/** The rank of its worst problem: 0 is the most severe kind; without a problem it is the last rank. */
export function severityRank({ problems }: Pick<Health, "problems">): number {
  const [worst] = problems;
  return worst === undefined
    ? PROBLEM_KINDS.length
    : PROBLEM_KINDS.indexOf(worst.kind);
}

export function statusOf(health: Health): Status {
  if (health.isStopped) return "off";
  return hasProblem(health) ? "bad" : "good";
}

/** All problems with their details, in a line; "" when there are none. */
export function problemText({ problems }: Pick<Health, "problems">): string {
  return problems.map(({ text }) => text).join(", ");
}

/** Short texts of all problems: not the last error itself, only that there is one. */
export function problemLabels(
  { problems }: Pick<Health, "problems">,
): string[] {
  return problems.map(({ kind, text }) =>
    kind === "lastError" ? PROBLEMS.lastError : text
  );
}

/** The store's words for a state or health that is OK. */
const OK_WORDS: ReadonlySet<string> = new Set([
  "",
  "healthy",
  "none",
  "success",
]);

/**
 * Its status in words: its problems, or the store's own words, or OK.
 *
 * @param problems what stands for its problems
 */
export function statusText(
  health: Health,
  problems: string = problemText(health),
): string {
  const { isStopped, state } = health;
  if (isStopped) return state === "paused" ? "paused" : "stopped";
  const words = [state, health.health].filter((word) => !OK_WORDS.has(word));
  return problems || words.join(", ") || "OK";
}
