import { badRequest } from "../errors.ts";

/** The values of a switch such as `watch`, in any case: deployed clients write booleans as their languages do. */
export const SWITCH_VALUES = {
  on: ["1", "true", "yes", "on"],
  off: ["", "0", "false", "no", "off"],
};

/** The parameters of all watches, besides those of the view. */
export const STREAM_PARAMS = [
  "watch",
  "patch",
  "heartbeat",
  "tag",
  "since",
  "client",
];

/** The parameters of all GETs, besides those of the view. */
export const READ_PARAMS = ["fresh", "revision"];

/** Whether `watch` is on. @throws {Refusal} when it is malformed */
export function isWatch(params: URLSearchParams): boolean {
  return isOn(params, "watch");
}

/** Whether `tag` is on: a watch then sends entity tags. @throws {Refusal} when it is malformed */
export function isTagged(params: URLSearchParams): boolean {
  return isOn(params, "tag");
}

/** Whether `fresh` is on: a GET then waits for a freshness check. @throws {Refusal} when it is malformed */
export function isFresh(params: URLSearchParams): boolean {
  return isOn(params, "fresh");
}

function isOn(params: URLSearchParams, name: string): boolean {
  const text = (params.get(name) ?? "").toLowerCase();
  if (SWITCH_VALUES.on.includes(text)) return true;
  if (SWITCH_VALUES.off.includes(text)) return false;
  throw badRequest(`${name} must be 1, true, yes, on, 0, false, no or off`);
}

/** An entity tag as clients send it back: also that of the gzip encoding, or one that a proxy has weakened. */
const ETAG = /^(?:W\/)?"([^"]*?)(?:-gzip)?"$/;

/**
 * Removes the entity tag of the client's state, `since`, from the parameters,
 * and returns it. A view may have its own parameter of this name.
 *
 * @param names the names of the view's own parameters
 * @throws {Refusal} when `since` is neither an entity tag nor the view's own
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

/** The revision that a GET waits for; 0: none. @throws {Refusal} when it is malformed */
export function revisionParam(params: URLSearchParams): number {
  const text = params.get("revision") ?? "";
  const revision = Number(text);
  if (/^\d*$/.test(text) && Number.isSafeInteger(revision)) return revision;
  throw badRequest("revision must be a whole number");
}

/** Whether a watch sends patches. @throws {Refusal} when `patch` is malformed */
export function isPatch(params: URLSearchParams): boolean {
  const kind = params.get("patch") ?? "";
  if (kind !== "" && kind !== "merge") throw badRequest("patch must be merge");
  return kind === "merge";
}

/** The seconds between heartbeats; 0: none; undefined: malformed. */
export function heartbeatParam(params: URLSearchParams): number | undefined {
  const text = params.get("heartbeat") ?? "";
  if (text === "") return 0;
  // Timers count milliseconds in 31 bits: no interval is longer than that.
  return /^\d+$/.test(text) ? Math.min(Number(text), 2_000_000) : undefined;
}

/** Units of durations, in ms. */
const UNITS = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/**
 * The time of a view's own `since`, in ms since 1970; undefined: not given. An
 * entity tag, which is quoted, is not a time.
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
    ? Number(text) * 1_000
    : /^(\d+[smhd])+$/.test(text)
    ? now - duration(text)
    : rfc3339(text);
  if (Number.isFinite(time)) return time;
  throw badRequest(
    "since must be a time in RFC 3339, seconds since 1970, or a duration such as 5m",
  );
}

/** A duration such as `1h30m`, in ms. */
function duration(text: string): number {
  return [...text.matchAll(/(\d+)(.)/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (UNITS.get(unit) ?? 0),
    0,
  );
}

/** A time in RFC 3339, in ms since 1970; NaN when malformed. */
function rfc3339(text: string): number {
  // An unescaped plus in a URL is a space.
  const time = text.replace(/ (?=\d\d:\d\d$)/, "+");
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(
      time,
    )
    ? Date.parse(time)
    : NaN;
}
