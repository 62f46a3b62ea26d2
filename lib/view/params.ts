import { badRequest } from "../errors.ts";

/** What `watch` may be, in any case: deployed clients send what their languages make of a boolean. */
export const WATCH = {
  on: ["1", "true", "yes", "on"],
  off: ["", "0", "false", "no", "off"],
};

/** Whether a watch is asked for. @throws {Refusal} when that is not clear */
export function isWatch(params: URLSearchParams): boolean {
  const text = (params.get("watch") ?? "").toLowerCase();
  if (WATCH.on.includes(text)) return true;
  if (WATCH.off.includes(text)) return false;
  throw badRequest("watch must be 1, true, yes, on, 0, false, no or off");
}

/** Whether a watch is to carry patches. @throws {Refusal} when another kind is asked for */
export function isPatch(params: URLSearchParams): boolean {
  const kind = params.get("patch") ?? "";
  if (kind !== "" && kind !== "merge") throw badRequest("patch must be merge");
  return kind === "merge";
}

/** Seconds between heartbeats, 0 for none; undefined when malformed. */
export function heartbeatOf(params: URLSearchParams): number | undefined {
  const text = params.get("heartbeat") ?? "";
  if (text === "") return 0;
  const seconds = Number(text);
  // Timers count milliseconds in 31 bits.
  return /^\d+$/.test(text) && seconds <= 2_000_000 ? seconds : undefined;
}
