/** Keys and their values, in key order. */
interface Chunk<T> {
  readonly keys: string[];
  readonly values: T[];
}

/** How many entries a block has at most. */
const MOST = 256;

/**
 * Values by key, in key order. They are in blocks, so that what comes or goes
 * moves few others, and in bare lists, which take a third of a Map's memory.
 */
export class SortedMap<T> {
  readonly #blocks: Chunk<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The value of the first key. */
  get first(): T | undefined {
    return this.#blocks[0]?.values[0];
  }

  get(key: string): T | undefined {
    const { keys, values } = this.#blocks[this.#place(key)] ?? EMPTY;
    const at = positionOf(keys, key);
    return keys[at] === key ? values[at] : undefined;
  }

  /** The entries from a key on. */
  *from(key: string): Generator<[key: string, value: T]> {
    const first = this.#place(key);
    for (let i = first; i < this.#blocks.length; i++) {
      const { keys, values } = this.#blocks[i] ?? EMPTY;
      const begin = i === first ? positionOf(keys, key) : 0;
      for (const [at, value] of values.slice(begin).entries()) {
        yield [keys[begin + at] ?? "", value];
      }
    }
  }

  /** @returns what was there before */
  set(key: string, value: T): T | undefined {
    const place = this.#place(key);
    const block = this.#blocks[place];
    if (block === undefined) {
      this.#blocks.push({ keys: [key], values: [value] });
    } else {
      const { keys, values } = block;
      const at = positionOf(keys, key);
      const previous = values[at];
      if (keys[at] === key) {
        values[at] = value;
        return previous;
      }
      keys.splice(at, 0, key);
      values.splice(at, 0, value);
      if (keys.length > MOST) this.#split(place, block, at);
    }
    this.#size++;
    return undefined;
  }

  /** @returns what was there */
  delete(key: string): T | undefined {
    const place = this.#place(key);
    const { keys, values } = this.#blocks[place] ?? EMPTY;
    const at = positionOf(keys, key);
    if (keys[at] !== key) return undefined;
    this.#size--;
    keys.splice(at, 1);
    if (keys.length === 0) this.#blocks.splice(place, 1);
    return values.splice(at, 1)[0];
  }

  /** Cuts a block after what was put in last: what comes in order fills them. */
  #split(place: number, { keys, values }: Chunk<T>, at: number): void {
    const cut = at === MOST ? MOST : MOST / 2;
    const part = (from: number, to?: number) => ({
      keys: keys.slice(from, to),
      values: values.slice(from, to),
    });
    this.#blocks.splice(place, 1, part(0, cut), part(cut));
  }

  /** The block that holds a key, or would. */
  #place(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.keys[0] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

const EMPTY = { keys: [], values: [] };

/** Where a key is among sorted ones, or would be. */
function positionOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
