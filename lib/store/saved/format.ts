import { isObject, parse } from "../../json.ts";
import type { Entry } from "../store.ts";

/**
 * The file of a saved state; numbers are little-endian.
 *
 *     8 bytes  "lainlet\n"
 *     u32      version of the format
 *     records, each
 *       u32    size of the record, these four bytes included
 *       u8     kind
 *       …      content
 *
 * The first record says whose state it is, as JSON. Each prefix has a record
 * of its own, as JSON, and its entries follow in any order: f64 revision, u32
 * size of the key, key, value. The last record has the CRC-32 of all that is
 * before it.
 */
export const MAGIC = new TextEncoder().encode("lainlet\n");
export const VERSION = 1;
/** How much is read, and written, at a time, in bytes. */
export const PIECE = 1 << 20;
/** Of a record, before its content. */
export const HEAD = 5;
/** Of an entry, before its key. */
export const ENTRY_HEAD = HEAD + 12;

export const KIND = { identity: 1, section: 2, entry: 3, end: 4 } as const;

/** Which cluster a state is of. */
export interface Identity {
  /** What `--store` calls the kind of store. */
  readonly kind: string;
  readonly endpoints: readonly string[];
  /** The cluster's own id; absent: not known, or it has none. */
  readonly cluster?: string;
}

/** A prefix, as it was saved. */
export interface Section {
  readonly prefix: string;
  readonly revision: number;
  /** When this was last known to be all that the store holds, in ms since 1970. */
  readonly at: number;
}

/** A file that is not, or not wholly, a saved state of this cluster; says why. */
export class BadState extends Error {
  override readonly name = "BadState";
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The content of a record of JSON. */
export function encodeJson(value: Identity | Section): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** @throws {BadState} when it is none */
export function decodeIdentity(content: Uint8Array): Identity {
  const { kind, endpoints, cluster } = decodeJson(content);
  if (
    typeof kind !== "string" || !Array.isArray(endpoints) ||
    cluster !== undefined && typeof cluster !== "string"
  ) throw damaged();
  return { kind, endpoints: endpoints.map(String), cluster };
}

/** @throws {BadState} when it is none */
export function decodeSection(content: Uint8Array): Section {
  const { prefix, revision, at } = decodeJson(content);
  if (
    typeof prefix !== "string" || typeof revision !== "number" ||
    typeof at !== "number"
  ) throw damaged();
  return { prefix, revision, at };
}

function decodeJson(content: Uint8Array): Record<string, unknown> {
  try {
    const json = parse(utf8.decode(content));
    if (isObject(json)) return json;
  } catch {
    // It is not JSON, or too deep.
  }
  throw damaged();
}

/** An entry's record. @throws {BadState} when it is none */
export function decodeEntry(record: Uint8Array): Entry {
  if (record.length < ENTRY_HEAD) throw damaged();
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  const end = ENTRY_HEAD + view.getUint32(HEAD + 8, true);
  if (end > record.length) throw damaged();
  return {
    key: utf8.decode(record.subarray(ENTRY_HEAD, end)),
    value: record.subarray(end),
    revision: view.getFloat64(HEAD, true),
  };
}

export function damaged(): BadState {
  return new BadState("it is damaged");
}

/**
 * Checks that a state is of a cluster: of the same kind of store, with an
 * endpoint that both have, and with the same id where both are known.
 *
 * @throws {BadState} that says of which cluster it is
 */
export function checkIdentity(found: Identity, expected: Identity): void {
  const { kind, endpoints, cluster } = found;
  const isThere = endpoints.some((one) => expected.endpoints.includes(one));
  if (kind !== expected.kind || !isThere) {
    throw new BadState(`it is of ${kind} at ${endpoints.join()}`);
  }
  if (isOther(cluster, expected.cluster)) {
    throw new BadState("it is of another cluster at the same endpoints");
  }
}

/** Whether the ids of two clusters differ, where both are known. */
export function isOther(one?: string, other?: string): boolean {
  return one !== undefined && other !== undefined && one !== other;
}
