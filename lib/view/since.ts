import { badRequest } from "../errors.ts";

/** In ms. */
const UNITS = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
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
    ? Number(text) * 1_000
    : /^(\d+[smhd])+$/.test(text)
    ? now - duration(text)
    : rfc3339(text);
  if (Number.isFinite(time)) return time;
  throw badRequest(
    "since must be a time in RFC 3339, seconds since 1970, or a duration such as 5m",
  );
}

/** In ms. @param text like `1h30m` */
function duration(text: string): number {
  return [...text.matchAll(/(\d+)(.)/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (UNITS.get(unit) ?? 0),
    0,
  );
}

/** NaN when it is none. */
function rfc3339(text: string): number {
  // In a URL a plus that is not escaped is a space.
  const time = text.replace(/ (?=\d\d:\d\d$)/, "+");
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(
      time,
    )
    ? Date.parse(time)
    : NaN;
}
