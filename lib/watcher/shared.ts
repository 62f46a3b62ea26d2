/** How many values each of two generations holds at most, and how long their keys may be. */
const MOST = 4_096;
const LONGEST = 256;

/**
 * Values that others are likely to be equal to: while one comes again and
 * again, there is one of it in memory. What does not come again is forgotten.
 */
export class InternPool<T> {
  #recent = new Map<string, T>();
  #before = new Map<string, T>();

  /** The one that stands for all with this key. */
  intern(key: string, value: T): T {
    if (key.length > LONGEST) return value;
    const known = this.#recent.get(key);
    if (known !== undefined) return known;
    const one = this.#before.get(key) ?? value;
    if (this.#recent.size === MOST) {
      this.#before = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, one);
    return one;
  }
}

const strings = new InternPool<string>();

/** A string that others are likely to be equal to. */
export function intern(text: string): string {
  return strings.intern(text, text);
}
