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
/** In ms. */
export const UNITS = new Map([
  ["s", 1000],
  ["m", 60000],
  ["h", 3600000],
  ["d", 86400000],
]);
/**
 * A time that a parameter gives, in ms since 1970; undefined: none does. An
 * entity tag, which is quoted, is none.
 *
 * @param now in ms since 1970
 * @throws {Refusal} when it is malformed
 */

export function timeParam(
  params: URLSearchParams,
  now = Date.now(),
): number | undefined {
  const text = params.getAll("since").find((one) => !/^(W\/)?"/.test(one));
  if (text === undefined || text === "") return undefined;
  const time = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : /^(\d+[smhd])+$/.test(text)
    ? now - duration(text)
    : rfc3339(text);
  if (Number.isFinite(time)) return time;
  throw badRequest(
    "since must be a time in RFC 3339, seconds since 1970, or a duration such as 5m",
  );
}
/** In ms. @param text like `1h30m` */

export function duration(text: string): number {
  return [...text.matchAll(/(\d+)(.)/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (UNITS.get(unit) ?? 0),
    0,
  );
}
/** NaN when it is none. */
export function rfc3339(text: string): number {
  // In a URL a plus that is not escaped is a space.
  const time = text.replace(/ (?=\d\d:\d\d$)/, "+");
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(
      time,
    )
    ? Date.parse(time)
    : NaN;
}
