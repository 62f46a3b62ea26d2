import { Buffer } from "node:buffer";
import { isSecret } from "../access/rights.ts";
import { array, isRawNumber, type Member, object, parse } from "../json.ts";
import type { Change } from "../watcher/watcher.ts";
import { differences } from "./difference.ts";
import type { OverviewKind } from "./kinds.ts";

/** What an entry takes beside its text, in bytes. */
const OVERHEAD = 512;

/** A text that is longer is neither compared nor kept, in UTF-16 units: only how long it is. */
const LONGEST = 64 * 1024;

/** What a unit takes at most in a JSON text (`\u0000`), and a number. */
const ESCAPED = 6;
const NUMBER = 25;

/** What stands in the place of a secret. */
const SECRET = JSON.stringify("(secret)");

/** How many digits numbers have, so that they sort as text. */
const DIGITS = 10;

/** A change that is remembered. */
export interface ChangeRecord {
  readonly number: number;
  /** In ms since 1970. */
  readonly time: number;
  readonly kind: OverviewKind<object>["name"];
  /** The app whose it is, "" when it is none's. */
  readonly app: string;
  /** By its number: what it was, as JSON text. */
  readonly member: Member;
  /** What it takes, in bytes. */
  readonly size: number;
}

/** Of several changes at once: when they were, and the store's revision then. */
export interface Moment {
  /** In ms since 1970. */
  readonly time: number;
  readonly revision: number;
}

/** What is remembered of a change; undefined: nothing differs but how it is written. */
export function changeRecord<T extends object>(
  kind: OverviewKind<T>,
  { key, value, previous }: Change<T>,
  number: number,
  { time, revision }: Moment,
): ChangeRecord | undefined {
  const diff = diffJson(kind, { key, value, previous });
  if (diff === undefined) return undefined;
  const known = value ?? previous;
  const app = known && kind.app?.(key, known) || "";
  const owner = app === "" ? "" : `"app":${JSON.stringify(app)},`;
  const text =
    `{${owner}"change":"${changeOf(previous, value)}","diff":${diff}` +
    `,"kind":"${kind.name}","name":${JSON.stringify(key)}` +
    `,"revision":${revision},"time":"${new Date(time).toISOString()}"}`;
  const id = String(number).padStart(DIGITS, "0");
  return {
    number,
    time,
    kind: kind.name,
    app,
    member: [id, text],
    size: sizeOf(text),
  };
}

function changeOf(before: unknown, after: unknown): string {
  if (before === undefined) return "added";
  return after === undefined ? "removed" : "changed";
}

/** What a change made different, as JSON text; undefined: no more than how it is written. */
export function diffJson<T extends object>(
  kind: OverviewKind<T>,
  { key, value, previous }: Change<T>,
): string | undefined {
  const isHidden = kind.name === "config" && isSecret(key);
  if (previous !== undefined && value !== undefined && !isHidden) {
    try {
      const before = parsed(kind, previous);
      const after = parsed(kind, value);
      if (before !== undefined && after !== undefined) {
        const found = differences(before, after);
        return found.length === 0 ? undefined : JSON.stringify(found);
      }
    } catch (error) {
      // Too much to look at, or to tell.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  const before = previous && kind.encode(previous);
  const after = value && kind.encode(value);
  if (before === after) return undefined;
  const whole: Member[] = [["path", "[]"]];
  if (before !== undefined) whole.push(["before", told(before, isHidden)]);
  if (after !== undefined) whole.push(["after", told(after, isHidden)]);
  return array([object(whole)]);
}

/** A text, or what may be told of it. */
function told(text: string, isHidden: boolean): string {
  if (isHidden) return SECRET;
  return text.length > LONGEST ? `"(${text.length} characters)"` : text;
}

/**
 * What a value's text is when it is parsed; undefined: it is too long. It is
 * not even written where that can be known without.
 */
function parsed<T extends object>(
  { encode, json }: OverviewKind<T>,
  value: T,
): unknown {
  const made = json?.(value);
  const most = made === undefined ? Infinity : longestOf(made);
  if (most <= LONGEST) return made;
  const text = encode(value);
  if (text.length > LONGEST) return undefined;
  return most === Infinity ? parse(text) : made;
}

/**
 * How long the JSON text of a value is at most, in UTF-16 units; Infinity when
 * it has numbers that may be others in there.
 */
function longestOf(value: unknown): number {
  if (typeof value === "string") return ESCAPED * value.length + 2;
  if (typeof value === "number") {
    return Number.isFinite(value) ? NUMBER : Infinity;
  }
  if (Array.isArray(value)) {
    let length = 2;
    for (const item of value) length += longestOf(item) + 1;
    return length;
  }
  if (typeof value !== "object" || value === null) return 5;
  if (isRawNumber(value)) return Infinity;
  let length = 2;
  for (const [name, member] of Object.entries(value)) {
    length += ESCAPED * name.length + longestOf(member) + 4;
  }
  return length;
}

/** What a text takes, with its bytes, which are made when somebody reads it. */
function sizeOf(text: string): number {
  const bytes = Buffer.byteLength(text);
  return OVERHEAD + bytes + text.length * (bytes === text.length ? 1 : 2);
}
