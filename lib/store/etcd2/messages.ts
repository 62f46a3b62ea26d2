/**
 * The JSON and the headers of etcd's v2 API.
 *
 * @see https://etcd.io/docs/v2.3/api/
 * @module
 */
import { isObject, parse } from "../../json.ts";
import type { ResponseHeader } from "../connection.ts";

/** A key or a directory. */
export interface Node {
  /** `/lain/config/domain`; "" for the root. */
  readonly key: string;
  readonly isDirectory: boolean;
  /** "" for a directory. */
  readonly value: string;
  /** `modifiedIndex`: the index that wrote or removed it. */
  readonly index: number;
}

/** The event that answers a poll. */
export interface Event {
  /** Whether the node was removed, a directory with all that was in it. */
  readonly isRemoval: boolean;
  readonly node: Node;
}

/** An error of etcd. */
export interface EtcdError {
  /** See https://etcd.io/docs/v2.3/errorcode/; absent: not an error of etcd's. */
  readonly code?: number;
  readonly message: string;
}

/** Identifies the value of a key, without containing it. */
export interface KeyVersion {
  readonly revision: number;
  /** See {@linkcode checksum}. */
  readonly checksum: number;
}

/** Returns a checksum of a value: its length, and FNV-1a. */
export function checksum(value: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of value) hash = Math.imul(hash ^ byte, 0x01000193);
  return value.length * 2 ** 32 + (hash >>> 0);
}

const PUTS = new Set(["set", "create", "update", "compareAndSwap"]);
const REMOVALS = new Set(["delete", "expire", "compareAndDelete"]);

/** Reads a node. @throws {Error} when the JSON is not one */
export function nodeOf(json: unknown): Node {
  if (isObject(json)) {
    const { key = "", dir = false, value = "", modifiedIndex = 0 } = json;
    if (
      typeof key === "string" && typeof value === "string" &&
      typeof modifiedIndex === "number" && Number.isSafeInteger(modifiedIndex)
    ) {
      const isDirectory = dir === true;
      if (isDirectory || key !== "" && modifiedIndex > 0) {
        return { key, isDirectory, value, index: modifiedIndex };
      }
    }
  }
  throw new Error("etcd's response holds something else than keys");
}

/** Reads the response to a poll. @throws {Error} when it is not an event */
export function eventOf(text: string): Event {
  const json = tryParse(text);
  const action = isObject(json) ? json.action : undefined;
  if (isObject(json) && typeof action === "string") {
    const isRemoval = REMOVALS.has(action);
    if (isRemoval || PUTS.has(action)) {
      return { isRemoval, node: nodeOf(json.node) };
    }
  }
  throw new Error("etcd's response is no event");
}

/** Reads the header of a response from its HTTP headers. @throws {Error} when they are not etcd's */
export function headerOf(headers: Headers): ResponseHeader {
  const number = (name: string) => {
    const text = headers.get(name) ?? "";
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  };
  const revision = number("X-Etcd-Index");
  const raftIndex = number("X-Raft-Index");
  const raftTerm = number("X-Raft-Term");
  if (revision === undefined) {
    throw new Error("the response is not from etcd's v2 key space");
  }
  return {
    clusterId: headers.get("X-Etcd-Cluster-Id") ?? "",
    revision,
    ...raftIndex === undefined || raftTerm === undefined
      ? {}
      : { raftIndex, raftTerm },
  };
}

/** Reads a response that is an error. */
export function errorOf(status: number, text: string): EtcdError {
  const json = tryParse(text);
  const { errorCode, message } = isObject(json) ? json : {};
  return {
    code: typeof errorCode === "number" ? errorCode : undefined,
    message: typeof message === "string"
      ? message.slice(0, 200)
      : `it responds with HTTP ${status}`,
  };
}

/** Reads the response to `/version`, `2.3.7`. @throws {Error} when it has no version */
export function versionOf(text: string): string {
  const json = tryParse(text);
  const version = isObject(json) ? json.etcdserver : undefined;
  if (typeof version === "string") return version;
  throw new Error("the response is not etcd's version");
}

function tryParse(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * Limit for one key or one event, in bytes: etcd takes values of up to 10 MB,
 * and JSON may need six characters for each byte.
 */
export const MAX_NODE = 64 * 1024 * 1024;

/**
 * Parses the keys out of the response to a recursive GET while it arrives. v2
 * has no pages: parsed whole, a large subtree would be in memory three times,
 * as the response, its text and its JSON. A key is an object that holds no
 * other object, so counting braces finds it.
 */
export class NodeParser {
  readonly #decoder = new TextDecoder();
  /** Parts, in earlier chunks, of the object that was opened last. */
  #begun: Uint8Array[] = [];
  #size = 0;
  #depth = 0;
  #isLeaf = false;
  #isInString = false;
  #isEscaped = false;
  #isOver = false;

  /**
   * Returns the keys that are complete with this chunk.
   *
   * @throws {Error} when the response is not etcd's
   */
  *push(chunk: Uint8Array): Generator<Node> {
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
      } else if (byte === QUOTE) {
        this.#isInString = true;
      } else if (byte === OPEN) {
        if (this.#isOver) {
          throw new Error("etcd's response goes on after its end");
        }
        this.#depth++;
        this.#isLeaf = true;
        this.#begin();
        from = i;
      } else if (byte === CLOSE) {
        if (this.#isLeaf) {
          const node = this.#end(chunk.subarray(from, i + 1));
          if (!node.isDirectory) yield node;
        }
        this.#isLeaf = false;
        this.#isOver = --this.#depth <= 0;
      }
    }
    if (!this.#isLeaf) return;
    this.#size += chunk.length - from;
    if (this.#size > MAX_NODE) throw new Error("etcd's response is too long");
    this.#begun.push(chunk.slice(from));
  }

  /** @throws {Error} when the response is not complete */
  close(): void {
    if (!this.#isOver) throw new Error("etcd's response is cut off");
  }

  #begin(): void {
    this.#begun = [];
    this.#size = 0;
  }

  #end(rest: Uint8Array): Node {
    const stream = true;
    const parts = this.#begun.map((part) =>
      this.#decoder.decode(part, { stream })
    );
    const text = parts.join("") + this.#decoder.decode(rest);
    this.#begin();
    return nodeOf(parse(text));
  }
}
