/**
 * An entry of the history, and what sentences of it are made of.
 *
 * @module
 */
import type { Link } from "./place.ts";
import { shortVersion } from "./format.ts";

/** Something that changed in the cluster, as `/v2/changes` tells. */
export interface HistoryEntry {
  /** RFC 3339 */
  readonly time: string;
  readonly revision: number;
  readonly kind: "config" | "depends" | "group" | "node";
  /** `shop/shop.web.web` */
  readonly name: string;
  readonly app?: string;
  readonly change: "added" | "changed" | "removed";
  readonly diff: readonly FieldChange[];
}

/** What differs at a place in a value; the whole is at `[]`. */
export interface FieldChange {
  readonly path: readonly (string | number)[];
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Text in parts; a part may lead somewhere, or have more to it. */
export type RichText = readonly (
  | string
  | Partial<Link> & {
    readonly text: string;
    /** The whole of a text that is shortened. */
    readonly whole?: string;
  }
)[];

export function nodeLink(name: string): RichText[number] {
  return { text: name, path: ["node", name] };
}

/** A version, shortened. */
export function shortened(whole: string): RichText[number] {
  return { text: shortVersion(whole), whole };
}

/** How long a value may be in a sentence. */
const LONG = 60;

/** A value from the store as a sentence has it. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text;
}
