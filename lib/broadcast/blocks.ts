import { createHash } from "node:crypto";
import { Block, HASH, sizeOf } from "./block.ts";
import { differences } from "./differences.ts";
import type { Fragment } from "./item.ts";

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
    readonly count = blocks.reduce(
      (sum, { fragments: items }) => sum + items.length,
      0,
    ),
    readonly size = blocks.reduce((sum, { size }) => sum + size, 0),
  ) {}

  /** A hash by which equal sequences are known, in base64url: it is said in URLs, too. */
  get hash(): string {
    const hashes = new Uint8Array(HASH * this.blocks.length);
    this.blocks.forEach(({ hash }, i) => hashes.set(hash, HASH * i));
    return createHash("sha256").update(hashes).digest("base64url");
  }

  *[Symbol.iterator](): Generator<Fragment> {
    for (const { fragments: items } of this.blocks) yield* items;
  }

  /** These items with some put (item) or removed (undefined), by name. */
  with(changes: ReadonlyMap<string, Fragment | undefined>): Blocks {
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
      const { fragments: items, size: before } = old[at] ?? NONE;
      const made = merged(items, names.slice(i, end), changes);
      count += made.length - items.length;
      size += sizeOf(made) - before;
      cut(blocks, made);
      next = at + 1;
      i = end;
    }
    return new Blocks(blocks.concat(old.slice(next)), count, size);
  }

  equals(other: Blocks): boolean {
    return this.size === other.size && this.count === other.count &&
      differences(other.blocks, this.blocks).next().done === true;
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

function push(blocks: Block[], block: Block | undefined): void {
  if (block !== undefined) blocks.push(block);
}

/** Sorted items, with some of them changed. */
function merged(
  items: readonly Fragment[],
  names: readonly string[],
  changes: ReadonlyMap<string, Fragment | undefined>,
): Fragment[] {
  const made: Fragment[] = [];
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
function cut(blocks: Block[], items: readonly Fragment[]): void {
  let from = 0;
  const add = (to: number) => {
    if (to === from) return;
    const part = items.slice(from, to);
    const last = part[0]?.startsBlock ? undefined : blocks.pop();
    blocks.push(
      new Block(last === undefined ? part : [...last.fragments, ...part]),
    );
    from = to;
  };
  items.forEach(({ startsBlock: isBorder }, i) => {
    if (isBorder) add(i);
  });
  add(items.length);
}

/** Where a name is among sorted items, or would be. */
function positionOf(items: readonly Fragment[], name: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.name ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
