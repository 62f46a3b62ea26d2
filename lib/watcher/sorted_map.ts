/** Sorted keys and their values, at the same indexes. */
interface Chunk<T> {
  readonly keys: string[];
  readonly values: T[];
}

/** How many entries a chunk has at most. */
const MAX_ENTRIES = 256;

/**
 * A map in key order. Its entries are in chunks of two arrays: an insertion
 * moves few others, and the arrays take a third of a Map's memory.
 */
export class SortedMap<T> {
  readonly #chunks: Chunk<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The value of the first key. */
  get first(): T | undefined {
    return this.#chunks[0]?.values[0];
  }

  get(key: string): T | undefined {
    const { keys, values } = this.#chunks[this.#chunkOf(key)] ?? EMPTY;
    const i = indexOf(keys, key);
    return keys[i] === key ? values[i] : undefined;
  }

  /** The entries from a key on, in order. */
  *from(key: string): Generator<[key: string, value: T]> {
    const first = this.#chunkOf(key);
    for (let i = first; i < this.#chunks.length; i++) {
      const { keys, values } = this.#chunks[i] ?? EMPTY;
      const start = i === first ? indexOf(keys, key) : 0;
      for (const [at, value] of values.slice(start).entries()) {
        yield [keys[start + at] ?? "", value];
      }
    }
  }

  /** @returns the previous value */
  set(key: string, value: T): T | undefined {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push({ keys: [key], values: [value] });
    } else {
      const { keys, values } = chunk;
      const i = indexOf(keys, key);
      const previous = values[i];
      if (keys[i] === key) {
        values[i] = value;
        return previous;
      }
      keys.splice(i, 0, key);
      values.splice(i, 0, value);
      if (keys.length > MAX_ENTRIES) this.#split(at, chunk, i);
    }
    this.#size++;
    return undefined;
  }

  /** @returns the removed value */
  delete(key: string): T | undefined {
    const at = this.#chunkOf(key);
    const { keys, values } = this.#chunks[at] ?? EMPTY;
    const i = indexOf(keys, key);
    if (keys[i] !== key) return undefined;
    this.#size--;
    keys.splice(i, 1);
    if (keys.length === 0) this.#chunks.splice(at, 1);
    return values.splice(i, 1)[0];
  }

  /** Splits a chunk. Insertions in key order leave full chunks, others half-full ones. */
  #split(at: number, { keys, values }: Chunk<T>, inserted: number): void {
    const cut = inserted === MAX_ENTRIES ? MAX_ENTRIES : MAX_ENTRIES / 2;
    const part = (from: number, to?: number) => ({
      keys: keys.slice(from, to),
      values: values.slice(from, to),
    });
    this.#chunks.splice(at, 1, part(0, cut), part(cut));
  }

  /** The index of the chunk that has a key, or would have it. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.keys[0] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

const EMPTY = { keys: [], values: [] };

/** The index of a key in sorted ones, or where it would be inserted. */
function indexOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
