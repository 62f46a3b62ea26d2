/**
 * ZooKeeper's wire protocol: jute, in
 * `zookeeper-jute/src/main/resources/zookeeper.jute` of its sources, which has
 * big-endian numbers, and bytes, texts and lists that begin with their length.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads a message, one field after the other. Each method throws when the message has no such field. */
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

  /** Reads a signed 32-bit number. */
  int(): number {
    return this.#view.getInt32(this.#step(4));
  }

  /**
   * Reads a signed 64-bit number. A zxid is exact up to epoch 2^21 (its upper
   * half counts elections), a time always is.
   */
  long(): number {
    const at = this.#step(8);
    return this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
  }

  /** Reads bytes, and returns a copy. A missing value is empty. */
  copy(): Uint8Array {
    return this.#field().slice();
  }

  text(): string {
    return decoder.decode(this.#field());
  }

  texts(): string[] {
    const count = this.int();
    // Grows with what is there: the count alone may be wrong.
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.text());
    return texts;
  }

  skip(bytes: number): void {
    this.#step(bytes);
  }

  #field(): Uint8Array {
    const length = Math.max(0, this.int());
    const at = this.#step(length);
    return this.bytes.subarray(at, at + length);
  }

  #step(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.bytes.length) {
      throw new Error("ZooKeeper's response is malformed");
    }
    this.#at += bytes;
    return at;
  }
}

/** Writes a message, with its length before it. */
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

  /** Returns the message. Nothing may be written after this call. */
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

/** Limit for a message, in bytes: a list of a million names. */
const MAX_FRAME = 64 * 1024 * 1024;

/** Splits what arrives on a connection into messages: each has its length before it, 32 bits. */
export class Frames {
  readonly #head = new Uint8Array(4);
  #headLength = 0;
  #body?: Uint8Array;
  #bodyLength = 0;

  /** Whether a message has begun that is not complete. */
  get isInside(): boolean {
    return this.#headLength > 0 || this.#body !== undefined;
  }

  /**
   * Returns the messages that are complete with this chunk. Each is valid until
   * the next one is taken.
   *
   * @throws {Error} on an impossible length
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < chunk.length;) {
      if (this.#body === undefined) {
        while (this.#headLength < 4 && at < chunk.length) {
          this.#head[this.#headLength++] = chunk[at++] ?? 0;
        }
        if (this.#headLength < 4) return;
        const length = new DataView(this.#head.buffer).getInt32(0);
        if (length < 0 || length > MAX_FRAME) {
          throw new Error("the response is not from ZooKeeper");
        }
        this.#headLength = 0;
        if (at + length <= chunk.length) {
          yield chunk.subarray(at, at += length);
          continue;
        }
        this.#body = new Uint8Array(length);
        this.#bodyLength = 0;
      }
      const body = this.#body;
      const part = chunk.subarray(at, at + body.length - this.#bodyLength);
      body.set(part, this.#bodyLength);
      this.#bodyLength += part.length;
      at += part.length;
      if (this.#bodyLength < body.length) return;
      this.#body = undefined;
      yield body;
    }
  }
}

/** Types of requests: `ZooDefs.OpCode` of ZooKeeper's sources. */
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

/** Numbers of messages that do not answer a request in order. */
export const XID = { event: -1, ping: -2, auth: -4 } as const;

/** Errors that are handled: `KeeperException.Code` of ZooKeeper's sources. */
export const CODE = {
  unimplemented: -6,
  noNode: -101,
  noAuth: -102,
  authFailed: -115,
} as const;

/** Messages of the other errors that a connection may end with. */
const MESSAGES: ReadonlyMap<number, string> = new Map([
  [-4, "it has lost its connection"],
  [-5, "it could not read the request"],
  [-7, "it took too long"],
  [-112, "the session has expired"],
  [-118, "the session has moved to another member"],
  [-127, "it has too much to do"],
]);

/** Returns the message of an error. */
export function errorText(code: number): string {
  return MESSAGES.get(code) ?? `ZooKeeper's error ${code}`;
}

/** A znode's metadata. */
export interface Stat {
  /** The transaction that last wrote its data. */
  readonly mzxid: number;
  /** When that was, by the leader's clock, in ms since 1970. */
  readonly mtime: number;
  /** Size of its data, in bytes. */
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
