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
