/**
 * Encodes the states of a topic for another thread, each as the difference from
 * the one before: of an object, only blocks that the other thread does not have
 * are sent. So the cost of a change does not depend on the size of the state.
 * Responses are sent whole, and share their bytes where they arrive.
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
import type { HttpResponse } from "../view/custom_endpoint.ts";
import { MAX_COPIED } from "./response.ts";

/** A block that the other thread does not have: its fragments, concatenated. */
interface WireBlock {
  readonly bytes: Bytes;
  /** Two numbers for each fragment: its length in bytes, and the offset of its value. */
  readonly index: Uint32Array<ArrayBuffer>;
}

/** The blocks of a state, relative to those of the state before. */
interface WireBlocks {
  /** How many of the first blocks are the same. */
  readonly begin: number;
  /** The blocks in between: a number is the index of a block of the state before. */
  readonly blocks: readonly (number | WireBlock)[];
  /** How many of the last blocks are the same. */
  readonly end: number;
}

/** An encoded state: all of its bytes, or its blocks. */
export type WireState = Bytes | WireBlocks;

/** Encodes the states of one topic, in order. */
export class StateWriter {
  #last: readonly Block[] = [];

  write(state: State): WireState {
    const wire = this.writeOutOfBand(state);
    if (state.content instanceof Blocks) this.#last = state.content.blocks;
    return wire;
  }

  /** Encodes a state that is not part of the sequence, relative to the last one that is. */
  writeOutOfBand({ content }: State): WireState {
    if (!(content instanceof Blocks)) return content;
    const last = this.#last;
    const { begin, end } = sharedEnds(last, content.blocks);
    const indexes = new Map(
      last.slice(begin, last.length - end)
        .map((block, i) => [block, begin + i]),
    );
    const blocks = content.blocks.slice(begin, content.blocks.length - end)
      .map((block) => indexes.get(block) ?? packBlock(block));
    return { begin, blocks, end };
  }
}

/** Decodes what a {@linkcode StateWriter} has encoded. */
export class StateReader {
  #last: readonly Block[] = [];

  read(state: WireState): State {
    if (state instanceof Uint8Array) return new State(state);
    this.#last = this.#blocksOf(state);
    return new State(new Blocks(this.#last));
  }

  /** Decodes the result of {@linkcode StateWriter.writeOutOfBand}. */
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
      if (known === undefined) throw new Error("unknown block of a state");
      return known;
    });
    return last.slice(0, begin)
      .concat(between, last.slice(last.length - end));
  }
}

function packBlock({ fragments, size }: Block): WireBlock {
  const bytes = new Uint8Array(size);
  const index = new Uint32Array(fragments.length * 2);
  let at = 0;
  fragments.forEach((fragment, i) => {
    bytes.set(fragment.bytes, at);
    at += fragment.bytes.length;
    index[2 * i] = fragment.bytes.length;
    index[2 * i + 1] = fragment.valueOffset;
  });
  return { bytes, index };
}

const decoder = new TextDecoder();

function unpackBlock({ bytes, index }: WireBlock): Block {
  const fragments: Fragment[] = [];
  let at = 0;
  for (let i = 0; i < index.length; i += 2) {
    const own = bytes.subarray(at, at += index[i] ?? 0);
    const value = index[i + 1] ?? 0;
    // The name, as JSON, and a colon precede the value.
    const name = JSON.parse(decoder.decode(own.subarray(0, value - 1)));
    fragments.push(fragment(String(name), own, value));
  }
  return new Block(fragments);
}

/**
 * Large responses from another thread: each arrives with its own copy of the
 * body. Equal ones share one, so that clients that do not read cost a copy together.
 */
export class ReceivedBodies {
  /** By entity tag, which is of the content, see {@linkcode State.etag}. */
  readonly #bodies = new Map<string, WeakRef<Bytes>>();
  readonly #collected = new FinalizationRegistry<string>((etag) => {
    if (this.#find(etag) === undefined) this.#bodies.delete(etag);
  });

  /** Returns the response, with the body of an earlier one if it is equal and in use. */
  share(response: HttpResponse): HttpResponse {
    const { headers: { ETag: etag }, body } = response;
    const isLarge = body instanceof Uint8Array && body.length > MAX_COPIED;
    if (etag === undefined || !isLarge) return response;
    const known = this.#find(etag);
    if (known !== undefined) return { ...response, body: known };
    this.#bodies.set(etag, new WeakRef(body));
    this.#collected.register(body, etag);
    return response;
  }

  #find(etag: string): Bytes | undefined {
    return this.#bodies.get(etag)?.deref();
  }
}
