/**
 * What ZooKeeper's messages are made of: big-endian numbers, and bytes, texts
 * and lists that begin with their length (jute, in
 * `zookeeper-jute/src/main/resources/zookeeper.jute` of its sources).
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Reads a message, one field after the other; each throws when it is not there. */
export class Reader {
  readonly #view: DataView;
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(
      bytes.buffer,
      bytes.byteOffset,
      bytes.byteLength,
    );
  }

  /** A signed number of 32 bits. */
  int(): number {
    return this.#view.getInt32(this.#step(4));
  }

  /**
   * A signed number of 64 bits. A zxid is exact up to epoch 2^21 (its upper
   * half counts elections), a time is in any case.
   */
  long(): number {
    const at = this.#step(8);
    return this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
  }

  /** Bytes, which are the caller's; none is empty. */
  copy(): Uint8Array {
    return this.#piece().slice();
  }

  text(): string {
    return decoder.decode(this.#piece());
  }

  texts(): string[] {
    const count = this.int();
    // Each has its length: a count without them is not believed.
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.text());
    return texts;
  }

  skip(bytes: number): void {
    this.#step(bytes);
  }

  #piece(): Uint8Array {
    const length = Math.max(0, this.int());
    const at = this.#step(length);
    return this.bytes.subarray(at, at + length);
  }

  #step(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.bytes.length) {
      throw new Error("ZooKeeper's answer is malformed");
    }
    this.#at += bytes;
    return at;
  }
}

/** Writes a frame: a message, with its length before it. */
export class Writer {
  #bytes = new Uint8Array(128);
  #view = new DataView(this.#bytes.buffer);
  #length = 4;

  int(value: number): this {
    const at = this.#grow(4);
    this.#view.setInt32(at, value);
    return this;
  }

  long(value: number): this {
    const at = this.#grow(8);
    this.#view.setBigInt64(at, BigInt(value));
    return this;
  }

  boolean(value: boolean): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, Number(value));
    return this;
  }

  bytes(value: Uint8Array): this {
    this.int(value.length);
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  text(value: string): this {
    return this.bytes(encoder.encode(value));
  }

  /** The frame; nothing may be written after it. */
  frame(): Uint8Array<ArrayBuffer> {
    this.#view.setInt32(0, this.#length - 4);
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** The longest message that is taken, in bytes: a list of a million names. */
export const MAX_FRAME = 64 * 1024 * 1024;
/** Cuts what comes on a connection into frames: each is its length, 32 bits, and a message. */

export class Frames {
  readonly #head = new Uint8Array(4);
  #headLength = 0;
  #body?: Uint8Array;
  #bodyLength = 0;

  /** Whether a message has begun that is not whole. */
  get isInside(): boolean {
    return this.#headLength > 0 || this.#body !== undefined;
  }

  /**
   * The messages that are whole with this piece; each is there until the next
   * one is asked for.
   *
   * @throws {Error} when a length is none
   */
  *push(piece: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < piece.length;) {
      if (this.#body === undefined) {
        while (this.#headLength < 4 && at < piece.length) {
          this.#head[this.#headLength++] = piece[at++] ?? 0;
        }
        if (this.#headLength < 4) return;
        const length = new DataView(this.#head.buffer).getInt32(0);
        if (length < 0 || length > MAX_FRAME) {
          throw new Error("the answer is not from ZooKeeper");
        }
        this.#headLength = 0;
        if (at + length <= piece.length) {
          yield piece.subarray(at, at += length);
          continue;
        }
        this.#body = new Uint8Array(length);
        this.#bodyLength = 0;
      }
      const body = this.#body;
      const part = piece.subarray(at, at + body.length - this.#bodyLength);
      body.set(part, this.#bodyLength);
      this.#bodyLength += part.length;
      at += part.length;
      if (this.#bodyLength < body.length) return;
      this.#body = undefined;
      yield body;
    }
  }
}

/** What is asked for: `ZooDefs.OpCode` of ZooKeeper's sources. */

export const OP = {
  exists: 3,
  getData: 4,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  auth: 100,
  addWatch: 106,
  closeSession: -11,
} as const;
/** Numbers of messages that are no answers to requests in their order. */

export const XID = { event: -1, ping: -2, auth: -4 } as const;
/** Why something was not done: `KeeperException.Code` of ZooKeeper's sources. */

export const CODE = {
  unimplemented: -6,
  noNode: -101,
  noAuth: -102,
  authFailed: -115,
} as const;
/** What else may go wrong with a connection, by its code. */
export const CODES: ReadonlyMap<number, string> = new Map([
  [-4, "it has lost its connection"],
  [-5, "it could not read the request"],
  [-7, "it took too long"],
  [-112, "the session has expired"],
  [-118, "the session has moved to another member"],
  [-127, "it has too much to do"],
]);
/** What went wrong, as a line. */

export function complaintOf(code: number): string {
  return CODES.get(code) ?? `ZooKeeper's error ${code}`;
}
/** What is known of a znode besides its data. */

export interface Stat {
  /** The transaction that last wrote its data. */
  readonly mzxid: number;
  /** When that was, by the clock of the server that led, in ms since 1970. */
  readonly mtime: number;
  /** In bytes. */
  readonly size: number;
  /** How many children it has. */
  readonly children: number;
}
export function readStat(reader: Reader): Stat {
  reader.skip(8); // czxid
  const mzxid = reader.long();
  reader.skip(8); // ctime
  const mtime = reader.long();
  reader.skip(20); // versions of the data, the children, the ACL; ephemeral owner
  const size = reader.int();
  const children = reader.int();
  reader.skip(8); // pzxid
  return { mzxid, mtime, size, children };
}
