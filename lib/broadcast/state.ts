import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { escapeLineEnds, type Member, sortedByName } from "../json.ts";
import { Blocks, differences, memberFragment, valueOf } from "./blocks.ts";
import { mergePatch } from "./merge_patch.ts";

const encoder = new TextEncoder();
const compress = promisify(gzip);

/**
 * Bytes of a state. Not in a SharedArrayBuffer, though each thread needs its own
 * copy: V8 does not count shared memory when it decides whether to collect
 * garbage, so replaced states would pile up.
 */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Content of a state: bytes as they are sent (JSON text in UTF-8 and the blank
 * line that ends an event, or a framed message), or fragments of them.
 */
export type Content = Bytes | Blocks;

/** Size up to which a copy for one listener is cheaper than a frame in two chunks, in bytes. */
const MAX_COPIED = 16 * 1024;

/** The same for a copy that is cached for all listeners with the same event id. */
const MAX_CACHED = 256 * 1024;

/** How many frames of a state are cached: listeners that connected together have the same event ids. */
const MAX_FRAMES = 16;

/** A state of a view, encoded once for all listeners. Immutable. */
export class State {
  #bytes?: Bytes;
  #etag?: string;
  #gzip?: Promise<Bytes>;
  readonly #frames = new FrameCache();
  readonly #framesWithComments = new FrameCache();
  #patches = new WeakMap<State, { readonly patch?: State }>();

  /** @param join encodes blocks; default: as the members of a JSON object */
  constructor(
    readonly content: Content,
    private readonly join: (blocks: Blocks) => Bytes = joinObject,
  ) {}

  /** Returns the state of an object's members, of any JSON text, or of bytes as they are sent. */
  static of(data: readonly Member[] | string | Bytes): State {
    if (data instanceof Uint8Array) return new State(data);
    if (typeof data === "string") {
      return new State(encoder.encode(`${escapeLineEnds(data)}\n\n`));
    }
    const members = new Map(
      sortedByName(data).map((member) => [member[0], memberFragment(member)]),
    );
    return new State(Blocks.EMPTY.with(members));
  }

  /** Whether the state is a JSON object, so that patches can be made. */
  get isObject(): boolean {
    return this.content instanceof Blocks && this.join === joinObject;
  }

  /** Bytes as they are sent; joined on demand. */
  get bytes(): Bytes {
    if (!(this.content instanceof Blocks)) return this.content;
    return this.#bytes ??= this.join(this.content);
  }

  /** Length of {@linkcode bytes}, which it does not join; of a message, a few bytes more. */
  get size(): number {
    const { content } = this;
    return content instanceof Blocks ? objectSize(content) : content.length;
  }

  /** The JSON text as UTF-8. */
  get body(): Bytes {
    return this.bytes.subarray(0, -2);
  }

  /** Strong entity tag (RFC 9110, 8.8.3), the same on every lainlet. */
  get etag(): string {
    return this.#etag ??= this.content instanceof Blocks
      ? `"${this.content.hash}"`
      : `"${createHash("sha256").update(this.body).digest("base64url")}"`;
  }

  /** The body, compressed; cached. */
  get gzip(): Promise<Bytes> {
    return this.#gzip ??= compress(this.body).then((bytes) =>
      new Uint8Array(bytes)
    );
  }

  equals({ content }: State): boolean {
    const mine = this.content;
    if (mine instanceof Blocks) {
      return content instanceof Blocks && mine.equals(content);
    }
    return !(content instanceof Blocks) && Buffer.compare(mine, content) === 0;
  }

  /** Drops everything that can be made again. Called when a newer state has replaced this one. */
  dropCaches(): void {
    this.#bytes = undefined;
    this.#gzip = undefined;
    this.#frames.clear();
    this.#framesWithComments.clear();
    this.#patches = new WeakMap();
  }

  /**
   * Returns an event with this state, in chunks. Cached, so that listeners share
   * its bytes.
   *
   * @param comments lines that precede the event
   */
  frame(
    id: number | string,
    event: string,
    comments = "",
  ): readonly Uint8Array[] {
    const frames = comments === "" ? this.#frames : this.#framesWithComments;
    return frames.get(this.bytes, id, event, comments);
  }

  /**
   * Returns the JSON Merge Patch (RFC 7396) from an older state to this one.
   *
   * @returns undefined when no patch can express the change (none can set a
   * member to null), or the patch would be longer than the state
   */
  patchFrom(old: State): State | undefined {
    let cached = this.#patches.get(old);
    if (cached === undefined) {
      cached = { patch: makePatch(old, this) };
      this.#patches.set(old, cached);
    }
    return cached.patch;
  }
}

/** Frames of a state by event id, for the last event name and comments that were asked for. */
class FrameCache {
  readonly #frames = new Map<number | string, readonly Uint8Array[]>();
  #event = "";
  #comments = "";

  get(
    bytes: Bytes,
    id: number | string,
    event: string,
    comments: string,
  ): readonly Uint8Array[] {
    if (event !== this.#event || comments !== this.#comments) {
      this.#event = event;
      this.#comments = comments;
      this.clear();
    }
    const cached = this.#frames.get(id);
    if (cached !== undefined) return cached;
    const head = encoder.encode(
      `${comments}id: ${id}\nevent: ${event}\ndata: `,
    );
    const isCached = this.#frames.size < MAX_FRAMES;
    const frame = bytes.length > (isCached ? MAX_CACHED : MAX_COPIED)
      ? [head, bytes]
      : [concat(head, bytes)];
    if (isCached) this.#frames.set(id, frame);
    return frame;
  }

  clear(): void {
    this.#frames.clear();
  }
}

function makePatch(old: State, { content, size }: State): State | undefined {
  if (!(content instanceof Blocks && old.content instanceof Blocks)) {
    throw new TypeError("the state is not an object");
  }
  const patch: Member[] = [];
  let length = 0;
  const changed = differences(old.content.blocks, content.blocks);
  for (const [name, before, after] of changed) {
    const value = mergePatch(
      before && valueOf(before),
      after && valueOf(after),
    );
    if (value === undefined) return undefined;
    patch.push([name, value]);
    length += value.length;
    if (length > size) return undefined;
  }
  return State.of(patch);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

/** Length of an object: its members, the commas between them, the braces, and the blank line. */
function objectSize({ count, size }: Blocks): number {
  return size + Math.max(0, count - 1) + 4;
}

/** Joins members to an object, as the data of an event. */
function joinObject(blocks: Blocks): Bytes {
  const joined = new Uint8Array(objectSize(blocks));
  let length = 0;
  const put = (character: string) => joined[length++] = character.charCodeAt(0);
  put("{");
  for (const { fragments } of blocks.blocks) {
    for (const { bytes } of fragments) {
      if (length > 1) put(",");
      joined.set(bytes, length);
      length += bytes.length;
    }
  }
  put("}");
  put("\n");
  put("\n");
  return joined;
}
