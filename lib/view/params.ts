import { badRequest } from "../errors.ts";

/** What `watch` may be, in any case: deployed clients send what their languages make of a boolean. */
export const WATCH = {
  on: ["1", "true", "yes", "on"],
  off: ["", "0", "false", "no", "off"],
};

/** How a stream may be asked for, beside what its view takes. */
export const STREAM_PARAMS = ["watch", "patch", "heartbeat", "tag", "since"];

/** What an answer may have to wait for, beside what its view takes. */
export const READ_PARAMS = ["fresh", "revision"];

/** Whether a watch is asked for. @throws {Refusal} when that is not clear */
export function isWatch(params: URLSearchParams): boolean {
  return isOn(params, "watch");
}

/** Whether the states of a watch are to be named. @throws {Refusal} when that is not clear */
export function isTagged(params: URLSearchParams): boolean {
  return isOn(params, "tag");
}

/** Whether an answer is to be proven current first. @throws {Refusal} when that is not clear */
export function isFresh(params: URLSearchParams): boolean {
  return isOn(params, "fresh");
}

function isOn(params: URLSearchParams, name: string): boolean {
  const text = (params.get(name) ?? "").toLowerCase();
  if (WATCH.on.includes(text)) return true;
  if (WATCH.off.includes(text)) return false;
  throw badRequest(`${name} must be 1, true, yes, on, 0, false, no or off`);
}

/** An entity tag as an answer or a stream says it: of the compressed form, or made weak on the way, too. */
const ETAG = /^(?:W\/)?"([^"]*?)(?:-gzip)?"$/;

/**
 * Takes the entity tag of the state that a listener has out of the
 * parameters, where a view may have a `since` of its own.
 *
 * @param names of the view's own parameters
 * @throws {Refusal} when it is something else
 */
export function takeEtag(
  params: URLSearchParams,
  names: Readonly<Record<string, unknown>>,
): string | undefined {
  const texts = params.getAll("since").filter((text) => text !== "");
  const text = texts.find((text) => ETAG.test(text));
  if (text === undefined) {
    if (texts.length === 0 || "since" in names) return undefined;
    throw badRequest("since must be an entity tag, in double quotes");
  }
  params.delete("since", text);
  return text.replace(ETAG, '"$1"');
}

/** The revision that an answer is to rest on at least; 0: any. @throws {Refusal} when malformed */
export function revisionParam(params: URLSearchParams): number {
  const text = params.get("revision") ?? "";
  const revision = Number(text);
  if (/^\d*$/.test(text) && Number.isSafeInteger(revision)) return revision;
  throw badRequest("revision must be a whole number");
}

/** Whether a watch is to carry patches. @throws {Refusal} when another kind is asked for */
export function isPatch(params: URLSearchParams): boolean {
  const kind = params.get("patch") ?? "";
  if (kind !== "" && kind !== "merge") throw badRequest("patch must be merge");
  return kind === "merge";
}

/** Seconds between heartbeats, 0 for none; undefined when malformed. */
export function heartbeatParam(params: URLSearchParams): number | undefined {
  const text = params.get("heartbeat") ?? "";
  if (text === "") return 0;
  const seconds = Number(text);
  // Timers count milliseconds in 31 bits.
  return /^\d+$/.test(text) && seconds <= 2_000_000 ? seconds : undefined;
}
