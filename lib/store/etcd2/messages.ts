import { isObject, parse } from "../../json.ts";

/** A key or a directory, as etcd names and numbers it. */
export interface Node {
  /** `/lain/config/domain`; "" for the root. */
  readonly key: string;
  readonly isDirectory: boolean;
  /** "" for a directory. */
  readonly value: string;
  /** The index that wrote it, or that removed it. */
  readonly index: number;
}

/** One thing that happened. */
export interface Event {
  /** Whether the node is gone, and with a directory all that was in it. */
  readonly isRemoval: boolean;
  readonly node: Node;
}

/** Where etcd's history stood when it answered. */
export interface Head {
  readonly clusterId: string;
  /** Counts what was written, removed or expired: a revision. */
  readonly index: number;
  /** Counts what the members agreed on, quorum reads too; absent where there is no such key. */
  readonly raftIndex?: number;
  /** Counts elections; absent where there is no such key. */
  readonly raftTerm?: number;
}

/** What etcd says when it cannot do what it was asked for. */
export interface Complaint {
  /** etcd's own, see https://etcd.io/docs/v2.3/errorcode/; absent where it is none of these. */
  readonly code?: number;
  readonly message: string;
}

const PUTS = new Set(["set", "create", "update", "compareAndSwap"]);
const REMOVALS = new Set(["delete", "expire", "compareAndDelete"]);

/**
 * What a JSON object says of a node.
 *
 * @throws {Error} when it is none of etcd's
 */
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
  throw new Error("etcd's answer holds something else than keys");
}

/**
 * What a poll was answered with.
 *
 * @throws {Error} when it is no event
 */
export function eventOf(text: string): Event {
  const json = parsed(text);
  const action = isObject(json) ? json.action : undefined;
  if (isObject(json) && typeof action === "string") {
    const isRemoval = REMOVALS.has(action);
    if (isRemoval || PUTS.has(action)) {
      return { isRemoval, node: nodeOf(json.node) };
    }
  }
  throw new Error("etcd's answer is no event");
}

/**
 * Where history stood, as the headers of an answer say.
 *
 * @throws {Error} when they do not
 */
export function headOf(headers: Headers): Head {
  const number = (name: string) => {
    const text = headers.get(name) ?? "";
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  };
  const index = number("X-Etcd-Index");
  const raftIndex = number("X-Raft-Index");
  const raftTerm = number("X-Raft-Term");
  if (index === undefined) {
    throw new Error("the answer is not from etcd's v2 key space");
  }
  return {
    clusterId: headers.get("X-Etcd-Cluster-Id") ?? "",
    index,
    ...raftIndex === undefined || raftTerm === undefined
      ? {}
      : { raftIndex, raftTerm },
  };
}

/** Why an answer is not what was asked for. */
export function complaintOf(status: number, text: string): Complaint {
  const json = parsed(text);
  const { errorCode, message } = isObject(json) ? json : {};
  return {
    code: typeof errorCode === "number" ? errorCode : undefined,
    message: typeof message === "string"
      ? message.slice(0, 200)
      : `it answers with HTTP ${status}`,
  };
}

/** etcd's version, of its answer to `/version`. @throws {Error} when there is none */
export function versionOf(text: string): string {
  const json = parsed(text);
  const version = isObject(json) ? json.etcdserver : undefined;
  if (typeof version === "string") return version;
  throw new Error("the answer is not etcd's version");
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const OPEN = 0x7b;
export const CLOSE = 0x7d;
/**
 * The most that is read of one key, or of one event, in bytes: etcd takes
 * values of 10 MB at the most, and JSON may need six characters for each.
 */

export const MAX_LEAF = 64 * 1024 * 1024;
/**
 * Reads the keys out of the answer to a recursive GET, as it comes: v2 has no
 * pages, and the answer of a large subtree, its text and what a parser makes
 * of that would be in memory three times. A key is an object that holds no
 * other one, so it is found by counting braces.
 */

export class Leaves {
  readonly #decoder = new TextDecoder();
  /** Parts, in earlier pieces, of the object that was opened last. */
  #begun: Uint8Array[] = [];
  #size = 0;
  #depth = 0;
  #isLeaf = false;
  #isInString = false;
  #isEscaped = false;
  #isOver = false;

  /**
   * The keys that are whole with this piece of the answer.
   *
   * @throws {Error} when it is not what etcd says
   */
  *push(piece: Uint8Array): Generator<Node> {
    let from = 0;
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i];
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
      } else if (byte === QUOTE) {
        this.#isInString = true;
      } else if (byte === OPEN) {
        if (this.#isOver) {
          throw new Error("etcd's answer goes on after its end");
        }
        this.#depth++;
        this.#isLeaf = true;
        this.#begin();
        from = i;
      } else if (byte === CLOSE) {
        if (this.#isLeaf) {
          const node = this.#end(piece.subarray(from, i + 1));
          if (!node.isDirectory) yield node;
        }
        this.#isLeaf = false;
        this.#isOver = --this.#depth <= 0;
      }
    }
    if (!this.#isLeaf) return;
    this.#size += piece.length - from;
    if (this.#size > MAX_LEAF) throw new Error("etcd's answer is too long");
    this.#begun.push(piece.slice(from));
  }

  /** @throws {Error} when the answer is not whole */
  close(): void {
    if (!this.#isOver) throw new Error("etcd's answer is cut off");
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

/** When a key was written, and what. */
export interface Sum {
  readonly revision: number;
  /** See {@linkcode sumOf}. */
  readonly sum: number;
}
/** A number by which two values are told from each other: their length, and FNV-1a. */
export function sumOf(value: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of value) hash = Math.imul(hash ^ byte, 0x01000193);
  return value.length * 2 ** 32 + (hash >>> 0);
}
