/**
 * States between threads: of an object only the blocks that the other thread
 * does not have go over, so what a change costs follows the change.
 *
 * @module
 */
import {
  Block,
  Blocks,
  type Fragment,
  fragment,
  sharedEnds,
} from "../broadcast/blocks.ts";
import { type Bytes, State } from "../broadcast/state.ts";

/** A block's items, one behind the other. */
interface WireBlock {
  readonly bytes: Bytes;
  /** Of each item: its length in bytes, and where its value begins. */
  readonly index: Uint32Array<ArrayBuffer>;
}

/** Blocks, by those of the state before. */
interface WireBlocks {
  /** So many of them come first. */
  readonly begin: number;
  /** A number is the one that had this place. */
  readonly blocks: readonly (number | WireBlock)[];
  /** So many, with which they end, come last. */
  readonly end: number;
}

/** A state: bytes, or blocks. */
export type WireState = Bytes | WireBlocks;

/** Writes the states of one topic, in order. */
export class StateWriter {
  #last: readonly Block[] = [];

  write(state: State): WireState {
    const wire = this.writeOutOfBand(state);
    if (state.content instanceof Blocks) this.#last = state.content.blocks;
    return wire;
  }

  /** A state besides: the next one is told by the last that was written, as is this one. */
  writeOutOfBand({ content }: State): WireState {
    if (!(content instanceof Blocks)) return content;
    const last = this.#last;
    const { begin, end } = sharedEnds(last, content.blocks);
    const places = new Map(
      last.slice(begin, last.length - end)
        .map((block, i) => [block, begin + i]),
    );
    const blocks = content.blocks.slice(begin, content.blocks.length - end)
      .map((block) => places.get(block) ?? packBlock(block));
    return { begin, blocks, end };
  }
}

/** Reads what a {@linkcode StateWriter} has written. */
export class StateReader {
  #last: readonly Block[] = [];

  read(state: WireState): State {
    if (state instanceof Uint8Array) return new State(state);
    this.#last = this.#blocksOf(state);
    return new State(new Blocks(this.#last));
  }

  /** What {@linkcode StateWriter.writeOutOfBand} has written. */
  readOutOfBand(state: WireState): State {
    if (state instanceof Uint8Array) return new State(state);
    return new State(new Blocks(this.#blocksOf(state)));
  }

  #blocksOf({ begin, blocks, end }: WireBlocks): Block[] {
    const last = this.#last;
    const between = blocks.map((block) => {
      const known = typeof block === "number"
        ? last[block]
        : unpackBlock(block);
      if (known === undefined) throw new Error("a state names no block");
      return known;
    });
    return last.slice(0, begin)
      .concat(between, last.slice(last.length - end));
  }
}

function packBlock({ fragments: items, size }: Block): WireBlock {
  const bytes = new Uint8Array(size);
  const index = new Uint32Array(items.length * 2);
  let at = 0;
  items.forEach((item, i) => {
    bytes.set(item.bytes, at);
    at += item.bytes.length;
    index[2 * i] = item.bytes.length;
    index[2 * i + 1] = item.valueOffset;
  });
  return { bytes, index };
}

const decoder = new TextDecoder();

function unpackBlock({ bytes, index }: WireBlock): Block {
  const items: Fragment[] = [];
  let at = 0;
  for (let i = 0; i < index.length; i += 2) {
    const own = bytes.subarray(at, at += index[i] ?? 0);
    const value = index[i + 1] ?? 0;
    // Before the value stands the name, as JSON, and a colon.
    const name = JSON.parse(decoder.decode(own.subarray(0, value - 1)));
    items.push(fragment(String(name), own, value));
  }
  return new Block(items);
}
