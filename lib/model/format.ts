/**
 * Numbers, times, versions and names as text, and the order of names.
 *
 * @module
 */

/** Shared, and made when it is needed: creating one takes 14 ms. */
let numbers: Intl.NumberFormat | undefined;

/** A number with at most one decimal: `2,700`, `1.5`. */
export function number(value: number): string {
  numbers ??= new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  return numbers.format(value);
}

/** `1 pod`, `2 pods`; another plural may be given: `1 pod is`, `2 pods are`. */
export function plural(
  count: number,
  one: string,
  many = `${one}s`,
): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** Three digits of a measurement: `0.12`, `3.4`, `1240`. */
export function measured(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(+value.toFixed(2));
}

/** @param share of 1 */
export function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}

/** `32 MiB` */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.floor(Math.log2(Math.max(1, value)) / 10);
  const index = Math.min(units.length - 1, power);
  return `${measured(value / 1024 ** index)} ${units[index]}`;
}

/** A node's resources, and in which unit they are counted; GB of 2³⁰ bytes, as the scheduler has them. */
export const RESOURCES = {
  CPU: { size: 1, unit: "" },
  memory: { size: 2 ** 30, unit: " GB" },
} as const;

export type Resource = keyof typeof RESOURCES;

/** What the limits of containers reserve of a node's capacity, where that is known. */
export interface Reservation {
  readonly limits: number;
  /** How many containers have no limit; absent: none. */
  readonly unlimited?: number;
  readonly capacity?: number;
}

/** `45 of 48`, `151 of 8 GB` */
export function reservedText(
  { capacity, limits }: Reservation,
  resource: Resource,
): string {
  const { size, unit } = RESOURCES[resource];
  const reserved = number(limits / size);
  return capacity === undefined
    ? `${reserved}${unit}`
    : `${reserved} of ${number(capacity / size)}${unit}`;
}

/** `50 without a limit`; "" when each container has one. */
export function unlimitedText({ unlimited = 0 }: Reservation): string {
  return unlimited === 0 ? "" : `${number(unlimited)} without a limit`;
}

/** A time span in one unit: `340 ms`, `40 s`, `5 min`, `1.5 h`, `12 d`. @param ms its length */
export function duration(ms: number): string {
  if (ms < 1000) return `${measured(Math.max(0, ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = minutes / 60;
  if (hours < 36) return `${number(hours < 10 ? hours : Math.round(hours))} h`;
  return `${Math.round(hours / 24)} d`;
}

/** The time since then, at least `1 s`. @param time in ms since 1970 */
export function span(time: number, now: number): string {
  return duration(Math.max(1000, now - time));
}

/** The age of a time: `now`, `40 s`, `5 min`. @param time in ms since 1970 */
export function age(time: number, now = Date.now()): string {
  return now - time < 1000 ? "now" : duration(now - time);
}

/** The age of a time in a sentence: `now`, `40 s ago`. @param time in ms since 1970 */
export function ago(time: number, now = Date.now()): string {
  const text = age(time, now);
  return text === "now" ? text : `${text} ago`;
}

/** A time of day, `18:05:33`. */
export function clock(time: Date): string {
  return time.toTimeString().slice(0, 8);
}

/** A day and a time, `2026-11-24 18:05:33`. */
export function timestamp(time: Date): string {
  // Sweden writes times as ISO 8601 does.
  return time.toLocaleString("sv");
}

/** The time zone that times are written in: `UTC`, `Europe/Berlin`. */
export function timeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A time of day, with the day when that is not today. */
export function clockOrTimestamp(time: Date, now = new Date()): string {
  return time.toDateString() === now.toDateString()
    ? clock(time)
    : timestamp(time);
}

/** An address with its port, where it has one. */
export function addressText(ip: string, port = 0): string {
  return ip === "" || port === 0 ? ip : `${ip}:${port}`;
}

/** Characters that no shell interprets. */
const PLAIN_WORD = /^[\w%+,./:@][\w%+,./:=@-]*$/;

/** A command line of words: each arrives as it is, whatever it holds. */
export function shellCommand(words: readonly string[]): string {
  return words.map((word) =>
    PLAIN_WORD.test(word) || /^--?[\w-]+$/.test(word)
      ? word
      : `'${word.replaceAll("'", `'\\''`)}'`
  ).join(" ");
}

/** A pod's name, as the API and the command line write it. */
export function podName(
  { group, instance }: { readonly group: string; readonly instance: number },
): string {
  return `${group}/${instance}`;
}

/** A version with its hashes cut to seven characters, as Git shows them. */
export function shortVersion(version: string): string {
  return version.replace(/[0-9a-f]{12,}/g, (hash) => hash.slice(0, 7));
}

/**
 * A key that sorts text by the numbers in it: node2 before node10, 172.20.9.1
 * before 172.20.10.1. Each number is preceded by its length.
 */
export function naturalKey(text: string): string {
  return text.replace(
    /\d+/g,
    (digits) => String.fromCharCode(0x30 + digits.length) + digits,
  );
}

/** Sorts by texts, and by the numbers in them. */
export function sortNaturally<T>(
  items: Iterable<T>,
  textOf: (item: T) => string,
): T[] {
  return Array.from(items, (item) => [naturalKey(textOf(item)), item] as const)
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([, item]) => item);
}
