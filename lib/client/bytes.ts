import { LimitError } from "./errors.ts";

/** What is kept for what comes next, in bytes. */
const SMALL = 64 * 1024;

/** Bytes that become more, up to a limit; appending costs the same for pieces of any size. */
export class ByteBuffer {
  /** The first {@linkcode length} of it count. */
  array = new Uint8Array(SMALL);
  length = 0;

  /** @param what is told of when there are too many of them, `the answer` */
  constructor(private readonly limit: number, private readonly what: string) {}

  /** @throws {LimitError} when they become more than the limit */
  append(more: Uint8Array): void {
    const length = this.length + more.length;
    if (length > this.limit) {
      const [size, unit] = this.limit < 2 ** 20
        ? [this.limit, "bytes"]
        : [this.limit / 2 ** 20, "MB"];
      throw new LimitError(`${this.what} is longer than ${size} ${unit}`);
    }
    if (length > this.array.length) {
      const larger = Math.max(length, 2 * this.array.length);
      const array = new Uint8Array(Math.min(larger, this.limit));
      array.set(this.array.subarray(0, this.length));
      this.array = array;
    }
    this.array.set(more, this.length);
    this.length = length;
  }

  /** Forgets all, and gives back what it took when that was much. */
  clear(): void {
    this.length = 0;
    if (this.array.length > SMALL) this.array = new Uint8Array(SMALL);
  }
}
