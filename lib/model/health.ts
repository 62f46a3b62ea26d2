/**
 * How a group or a pod is, in the store's own words, and what of that an
 * operator has to know.
 *
 * @module
 */

/** What the overview says of a group or a pod; what the store does not say is left out. */
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

/** Why something is not well: what it is filtered by, and in words. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly text: string;
}

/** What can be wrong with a pod; states are named as the store does. */
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
  told: "last error",
} as const;

export type ProblemKind = keyof typeof PROBLEMS;

/** The worst first. */
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
  "told",
] as const satisfies readonly ProblemKind[];

/** From so many on, somebody should look. */
const RESTARTS_LIMIT = 10;

/** States in which there is no container, nor is there to be one. */
const AT_REST: ReadonlySet<string> = new Set(["paused", "removed"]);

/** How a pod or a group is. */
export interface Health {
  /** "" when the store does not say. */
  readonly state: string;
  readonly health: string;
  readonly restarts: number;
  /** In ms since 1970. */
  readonly updated?: number;
  readonly error: string;
  readonly isOom: boolean;
  /** It is meant not to run. */
  readonly isStopped: boolean;
  /** Nothing when it is well; the worst first. */
  readonly problems: readonly Problem[];
}

/** @param hasAddress whether it can be reached */
export function healthOf(told: Reported, hasAddress: boolean): Health {
  const {
    State: state = "",
    Health: health = "",
    Restarts: restarts = 0,
    LastError: error = "",
    OOMKilled: isOom = false,
    Target: target = "",
  } = told;
  const isStopped = target === "stop" || AT_REST.has(state);
  return {
    state,
    health,
    restarts,
    updated: timeOf(told.Updated),
    error,
    isOom,
    isStopped,
    problems: isStopped
      ? []
      : problemsOf({ state, health, restarts, error, isOom, hasAddress }),
  };
}

function problemsOf(
  { error, hasAddress, health, isOom, restarts, state }:
    & Pick<Health, "error" | "health" | "isOom" | "restarts" | "state">
    & { hasAddress: boolean },
): Problem[] {
  const isSo: Partial<Record<ProblemKind, boolean>> = {
    oom: isOom,
    unhealthy: health === "unhealthy",
    address: !hasAddress,
    restarts: restarts >= RESTARTS_LIMIT,
    told: error !== "",
  };
  return PROBLEM_KINDS.filter((kind) => kind === state || isSo[kind])
    .map((kind) => ({ kind, text: textOf(kind, restarts, error) }));
}

function textOf(kind: ProblemKind, restarts: number, error: string): string {
  if (kind === "restarts") return `restarted ${restarts} times`;
  return kind === "told" ? error : PROBLEMS[kind];
}

/** In ms since 1970; the store writes the year 1 for never. */
function timeOf(updated: Reported["Updated"]): number | undefined {
  const time = typeof updated === "number"
    ? updated * 1000
    : Date.parse(updated ?? "");
  return time > 0 ? time : undefined;
}

/** What is wrong, in a line; "" when nothing is. */
export function problemText({ problems }: Pick<Health, "problems">): string {
  return problems.map(({ text }) => text).join(", ");
}
