import type { Fields } from "./fields.ts";
import { InternPool } from "./shared.ts";

/** How a group or a pod is, by the number that the scheduler writes. */
export const STATES = [
  "pending",
  "drift",
  "success",
  "exit",
  "fail",
  "inconsistent",
  "missing",
  "removed",
  "paused",
  "error",
] as const;

/** What health checks say, by that number. */
export const HEALTHS = ["none", "starting", "healthy", "unhealthy"] as const;

/** What a pod is to do, by that number. */
export const TARGETS = ["run", "stop"] as const;

/**
 * How a group or a pod is, in the words of its scheduler; what that does not
 * say, or not in the way it should, is undefined. Many are alike, and are the
 * same object.
 */
export interface Condition {
  readonly state: typeof STATES[number] | undefined;
  readonly health: typeof HEALTHS[number] | undefined;
  readonly target: typeof TARGETS[number] | undefined;
  /** Whether it was killed for memory. */
  readonly oom: boolean | undefined;
  /** The last thing that went wrong. */
  readonly error: string | undefined;
  /** How often it was started anew, and when that was last, in RFC 3339. */
  readonly restarts: number | undefined;
  readonly restarted: string | undefined;
  /** How often it moved to another node. */
  readonly drifts: number | undefined;
}

const alike = new InternPool<Condition>();

/** Reads what a group, or a pod, says of itself. */
export function condition(fields: Fields): Condition {
  const made: Condition = {
    state: word(fields.raw("State"), STATES),
    health: word(fields.raw("Healthst"), HEALTHS),
    target: word(fields.raw("TargetState"), TARGETS),
    oom: flag(fields.raw("OOMkilled")),
    error: text(fields.raw("LastError")),
    restarts: optionalCount(fields.raw("RestartCount")),
    restarted: optionalTime(fields.raw("RestartAt")),
    drifts: optionalCount(fields.raw("DriftCount")),
  };
  return alike.intern(Object.values(made).join("\0"), made);
}

function word<const W extends string>(
  value: unknown,
  words: readonly W[],
): W | undefined {
  return typeof value === "number" ? words[value] : undefined;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A number of things; undefined when it is none. */
export function optionalCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? value
    : undefined;
}

/** A time in RFC 3339, as it is written; undefined when it is none, or Go's zero, which is never. */
export function optionalTime(value: unknown): string | undefined {
  return typeof value === "string" && !value.startsWith("0001-") &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value)
    ? value
    : undefined;
}
