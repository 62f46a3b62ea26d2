import { isObject, parse } from "../../json.ts";
import type { Entry } from "../store.ts";

/**
 * The file format of a saved state. Numbers are little-endian.
 *
 *     8 bytes  "lainlet\n"
 *     u32      version of the format
 *     records, each
 *       u32    size of the record, these four bytes included
 *       u8     kind
 *       …      content
 *
 * The first record has the identity of the cluster, as JSON. Each prefix has a
 * record, as JSON, and its entries follow in any order: f64 revision, u32 size
 * of the key, key, value. Notes are what else is saved with the state. The last
 * record has the CRC-32 of everything before it.
 */
export const MAGIC = new TextEncoder().encode("lainlet\n");
export const VERSION = 1;
/** How many bytes are read, and written, at a time. */
export const CHUNK = 1 << 20;
/** Bytes of a record before its content. */
export const RECORD_HEAD = 5;
/** Bytes of an entry before its key. */
export const ENTRY_HEAD = RECORD_HEAD + 12;

export const KIND = {
  identity: 1,
  section: 2,
  entry: 3,
  end: 4,
  note: 5,
} as const;

/** Identifies the cluster of a state. */
export interface Identity {
  /** The name of the kind of store, as in `--store`. */
  readonly kind: string;
  readonly endpoints: readonly string[];
  /** The cluster's id; absent: not known, or it has none. */
  readonly cluster?: string;
}

/** The record of a prefix; those of its entries follow. */
export interface Section {
  readonly prefix: string;
  readonly revision: number;
  /** When this was last known to be everything that the store holds, in ms since 1970. */
  readonly at: number;
}

/** The file is not a complete saved state of this cluster. The message says why. */
export class BadState extends Error {
  override readonly name = "BadState";
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Encodes the content of a record of JSON. */
export function encodeJson(value: Identity | Section): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** Decodes an identity. @throws {BadState} when it is not one */
export function decodeIdentity(content: Uint8Array): Identity {
  const { kind, endpoints, cluster } = decodeJson(content);
  if (
    typeof kind !== "string" || !Array.isArray(endpoints) ||
    cluster !== undefined && typeof cluster !== "string"
  ) throw damaged();
  return { kind, endpoints: endpoints.map(String), cluster };
}

/** Decodes a section. @throws {BadState} when it is not one */
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
    // It is not JSON, or nested too deep.
  }
  throw damaged();
}

/** Decodes the record of an entry. @throws {BadState} when it is not one */
export function decodeEntry(record: Uint8Array): Entry {
  if (record.length < ENTRY_HEAD) throw damaged();
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  const end = ENTRY_HEAD + view.getUint32(RECORD_HEAD + 8, true);
  if (end > record.length) throw damaged();
  return {
    key: utf8.decode(record.subarray(ENTRY_HEAD, end)),
    value: record.subarray(end),
    revision: view.getFloat64(RECORD_HEAD, true),
  };
}

export function damaged(): BadState {
  return new BadState("it is damaged");
}

/**
 * Checks that a state is of the expected cluster: the same kind of store, an
 * endpoint that both have, and the same id where both are known.
 *
 * @throws {BadState} that says which cluster it is of
 */
export function checkIdentity(found: Identity, expected: Identity): void {
  const { kind, endpoints, cluster } = found;
  const isShared = endpoints.some((one) => expected.endpoints.includes(one));
  if (kind !== expected.kind || !isShared) {
    throw new BadState(`it is of ${kind} at ${endpoints.join()}`);
  }
  if (isOtherCluster(cluster, expected.cluster)) {
    throw new BadState("it is of another cluster at the same endpoints");
  }
}

/** Whether two ids of clusters differ, where both are known. */
export function isOtherCluster(a?: string, b?: string): boolean {
  return a !== undefined && b !== undefined && a !== b;
}
