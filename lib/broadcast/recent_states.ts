import { Blocks, differences, withoutSharedEnds } from "./blocks.ts";
import type { State } from "./state.ts";

/**
 * Limits of the older states that are kept: their number, and the bytes that
 * they do not share with their successors. A change of one pod group takes some
 * 5 KB among 1,000 groups and 15 KB among 30,000, so this covers a minute or
 * more of a busy cluster, and a whole deploy.
 */
const MAX_STATES = 64;
const MAX_BYTES = 1024 * 1024;

/** Approximate memory of a reference to a fragment or a block, in bytes. */
const REFERENCE_SIZE = 8;

/** The last states of an object. A listener that has one of them can resume by a patch. */
export class RecentStates {
  /** Oldest first; the last is the latest state. */
  readonly #entries: { state: State; unsharedBytes: number }[] = [];
  #bytes = 0;

  /** Bytes that the states do not share with their successors. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the latest state. */
  add(state: State): void {
    if (!state.isObject) return;
    const last = this.#entries.at(-1);
    // A topic that is reopened adds the state that is already there.
    if (last?.state.equals(state)) {
      last.state = state;
      return;
    }
    if (last !== undefined) {
      last.unsharedBytes = unsharedBytes(last.state, state);
      this.#bytes += last.unsharedBytes;
    }
    this.#entries.push({ state, unsharedBytes: 0 });
    this.#evict();
  }

  /** Adds a state that is older than all others. */
  prepend(state: State): void {
    const [next] = this.#entries;
    if (!state.isObject || next === undefined) return;
    const entry = { state, unsharedBytes: unsharedBytes(state, next.state) };
    this.#entries.unshift(entry);
    this.#bytes += entry.unsharedBytes;
    this.#evict();
  }

  /** Returns a state by its entity tag. */
  find(etag: string): State | undefined {
    return this.#entries.findLast(({ state }) => state.etag === etag)?.state;
  }

  /** Whether the state with an entity tag is kept, and came after `other`, which may have been evicted. */
  isAfter(etag: string, other: State): boolean {
    return this.#lastIndexOf(etag) > this.#lastIndexOf(other.etag);
  }

  #lastIndexOf(etag: string): number {
    return this.#entries.findLastIndex(({ state }) => state.etag === etag);
  }

  #evict(): void {
    while (this.#entries.length - 1 > MAX_STATES || this.#bytes > MAX_BYTES) {
      this.#bytes -= this.#entries.shift()?.unsharedBytes ?? 0;
    }
  }
}

/** Approximate memory of the blocks and fragments that a state does not share with the next one, in bytes. */
function unsharedBytes(old: State, next: State): number {
  if (!(old.content instanceof Blocks && next.content instanceof Blocks)) {
    return old.size;
  }
  const { blocks } = old.content;
  let bytes = REFERENCE_SIZE * blocks.length;
  const [left, right] = withoutSharedEnds(blocks, next.content.blocks);
  const shared = new Set(right);
  for (const block of left) {
    if (!shared.has(block)) bytes += REFERENCE_SIZE * block.fragments.length;
  }
  for (const [, fragment] of differences(blocks, next.content.blocks)) {
    bytes += fragment?.bytes.length ?? 0;
  }
  return bytes;
}
