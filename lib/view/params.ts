import { badRequest } from "../errors.ts";

/** Whether a watch is asked for. @throws {Refusal} when that is not clear */
export function isWatch(params: URLSearchParams): boolean {
  switch (params.get("watch") ?? "") {
    case "1":
    case "true":
      return true;
    case "":
    case "0":
    case "false":
      return false;
    default:
      throw badRequest("watch must be 1, true, 0 or false");
  }
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
