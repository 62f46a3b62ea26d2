import { Buffer } from "node:buffer";
import { isSecret } from "../access/rights.ts";
import { array, isRawNumber, type Member, object, parse } from "../json.ts";
import type { Change } from "../watcher/watcher.ts";
import { differences } from "./difference.ts";
import type { OverviewKind } from "./kinds.ts";

/** The memory that a record takes beside its text, in bytes. */
const OVERHEAD = 512;

/** Limit for a text that is compared and recorded, in UTF-16 units. Of a longer one only the length is recorded. */
const MAX_TEXT_LENGTH = 64 * 1024;

/** The most that a UTF-16 unit (`\u0000`) or a number takes in JSON text. */
const MAX_ESCAPED_LENGTH = 6;
const MAX_NUMBER_LENGTH = 25;

/** Replaces a secret value. */
const SECRET = JSON.stringify("(secret)");

/** Numbers have this many digits in member names, so that they sort as text. */
const NUMBER_DIGITS = 10;

/** A recorded change. */
export interface ChangeRecord {
  readonly number: number;
  /** In ms since 1970. */
  readonly time: number;
  readonly kind: OverviewKind<object>["name"];
  /** The app that the changed value belongs to; "" when it belongs to none. */
  readonly app: string;
  /** Named by the number; the value describes the change. */
  readonly member: Member;
  /** The memory that the record takes, in bytes. */
  readonly size: number;
}

/** When changes happened. */
export interface Moment {
  /** In ms since 1970. */
  readonly time: number;
  /** Of the store. */
  readonly revision: number;
  /** The earliest time of the changes, where only their result is known: they were found by comparing two states. In ms since 1970. */
  readonly earliest?: number;
}

/** Makes the record of a change; undefined when only the notation differs. */
export function changeRecord<T extends object>(
  kind: OverviewKind<T>,
  { key, value, previous }: Change<T>,
  number: number,
  { time, revision, earliest }: Moment,
): ChangeRecord | undefined {
  const diff = diffJson(kind, { key, value, previous });
  if (diff === undefined) return undefined;
  const known = value ?? previous;
  const app = known && kind.app?.(key, known) || "";
  const appMember = app === "" ? "" : `"app":${JSON.stringify(app)},`;
  const earliestMember = earliest === undefined
    ? ""
    : `,"earliest":"${new Date(earliest).toISOString()}"`;
  const text =
    `{${appMember}"change":"${changeOf(previous, value)}","diff":${diff}` +
    `${earliestMember},"kind":"${kind.name}","name":${JSON.stringify(key)}` +
    `,"revision":${revision},"time":"${new Date(time).toISOString()}"}`;
  return recordOf({ number, time, kind: kind.name, app }, text);
}

/** The record of these parts. @param text describes the change, as JSON */
export function recordOf(
  head: Pick<ChangeRecord, "app" | "kind" | "number" | "time">,
  text: string,
): ChangeRecord {
  const name = String(head.number).padStart(NUMBER_DIGITS, "0");
  return { ...head, member: [name, text], size: sizeOf(text) };
}

function changeOf(before: unknown, after: unknown): string {
  if (before === undefined) return "added";
  return after === undefined ? "removed" : "changed";
}

/** The difference that a change makes, as JSON text; undefined when only the notation differs. */
export function diffJson<T extends object>(
  kind: OverviewKind<T>,
  { key, value, previous }: Change<T>,
): string | undefined {
  const isHidden = kind.name === "config" && isSecret(key);
  if (previous !== undefined && value !== undefined && !isHidden) {
    try {
      const before = jsonOf(kind, previous);
      const after = jsonOf(kind, value);
      if (before !== undefined && after !== undefined) {
        const found = differences(before, after);
        return found.length === 0 ? undefined : JSON.stringify(found);
      }
    } catch (error) {
      // Nested too deep, or too many differences.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  const before = previous && kind.encode(previous);
  const after = value && kind.encode(value);
  if (before === after) return undefined;
  const whole: Member[] = [["path", "[]"]];
  if (before !== undefined) whole.push(["before", redacted(before, isHidden)]);
  if (after !== undefined) whole.push(["after", redacted(after, isHidden)]);
  return array([object(whole)]);
}

/** A JSON text, or what is recorded instead of it. */
function redacted(text: string, isHidden: boolean): string {
  if (isHidden) return SECRET;
  return text.length > MAX_TEXT_LENGTH ? `"(${text.length} characters)"` : text;
}

/**
 * The JSON value of a store's value; undefined when its text is too long. Makes
 * the text only when an upper bound of its length exceeds the limit.
 */
function jsonOf<T extends object>(
  { encode, json }: OverviewKind<T>,
  value: T,
): unknown {
  const direct = json?.(value);
  const maxLength = direct === undefined ? Infinity : maxLengthOf(direct);
  if (maxLength <= MAX_TEXT_LENGTH) return direct;
  const text = encode(value);
  if (text.length > MAX_TEXT_LENGTH) return undefined;
  return maxLength === Infinity ? parse(text) : direct;
}

/**
 * An upper bound of the length of a value's JSON text, in UTF-16 units;
 * Infinity when it contains numbers that its JSON text writes differently.
 */
function maxLengthOf(value: unknown): number {
  if (typeof value === "string") return MAX_ESCAPED_LENGTH * value.length + 2;
  if (typeof value === "number") {
    return Number.isFinite(value) ? MAX_NUMBER_LENGTH : Infinity;
  }
  if (Array.isArray(value)) {
    let length = 2;
    for (const item of value) length += maxLengthOf(item) + 1;
    return length;
  }
  if (typeof value !== "object" || value === null) return 5;
  if (isRawNumber(value)) return Infinity;
  let length = 2;
  for (const [name, member] of Object.entries(value)) {
    length += MAX_ESCAPED_LENGTH * name.length + maxLengthOf(member) + 4;
  }
  return length;
}

/** The memory that a text takes, with the bytes that it is encoded to when a client reads it. */
function sizeOf(text: string): number {
  const bytes = Buffer.byteLength(text);
  return OVERHEAD + bytes + text.length * (bytes === text.length ? 1 : 2);
}
