import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Item } from "./item.ts";

/** How long a block's hash is, in bytes. */
const HASH = 32;

/** What an item, and a block, take in memory besides bytes, about. */
const POINTER = 8;

/** Items that follow each other, sorted by name; never changed. */
export class Block {
  /** Of all items, in bytes. */
  readonly size: number;
  #hash?: Uint8Array;

  constructor(readonly items: readonly Item[]) {
    this.size = sizeOf(items);
  }

  get first(): string {
    return this.items[0]?.name ?? "";
  }

  /** SHA-256 of the items. */
  get hash(): Uint8Array {
    if (this.#hash === undefined) {
      const hash = createHash("sha256");
      for (const { bytes } of this.items) {
        // Where an item ends counts, too.
        hash.update(`${bytes.length}:`).update(bytes);
      }
      this.#hash = hash.digest();
    }
    return this.#hash;
  }
}

/** An item by which two sequences differ, as it is in each of them. */
export type Difference = readonly [
  name: string,
  before: Item | undefined,
  after: Item | undefined,
];

const NONE = new Block([]);

/**
 * Items, each with another name, sorted by that: a persistent sequence in
 * blocks. A change makes another one, which shares all blocks but those that
 * it touched. Where blocks begin depends on the items' names alone, so equal
 * sequences have equal blocks, however they came about.
 */
export class Blocks {
  static readonly EMPTY = new Blocks([]);

  /**
   * @param blocks sorted; all but the first begin with a border, and none has another one within
   * @param count how many items there are
   * @param size of all items, in bytes
   */
  constructor(
    readonly blocks: readonly Block[],
    readonly count = blocks.reduce((sum, { items }) => sum + items.length, 0),
    readonly size = blocks.reduce((sum, { size }) => sum + size, 0),
  ) {}

  /** A hash by which equal sequences are known, in base64url: it is said in URLs, too. */
  get hash(): string {
    const hashes = new Uint8Array(HASH * this.blocks.length);
    this.blocks.forEach(({ hash }, i) => hashes.set(hash, HASH * i));
    return createHash("sha256").update(hashes).digest("base64url");
  }

  *[Symbol.iterator](): Generator<Item> {
    for (const { items } of this.blocks) yield* items;
  }

  get(name: string): Item | undefined {
    const { items = [] } = this.blocks[this.#place(name)] ?? {};
    const at = positionOf(items, name);
    return items[at]?.name === name ? items[at] : undefined;
  }

  /** These items with some put (item) or removed (undefined), by name. */
  with(changes: ReadonlyMap<string, Item | undefined>): Blocks {
    const names = [...changes.keys()].sort();
    const old = this.blocks;
    let { count, size } = this;
    // What comes before the first change, and after the last, is copied in one go.
    let next = this.#place(names[0] ?? "");
    const blocks = old.slice(0, next);
    for (let i = 0; i < names.length;) {
      const at = this.#place(names[i] ?? "");
      while (next < at) push(blocks, old[next++]);
      const after = old[at + 1];
      let end = i + 1;
      while (
        end < names.length &&
        (after === undefined || (names[end] ?? "") < after.first)
      ) end++;
      const { items, size: before } = old[at] ?? NONE;
      const made = merged(items, names.slice(i, end), changes);
      count += made.length - items.length;
      size += sizeOf(made) - before;
      cut(blocks, made);
      next = at + 1;
      i = end;
    }
    return new Blocks(blocks.concat(old.slice(next)), count, size);
  }

  /** Where the items of another sequence are not these, in order; looks at what is not shared only. */
  *differences(before: Blocks): Generator<Difference> {
    const [left, right] = apart(before.blocks, this.blocks);
    const old = new Cursor(left);
    const now = new Cursor(right);
    for (;;) {
      while (old.skipShared(now));
      const { item: a } = old;
      const { item: b } = now;
      if (a === undefined && b === undefined) return;
      if (b === undefined || a !== undefined && a.name < b.name) {
        if (a !== undefined) yield [a.name, a, undefined];
        old.next();
      } else if (a === undefined || b.name < a.name) {
        yield [b.name, undefined, b];
        now.next();
      } else {
        if (!isSame(a, b)) yield [a.name, a, b];
        old.next();
        now.next();
      }
    }
  }

  equals(other: Blocks): boolean {
    return this.size === other.size && this.count === other.count &&
      this.differences(other).next().done === true;
  }

  /** How many bytes of memory these take, about, that others do not: blocks and items that are not shared. */
  unshared(others: Blocks): number {
    let bytes = POINTER * this.blocks.length;
    const [mine, theirs] = apart(this.blocks, others.blocks);
    const shared = new Set(theirs);
    for (const block of mine) {
      if (!shared.has(block)) bytes += POINTER * block.items.length;
    }
    for (const [, item] of others.differences(this)) {
      bytes += item?.bytes.length ?? 0;
    }
    return bytes;
  }

  /** The block that holds a name, or would. */
  #place(name: string): number {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.blocks[middle]?.first ?? "") <= name) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Walks over the items of a sequence. */
class Cursor {
  #block = 0;
  #item = 0;

  constructor(private readonly blocks: readonly Block[]) {}

  get item(): Item | undefined {
    return this.blocks[this.#block]?.items[this.#item];
  }

  next(): void {
    const length = this.blocks[this.#block]?.items.length ?? 0;
    if (++this.#item < length) return;
    this.#item = 0;
    this.#block++;
  }

  /** Steps over a block that another cursor is at the beginning of, too. */
  skipShared(other: Cursor): boolean {
    const block = this.blocks[this.#block];
    if (
      block === undefined || this.#item > 0 || other.#item > 0 ||
      block !== other.blocks[other.#block]
    ) return false;
    this.#block++;
    other.#block++;
    return true;
  }
}

/** How many blocks two sequences both begin with, and of the others, both end with. */
export function common(
  a: readonly Block[],
  b: readonly Block[],
): { begin: number; end: number } {
  const most = Math.min(a.length, b.length);
  let begin = 0;
  while (begin < most && a[begin] === b[begin]) begin++;
  let end = 0;
  while (
    end < most - begin && a[a.length - 1 - end] === b[b.length - 1 - end]
  ) end++;
  return { begin, end };
}

/** Two sequences without the blocks that they have in {@linkcode common}. */
function apart(
  a: readonly Block[],
  b: readonly Block[],
): [a: readonly Block[], b: readonly Block[]] {
  const { begin, end } = common(a, b);
  return [a.slice(begin, a.length - end), b.slice(begin, b.length - end)];
}

function sizeOf(items: readonly Item[]): number {
  let size = 0;
  for (const { bytes } of items) size += bytes.length;
  return size;
}

function isSame(a: Item, b: Item): boolean {
  return a === b ||
    a.bytes.length === b.bytes.length && Buffer.compare(a.bytes, b.bytes) === 0;
}

function push(blocks: Block[], block: Block | undefined): void {
  if (block !== undefined) blocks.push(block);
}

/** Sorted items, with some of them changed. */
function merged(
  items: readonly Item[],
  names: readonly string[],
  changes: ReadonlyMap<string, Item | undefined>,
): Item[] {
  const made: Item[] = [];
  let next = 0;
  for (const name of names) {
    const at = positionOf(items, name);
    while (next < at) {
      const item = items[next++];
      if (item !== undefined) made.push(item);
    }
    if (items[next]?.name === name) next++;
    const item = changes.get(name);
    if (item !== undefined) made.push(item);
  }
  for (const item of items.slice(next)) made.push(item);
  return made;
}

/** Adds items as blocks; those before the first border belong to the block before. */
function cut(blocks: Block[], items: readonly Item[]): void {
  let from = 0;
  const add = (to: number) => {
    if (to === from) return;
    const part = items.slice(from, to);
    const last = part[0]?.isBorder ? undefined : blocks.pop();
    blocks.push(
      new Block(last === undefined ? part : [...last.items, ...part]),
    );
    from = to;
  };
  items.forEach(({ isBorder }, i) => {
    if (isBorder) add(i);
  });
  add(items.length);
}

/** Where a name is among sorted items, or would be. */
function positionOf(items: readonly Item[], name: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.name ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
