/**
 * How a group or a pod is, in the store's own words, and what of that an
 * operator has to know.
 *
 * @module
 */

/** What the overview says of a group or a pod; what the store does not say is left out. */
export interface Told {
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
export interface Trouble {
  readonly kind: TroubleKind;
  readonly text: string;
}

/** What can be wrong with a pod; states are named as the store does. */
export const TROUBLES = {
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

export type TroubleKind = keyof typeof TROUBLES;

/** The worst first. */
export const TROUBLE_KINDS = [
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
] as const satisfies readonly TroubleKind[];

/** From so many on, somebody should look. */
const MANY_RESTARTS = 10;

/** States in which there is no container, nor is there to be one. */
const AT_REST: ReadonlySet<string> = new Set(["paused", "removed"]);

/** How a pod or a group is. */
export interface Condition {
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
  readonly troubles: readonly Trouble[];
}

/** @param hasAddress whether it can be reached */
export function conditionOf(told: Told, hasAddress: boolean): Condition {
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
    troubles: isStopped
      ? []
      : troublesOf({ state, health, restarts, error, isOom, hasAddress }),
  };
}

function troublesOf(
  { error, hasAddress, health, isOom, restarts, state }:
    & Pick<Condition, "error" | "health" | "isOom" | "restarts" | "state">
    & { hasAddress: boolean },
): Trouble[] {
  const isSo: Partial<Record<TroubleKind, boolean>> = {
    oom: isOom,
    unhealthy: health === "unhealthy",
    address: !hasAddress,
    restarts: restarts >= MANY_RESTARTS,
    told: error !== "",
  };
  return TROUBLE_KINDS.filter((kind) => kind === state || isSo[kind])
    .map((kind) => ({ kind, text: textOf(kind, restarts, error) }));
}

function textOf(kind: TroubleKind, restarts: number, error: string): string {
  if (kind === "restarts") return `restarted ${restarts} times`;
  return kind === "told" ? error : TROUBLES[kind];
}

/** In ms since 1970; the store writes the year 1 for never. */
function timeOf(updated: Told["Updated"]): number | undefined {
  const time = typeof updated === "number"
    ? updated * 1000
    : Date.parse(updated ?? "");
  return time > 0 ? time : undefined;
}

/** What is wrong, in a line; "" when nothing is. */
export function reasonOf({ troubles }: Pick<Condition, "troubles">): string {
  return troubles.map(({ text }) => text).join(", ");
}
