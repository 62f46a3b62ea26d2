const EMPTY: Uint8Array = new Uint8Array(0);

/** What a unit that is not whole yet gets at first, in bytes. */
const MIN_BUFFER = 256;

/**
 * Splits a byte stream into units, each of which is a head that says how much
 * follows it. A byte is copied at most twice on average, in however small
 * pieces the stream arrives.
 */
export class Splitter {
  /** Has the begun unit; used again, as one for each unit is much garbage. */
  #buffer = EMPTY;
  #size = 0;

  /**
   * @param head length of a head, in bytes
   * @param lengthOf how many bytes follow a head; may throw
   */
  constructor(
    private readonly head: number,
    private readonly lengthOf: (head: Uint8Array) => number,
  ) {}

  /** Memory that is kept, in bytes. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** Whether a unit has begun, and has not ended. */
  get hasPartialUnit(): boolean {
    return this.#size > 0;
  }

  /** The units that are whole now, heads included; each is valid until the next one is asked for. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let rest = chunk;
    while (this.#size > 0 && rest.length > 0) {
      rest = this.#complete(rest);
      if (this.#size < this.#unitSize) continue;
      const unit = this.#buffer.subarray(0, this.#size);
      this.#size = 0;
      yield unit;
    }
    while (rest.length >= this.head) {
      const end = this.head + this.lengthOf(rest);
      if (rest.length < end) break;
      yield rest.subarray(0, end);
      rest = rest.subarray(end);
    }
    this.#append(rest);
  }

  /** How long the begun unit has to become, as far as is known. */
  get #unitSize(): number {
    if (this.#size < this.head) return this.head;
    return this.head + this.lengthOf(this.#buffer);
  }

  /** Appends what belongs to the begun unit, its head first. @returns the rest */
  #complete(bytes: Uint8Array): Uint8Array {
    const count = Math.min(this.#unitSize - this.#size, bytes.length);
    this.#append(bytes.subarray(0, count));
    return bytes.subarray(count);
  }

  #append(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#buffer.length) {
      // Once more than a head is there, it is known how long it becomes.
      const larger = new Uint8Array(
        this.#size < this.head ? Math.max(size, MIN_BUFFER) : this.#unitSize,
      );
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#size);
    this.#size = size;
  }
}
