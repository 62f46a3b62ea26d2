import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FLAG, type Frame, TYPE } from "../../lib/http2/frame.ts";
import { HeaderBlockReader } from "../../lib/http2/header_block.ts";
import {
  encodeHeaders,
  type Header,
  HpackDecoder,
  HpackError,
} from "../../lib/http2/hpack.ts";
import type { Check } from "./check.ts";

/** Larger than the headers of any block here, in bytes. */
const LIMIT = 1e6;

const texts = fc.oneof(
  fc.constantFrom(":path", "te", "trailers", ""),
  fc.uint8Array({ maxLength: 40 })
    .map((bytes) => String.fromCharCode(...bytes)),
);

/** Blocks, and what is nearly one. */
const blocks = fc.oneof(
  fc.array(fc.tuple(texts, texts), { maxLength: 8 }).map(encodeHeaders),
  fc.uint8Array({ maxLength: 60 }),
);

/** What is read of each block, until one cannot be. */
function readAll<T>(
  blocks: readonly T[],
  read: (block: T, i: number) => readonly Header[] | undefined,
): (readonly Header[] | undefined)[] {
  const all: (readonly Header[] | undefined)[] = [];
  try {
    for (const [i, block] of blocks.entries()) all.push(read(block, i));
  } catch (error) {
    assert(error instanceof HpackError, String(error));
  }
  return all;
}

/** A block in frames of these sizes, and one for the rest. */
function* cut(
  block: Uint8Array,
  stream: number,
  sizes: readonly number[],
): Generator<Frame> {
  let at = 0;
  for (const [i, size] of [...sizes, block.length].entries()) {
    const payload = block.subarray(at, at + size);
    const type = i === 0 ? TYPE.headers : TYPE.continuation;
    const flags = i === sizes.length ? FLAG.endHeaders : 0;
    yield { type, flags, stream, payload };
    at += size;
  }
}

/** Headers are the same in whatever frames they come. */
export async function headers(check: Check): Promise<void> {
  const some = fc.array(blocks, { maxLength: 4 });
  const sizes = fc.array(fc.nat({ max: 40 }), { maxLength: 20 });
  await check(fc.property(some, sizes, (some, sizes) => {
    const decoder = new HpackDecoder();
    const whole = readAll(some, (block) => decoder.decode(block, LIMIT));
    const inParts = new HeaderBlockReader();
    const parts = readAll(some, (block, i) => {
      const [last] = [...cut(block, 2 * i + 1, sizes)]
        .map((frame) => inParts.push(frame)).reverse();
      return last?.headers;
    });
    assertEquals(parts, whole);
  }));
}
