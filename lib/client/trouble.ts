/** What tells how a pod is; what the store does not say is left out. */
export interface Condition {
  readonly address?: string;
  /** The scheduler's word: `success`, `missing`. */
  readonly state?: string;
  /** The health check's word: `healthy`, `starting`. */
  readonly health?: string;
  /** Whether it was killed for memory. */
  readonly oom?: boolean;
  readonly restarts?: number;
  /** The last thing that went wrong. */
  readonly error?: string;
  /** `stop` when it is not to run. */
  readonly target?: string;
}

/** States that somebody should look at, in words. */
const BAD_STATES: Readonly<Record<string, string>> = {
  error: "error",
  fail: "failed",
  missing: "missing",
  exit: "exited",
  inconsistent: "inconsistent",
  pending: "pending",
};

/** From so many on, somebody should look. */
const MANY_RESTARTS = 10;

/** What is wrong with a pod, the cause first; nothing when it is well, or is not meant to run. */
export function troublesOf(pod: Condition): string[] {
  if (isAtRest(pod)) return [];
  const { address = "", state = "", health, oom, restarts = 0, error } = pod;
  const troubles: (string | false | undefined)[] = [
    oom === true && "out of memory",
    BAD_STATES[state],
    health === "unhealthy" && health,
    address === "" && "no address",
    restarts >= MANY_RESTARTS && "restarts",
    error !== undefined && error !== "" && "last error",
  ];
  return troubles.filter((trouble) => typeof trouble === "string");
}

/** How a pod is, in a few words; "" when the store does not say. */
export function statusOf(pod: Condition): string {
  const troubles = troublesOf(pod);
  if (troubles.length > 0) return troubles.join(", ");
  const { state = "", health = "none" } = pod;
  if (isAtRest(pod)) return pod.target === "stop" ? "stopped" : state;
  if (health !== "none") return health;
  return state === "success" ? "running" : state;
}

/** Whether there is no container, nor is there to be one. */
function isAtRest({ state, target }: Condition): boolean {
  return target === "stop" || state === "paused" || state === "removed";
}
