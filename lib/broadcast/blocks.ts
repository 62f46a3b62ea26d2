/**
 * The encoded content of a state: a persistent sequence of fragments, sorted by
 * name, in blocks. A change copies one block and shares all others, so the cost
 * of a change, of a comparison and of a hash follows what changed. The names
 * alone determine where blocks begin (content-defined chunking), so equal
 * sequences have equal blocks, whatever changes led to them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { escapeLineEnds, type Member } from "../json.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Part of a state, encoded: a member of an object, `"name":value`, or fields of a message. */
export interface Fragment {
  /** Unique within a sequence. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where the value begins in `bytes`. */
  readonly valueOffset: number;
  /** Whether a block begins here. */
  readonly startsBlock: boolean;
}

/** One name of this many begins a block. A power of two. */
const NAMES_PER_BLOCK = 32;

/** Returns a fragment of encoded bytes. */
export function fragment(
  name: string,
  bytes: Uint8Array,
  valueOffset = 0,
): Fragment {
  return { name, bytes, valueOffset, startsBlock: isBlockStart(name) };
}

/** Hashes the name by FNV-1a, whose lower bits are well distributed. */
function isBlockStart(name: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 8) % NAMES_PER_BLOCK === 0;
}

/** Encodes a member of an object. The fragment does not retain the JSON text. */
export function memberFragment([name, json]: Member): Fragment {
  const head = `${escapeLineEnds(JSON.stringify(name))}:`;
  const bytes = encoder.encode(head + escapeLineEnds(json));
  return fragment(name, bytes, encoder.encode(head).length);
}

/** Returns the value of a member as JSON text. */
export function valueOf({ bytes, valueOffset }: Fragment): string {
  return decoder.decode(bytes.subarray(valueOffset));
}

/** Length of a block's hash, in bytes. */
const HASH_LENGTH = 32;

/** Consecutive fragments, sorted by name. Immutable. */
export class Block {
  /** Total length of the fragments, in bytes. */
  readonly size: number;
  #hash?: Uint8Array;

  constructor(readonly fragments: readonly Fragment[]) {
    this.size = sizeOf(fragments);
  }

  /** Name of the first fragment. */
  get firstName(): string {
    return this.fragments[0]?.name ?? "";
  }

  /** SHA-256 of the fragments. */
  get hash(): Uint8Array {
    if (this.#hash === undefined) {
      const hash = createHash("sha256");
      for (const { bytes } of this.fragments) {
        // The hash covers where each fragment ends.
        hash.update(`${bytes.length}:`).update(bytes);
      }
      this.#hash = hash.digest();
    }
    return this.#hash;
  }
}

const EMPTY_BLOCK = new Block([]);

/** Total length of fragments, in bytes. */
function sizeOf(fragments: readonly Fragment[]): number {
  let size = 0;
  for (const { bytes } of fragments) size += bytes.length;
  return size;
}

/** A sequence of fragments in blocks. Immutable: see {@linkcode with}. */
export class Blocks {
  static readonly EMPTY = new Blocks([]);

  /**
   * @param blocks sorted by name; each block but the first begins with a fragment that `startsBlock`, and contains no other
   * @param count number of fragments
   * @param size total length of the fragments, in bytes
   */
  constructor(
    readonly blocks: readonly Block[],
    readonly count = blocks.reduce((sum, b) => sum + b.fragments.length, 0),
    readonly size = blocks.reduce((sum, b) => sum + b.size, 0),
  ) {}

  /** SHA-256 of the blocks' hashes, in base64url: equal for equal sequences. */
  get hash(): string {
    const hashes = new Uint8Array(HASH_LENGTH * this.blocks.length);
    this.blocks.forEach(({ hash }, i) => hashes.set(hash, HASH_LENGTH * i));
    return createHash("sha256").update(hashes).digest("base64url");
  }

  *[Symbol.iterator](): Generator<Fragment> {
    for (const { fragments } of this.blocks) yield* fragments;
  }

  /** Returns the sequence with some fragments replaced, added or (undefined) removed, by name. */
  with(changes: ReadonlyMap<string, Fragment | undefined>): Blocks {
    const names = [...changes.keys()].sort();
    const old = this.blocks;
    let { count, size } = this;
    // The blocks before the first change and after the last are copied at once.
    let next = this.#indexOf(names[0] ?? "");
    const blocks = old.slice(0, next);
    for (let i = 0; i < names.length;) {
      const index = this.#indexOf(names[i] ?? "");
      while (next < index) push(blocks, old[next++]);
      const after = old[index + 1];
      let end = i + 1;
      while (
        end < names.length &&
        (after === undefined || (names[end] ?? "") < after.firstName)
      ) end++;
      const { fragments, size: oldSize } = old[index] ?? EMPTY_BLOCK;
      const changed = merged(fragments, names.slice(i, end), changes);
      count += changed.length - fragments.length;
      size += sizeOf(changed) - oldSize;
      split(blocks, changed);
      next = index + 1;
      i = end;
    }
    return new Blocks(blocks.concat(old.slice(next)), count, size);
  }

  equals(other: Blocks): boolean {
    return this.size === other.size && this.count === other.count &&
      differences(other.blocks, this.blocks).next().done === true;
  }

  /** Index of the block that holds a name, or would hold it. */
  #indexOf(name: string): number {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.blocks[middle]?.firstName ?? "") <= name) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function push(blocks: Block[], block: Block | undefined): void {
  if (block !== undefined) blocks.push(block);
}

/** Applies changes to sorted fragments. @param names those that change, sorted */
function merged(
  fragments: readonly Fragment[],
  names: readonly string[],
  changes: ReadonlyMap<string, Fragment | undefined>,
): Fragment[] {
  const result: Fragment[] = [];
  let next = 0;
  for (const name of names) {
    const index = insertionIndex(fragments, name);
    while (next < index) {
      const unchanged = fragments[next++];
      if (unchanged !== undefined) result.push(unchanged);
    }
    if (fragments[next]?.name === name) next++;
    const changed = changes.get(name);
    if (changed !== undefined) result.push(changed);
  }
  for (const unchanged of fragments.slice(next)) result.push(unchanged);
  return result;
}

/** Appends fragments as blocks. Fragments before the first block start extend the last block. */
function split(blocks: Block[], fragments: readonly Fragment[]): void {
  let from = 0;
  const append = (to: number) => {
    if (to === from) return;
    const part = fragments.slice(from, to);
    const last = part[0]?.startsBlock ? undefined : blocks.pop();
    blocks.push(
      new Block(last === undefined ? part : [...last.fragments, ...part]),
    );
    from = to;
  };
  fragments.forEach(({ startsBlock }, i) => {
    if (startsBlock) append(i);
  });
  append(fragments.length);
}

/** Index of a name among sorted fragments, or where it would be inserted. */
function insertionIndex(fragments: readonly Fragment[], name: string): number {
  let low = 0;
  let high = fragments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((fragments[middle]?.name ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A difference between two sequences: a fragment before and after the change; undefined: it is absent there. */
export type FragmentChange = readonly [
  name: string,
  before: Fragment | undefined,
  after: Fragment | undefined,
];

/** Yields what differs between two sequences, sorted by name. Skips shared blocks. */
export function* differences(
  before: readonly Block[],
  after: readonly Block[],
): Generator<FragmentChange> {
  const [left, right] = withoutSharedEnds(before, after);
  const old = new Walker(left);
  const now = new Walker(right);
  for (;;) {
    while (old.skipShared(now));
    const { fragment: a } = old;
    const { fragment: b } = now;
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

/** Counts the shared blocks at the beginning of two sequences and, among the rest, at the end. */
export function sharedEnds(
  a: readonly Block[],
  b: readonly Block[],
): { begin: number; end: number } {
  const length = Math.min(a.length, b.length);
  let begin = 0;
  while (begin < length && a[begin] === b[begin]) begin++;
  let end = 0;
  while (
    end < length - begin && a[a.length - 1 - end] === b[b.length - 1 - end]
  ) end++;
  return { begin, end };
}

/** Returns both sequences without their {@linkcode sharedEnds}. */
export function withoutSharedEnds(
  a: readonly Block[],
  b: readonly Block[],
): [a: readonly Block[], b: readonly Block[]] {
  const { begin, end } = sharedEnds(a, b);
  return [a.slice(begin, a.length - end), b.slice(begin, b.length - end)];
}

/** Iterates over the fragments of blocks, and can skip a block. */
class Walker {
  #block = 0;
  #fragment = 0;

  constructor(private readonly blocks: readonly Block[]) {}

  get fragment(): Fragment | undefined {
    return this.blocks[this.#block]?.fragments[this.#fragment];
  }

  next(): void {
    const length = this.blocks[this.#block]?.fragments.length ?? 0;
    if (++this.#fragment < length) return;
    this.#fragment = 0;
    this.#block++;
  }

  /** Skips a block if both walkers are at its beginning. @returns whether they were */
  skipShared(other: Walker): boolean {
    const block = this.blocks[this.#block];
    if (
      block === undefined || this.#fragment > 0 || other.#fragment > 0 ||
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
