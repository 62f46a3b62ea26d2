const EMPTY: Uint8Array = new Uint8Array(0);

/** Size of the first buffer for an incomplete unit, in bytes. */
const MIN_BUFFER = 256;

/**
 * Splits a byte stream into units: each has a header, which determines the length
 * of what follows. A byte is copied at most twice on average, however small the
 * chunks of the stream are.
 */
export class Splitter {
  /** Holds the incomplete unit. Reused: a buffer for each unit would be much garbage. */
  #buffer = EMPTY;
  #size = 0;

  /**
   * @param headerSize in bytes
   * @param lengthOf returns how many bytes follow a header; may throw
   */
  constructor(
    private readonly headerSize: number,
    private readonly lengthOf: (header: Uint8Array) => number,
  ) {}

  /** Memory held for an incomplete unit, in bytes. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** Whether there is an incomplete unit. */
  get hasPartialUnit(): boolean {
    return this.#size > 0;
  }

  /** Yields the units that are complete, with headers; each is valid until the next one is requested. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let rest = chunk;
    while (this.#size > 0 && rest.length > 0) {
      rest = this.#complete(rest);
      if (this.#size < this.#unitSize) continue;
      const unit = this.#buffer.subarray(0, this.#size);
      this.#size = 0;
      yield unit;
    }
    while (rest.length >= this.headerSize) {
      const end = this.headerSize + this.lengthOf(rest);
      if (rest.length < end) break;
      yield rest.subarray(0, end);
      rest = rest.subarray(end);
    }
    this.#append(rest);
  }

  /** Size of the incomplete unit, or of its header as long as that is incomplete, in bytes. */
  get #unitSize(): number {
    if (this.#size < this.headerSize) return this.headerSize;
    return this.headerSize + this.lengthOf(this.#buffer);
  }

  /** Appends the part that belongs to the incomplete unit, or to its header. @returns the rest */
  #complete(bytes: Uint8Array): Uint8Array {
    const count = Math.min(this.#unitSize - this.#size, bytes.length);
    this.#append(bytes.subarray(0, count));
    return bytes.subarray(count);
  }

  #append(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#buffer.length) {
      // With a complete header, the size of the unit is known.
      const larger = new Uint8Array(
        this.#size < this.headerSize
          ? Math.max(size, MIN_BUFFER)
          : this.#unitSize,
      );
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#size);
    this.#size = size;
  }
}
