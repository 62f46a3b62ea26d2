/** The longest message that is taken, in bytes: a list of a million names. */
const MAX_FRAME = 64 * 1024 * 1024;

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
