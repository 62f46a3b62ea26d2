/**
 * The history of changes as notes that are saved with the state: one about the
 * whole history, then one for each record, the oldest first. Each begins with
 * a line of JSON; that of a record is followed by the record's text.
 *
 * @module
 */
import { isObject } from "../json.ts";
import { type ChangeRecord, recordOf } from "./change_record.ts";

/** A time span in which single changes are not known, only their result. In ms since 1970. */
export interface Gap {
  readonly begin: number;
  readonly end: number;
}

/** A history of changes. */
export interface History {
  /** All changes since then are recorded, except in gaps. In ms since 1970. */
  readonly begin: number;
  /** The oldest first. */
  readonly gaps: readonly Gap[];
  /** The oldest first. */
  readonly records: readonly ChangeRecord[];
  /** No record up to this number is to come. */
  readonly count: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Encodes a history, a note at a time. */
export function* encodeHistory(
  { begin, gaps, records, count }: History,
): Generator<Uint8Array> {
  yield encoder.encode(JSON.stringify({ begin, gaps, count }));
  for (const { app, kind, member: [, text], number, time } of records) {
    const head = JSON.stringify({ number, time, kind, app });
    yield encoder.encode(`${head}\n${text}`);
  }
}

/** Decodes a history. @throws {TypeError} when the notes are none */
export function decodeHistory(notes: readonly Uint8Array[]): History {
  const [first, ...rest] = notes.map((note) => decoder.decode(note));
  const { begin, gaps, count } = decodeLine(first);
  if (
    typeof begin !== "number" || typeof count !== "number" ||
    !Array.isArray(gaps)
  ) throw malformed();
  return {
    begin,
    gaps: gaps.map(decodeGap),
    records: rest.map(decodeRecord),
    count,
  };
}

function decodeGap(value: unknown): Gap {
  const { begin, end } = Object(value);
  if (typeof begin === "number" && typeof end === "number") {
    return { begin, end };
  }
  throw malformed();
}

function decodeRecord(note: string): ChangeRecord {
  const end = note.indexOf("\n");
  const { app, kind, number, time } = decodeLine(note.slice(0, end));
  if (
    typeof app === "string" && typeof number === "number" &&
    typeof time === "number" &&
    (kind === "config" || kind === "depends" || kind === "group" ||
      kind === "node")
  ) return recordOf({ app, kind, number, time }, note.slice(end + 1));
  throw malformed();
}

function decodeLine(line = ""): Record<string, unknown> {
  const value = JSON.parse(line);
  if (isObject(value)) return value;
  throw malformed();
}

function malformed(): TypeError {
  return new TypeError("the saved history is malformed");
}
