/**
 * Numbers, times and versions in words.
 *
 * @module
 */
import type { Reservation } from "./nodes.ts";

/** To make one takes long, so there is one. */
const NUMBERS = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** What a node has, in what that is counted, and what this is called. */
export const UNITS = { CPU: [1, ""], memory: [2 ** 30, " GB"] } as const;

/** `45 of 48`, `151 of 8 GB`; GB as the scheduler has it, of 2³⁰ bytes. */
export function reservedText(
  { capacity, limits }: Reservation,
  of: keyof typeof UNITS,
): string {
  const [unit, name] = UNITS[of];
  const count = (value: number) => NUMBERS.format(value / unit);
  return capacity === undefined
    ? `${count(limits)}${name}`
    : `${count(limits)} of ${count(capacity)}${name}`;
}

/** `1 pod`, `2 pods`; what is many may be given: `1 pod is`, `2 pods are`. */
export function plural(
  count: number,
  one: string,
  many = `${one}s`,
): string {
  return `${NUMBERS.format(count)} ${count === 1 ? one : many}`;
}

/** A version as one can tell it: of a commit's name the beginning. */
export function shortVersion(version: string): string {
  return version.replace(/[0-9a-f]{12,}/g, (hash) => hash.slice(0, 7));
}

/** How long ago, in one unit: `now`, `40 s`, `5 min`, `3 h`, `12 d`. @param ms how long */
export function ago(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 1) return "now";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}
