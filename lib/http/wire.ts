/**
 * States between threads: of an object only the blocks that the other thread
 * does not have go over, so what a change costs follows the change.
 *
 * @module
 */
import { Block, Blocks } from "../broadcast/blocks.ts";
import { type Item, item } from "../broadcast/item.ts";
import { type Bytes, State } from "../broadcast/state.ts";

/** A block's items, one behind the other. */
interface WireBlock {
  readonly bytes: Bytes;
  /** Of each item: its length in bytes, and where its value begins. */
  readonly index: Uint32Array<ArrayBuffer>;
}

/** A state: bytes, or blocks; a number is the block that had this place in the state before. */
export type WireState = Bytes | readonly (number | WireBlock)[];

/** Writes the states of one topic, in order. */
export class StateWriter {
  #places = new Map<Block, number>();

  write({ content }: State): WireState {
    if (!(content instanceof Blocks)) return content;
    const last = this.#places;
    this.#places = new Map(content.blocks.map((block, i) => [block, i]));
    return content.blocks.map((block) => last.get(block) ?? packed(block));
  }

  /** A state besides: the next one is told by the last that was written, as is this one. */
  writeAside({ content }: State): WireState {
    if (!(content instanceof Blocks)) return content;
    return content.blocks.map((block) =>
      this.#places.get(block) ?? packed(block)
    );
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

  /** What {@linkcode StateWriter.writeAside} has written. */
  readAside(state: WireState): State {
    if (state instanceof Uint8Array) return new State(state);
    return new State(new Blocks(this.#blocksOf(state)));
  }

  #blocksOf(state: readonly (number | WireBlock)[]): Block[] {
    const last = this.#last;
    return state.map((block) => {
      const known = typeof block === "number" ? last[block] : unpacked(block);
      if (known === undefined) throw new Error("a state names no block");
      return known;
    });
  }
}

function packed({ items, size }: Block): WireBlock {
  const bytes = new Uint8Array(size);
  const index = new Uint32Array(items.length * 2);
  let at = 0;
  items.forEach((item, i) => {
    bytes.set(item.bytes, at);
    at += item.bytes.length;
    index[2 * i] = item.bytes.length;
    index[2 * i + 1] = item.value;
  });
  return { bytes, index };
}

const decoder = new TextDecoder();

function unpacked({ bytes, index }: WireBlock): Block {
  const items: Item[] = [];
  let at = 0;
  for (let i = 0; i < index.length; i += 2) {
    const own = bytes.subarray(at, at += index[i] ?? 0);
    const value = index[i + 1] ?? 0;
    // Before the value stands the name, as JSON, and a colon.
    const name = JSON.parse(decoder.decode(own.subarray(0, value - 1)));
    items.push(item(String(name), own, value));
  }
  return new Block(items);
}
