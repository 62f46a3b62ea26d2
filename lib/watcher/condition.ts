import type { Fields } from "./fields.ts";
import { InternPool } from "./fields.ts";

/** The states of a group or a pod; the scheduler writes the index. */
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

/** The results of health checks; the scheduler writes the index. */
export const HEALTHS = ["none", "starting", "healthy", "unhealthy"] as const;

/** The desired states of a pod; the scheduler writes the index. */
export const TARGETS = ["run", "stop"] as const;

/**
 * The condition of a group or a pod, as its scheduler wrote it. A field that
 * is missing or malformed is undefined. Equal conditions are the same object.
 */
export interface Condition {
  readonly state: typeof STATES[number] | undefined;
  readonly health: typeof HEALTHS[number] | undefined;
  readonly target: typeof TARGETS[number] | undefined;
  /** Whether it was killed because it ran out of memory. */
  readonly oom: boolean | undefined;
  /** The last error. */
  readonly error: string | undefined;
  /** How often it was restarted. */
  readonly restarts: number | undefined;
  /** When it was last restarted, in RFC 3339. */
  readonly restarted: string | undefined;
  /** How often it was moved to another node. */
  readonly drifts: number | undefined;
}

const pool = new InternPool<Condition>();

/** Reads the condition of a group or a pod. */
export function condition(fields: Fields): Condition {
  const read: Condition = {
    state: optionalWord(fields.raw("State"), STATES),
    health: optionalWord(fields.raw("Healthst"), HEALTHS),
    target: optionalWord(fields.raw("TargetState"), TARGETS),
    oom: optionalBoolean(fields.raw("OOMkilled")),
    error: optionalText(fields.raw("LastError")),
    restarts: optionalCount(fields.raw("RestartCount")),
    restarted: optionalTime(fields.raw("RestartAt")),
    drifts: optionalCount(fields.raw("DriftCount")),
  };
  return pool.intern(Object.values(read).join("\0"), read);
}

function optionalWord<const W extends string>(
  value: unknown,
  words: readonly W[],
): W | undefined {
  return typeof value === "number" ? words[value] : undefined;
}

function optionalBoolean(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function optionalText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A count; undefined when the value is none. */
export function optionalCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? value
    : undefined;
}

/** A time in RFC 3339, as written; undefined when the value is none, or Go's zero time. */
export function optionalTime(value: unknown): string | undefined {
  return typeof value === "string" && !value.startsWith("0001-") &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value)
    ? value
    : undefined;
}
