/**
 * By what two sequences differ that have blocks in common, as one was made of
 * the other.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Block } from "./block.ts";
import type { Fragment } from "./item.ts";

/** An item by which two sequences differ, as it is in each of them. */
export type FragmentChange = readonly [
  name: string,
  before: Fragment | undefined,
  after: Fragment | undefined,
];

/** Where the items of two sequences differ, in order; looks at what they do not share only. */
export function* differences(
  before: readonly Block[],
  after: readonly Block[],
): Generator<FragmentChange> {
  const [left, right] = withoutCommon(before, after);
  const old = new BlockWalker(left);
  const now = new BlockWalker(right);
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
export function withoutCommon(
  a: readonly Block[],
  b: readonly Block[],
): [a: readonly Block[], b: readonly Block[]] {
  const { begin, end } = common(a, b);
  return [a.slice(begin, a.length - end), b.slice(begin, b.length - end)];
}

/** Walks over the items of a sequence. */
class BlockWalker {
  #block = 0;
  #item = 0;

  constructor(private readonly blocks: readonly Block[]) {}

  get item(): Fragment | undefined {
    return this.blocks[this.#block]?.fragments[this.#item];
  }

  next(): void {
    const length = this.blocks[this.#block]?.fragments.length ?? 0;
    if (++this.#item < length) return;
    this.#item = 0;
    this.#block++;
  }

  /** Steps over a block that another cursor is at the beginning of, too. */
  skipShared(other: BlockWalker): boolean {
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

function isSame(a: Fragment, b: Fragment): boolean {
  return a === b ||
    a.bytes.length === b.bytes.length && Buffer.compare(a.bytes, b.bytes) === 0;
}
