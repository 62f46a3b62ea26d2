import { Blocks, differences, withoutSharedEnds } from "./blocks.ts";
import type { State } from "./state.ts";

/**
 * How many states are kept beside the present one, and how many bytes they may
 * hold that the one after each does not. A change of one group in 1,000 is some
 * 5 KB, in 30,000 some 15 KB: so that is a minute or more of a busy cluster,
 * and all of a deploy that follows another one.
 */
const MOST = 64;
const MOST_BYTES = 1024 * 1024;

/** What an item, and a block, take in memory besides bytes, about. */
const POINTER = 8;

/** The last states of an object, by which whoever had one goes on from there. */
export class RecentStates {
  /** Oldest first; the last is the present one. */
  readonly #states: { state: State; own: number }[] = [];
  #bytes = 0;

  /** How many bytes it holds that the present state does not. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes the present state. */
  add(state: State): void {
    if (!state.isObject) return;
    const last = this.#states.at(-1);
    // Who comes and goes while nothing changes brings what is there.
    if (last?.state.equals(state)) {
      last.state = state;
      return;
    }
    if (last !== undefined) {
      last.own = ownBytes(last.state, state);
      this.#bytes += last.own;
    }
    this.#states.push({ state, own: 0 });
    this.#limit();
  }

  /** Notes a state that was before all others. */
  prepend(state: State): void {
    const [next] = this.#states;
    if (!state.isObject || next === undefined) return;
    const own = ownBytes(state, next.state);
    this.#states.unshift({ state, own });
    this.#bytes += own;
    this.#limit();
  }

  /** The state that has an entity tag. */
  find(etag: string): State | undefined {
    return this.#states.findLast(({ state }) => state.etag === etag)?.state;
  }

  /** Whether the state that has an entity tag came after another one, which need not be here any more. */
  isAfter(etag: string, other: State): boolean {
    const at = (etag: string) =>
      this.#states.findLastIndex(({ state }) => state.etag === etag);
    return at(etag) > at(other.etag);
  }

  #limit(): void {
    while (this.#states.length - 1 > MOST || this.#bytes > MOST_BYTES) {
      this.#bytes -= this.#states.shift()?.own ?? 0;
    }
  }
}

/** What a state holds in memory that the next one does not share, in bytes, about: blocks and items. */
function ownBytes(old: State, next: State): number {
  if (!(old.content instanceof Blocks && next.content instanceof Blocks)) {
    return old.size;
  }
  const { blocks } = old.content;
  let bytes = POINTER * blocks.length;
  const [mine, theirs] = withoutSharedEnds(blocks, next.content.blocks);
  const shared = new Set(theirs);
  for (const block of mine) {
    if (!shared.has(block)) bytes += POINTER * block.fragments.length;
  }
  for (const [, item] of differences(blocks, next.content.blocks)) {
    bytes += item?.bytes.length ?? 0;
  }
  return bytes;
}
