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
 * Bytes of an answer. Not of a SharedArrayBuffer, though each thread then has
 * a copy: V8 does not count what is shared when it judges whether to collect
 * garbage, so superseded states would pile up.
 */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * What a state is: bytes as they are sent (JSON text as UTF-8 and the blank
 * line that ends a frame, or a message's frame), or the members of an object.
 */
export type Content = Bytes | Blocks;

/** Up to this many bytes a copy for each listener is cheaper than a frame in two chunks. */
const SMALL = 16 * 1024;

/** Up to this many bytes one is made for all those who have the same id. */
const MEDIUM = 256 * 1024;

/** How many frames of one state are kept: listeners that came together have the same ids. */
const FRAMES = 16;

/** One answer, encoded once for everybody who gets it. */
export class State {
  #bytes?: Bytes;
  #etag?: string;
  #gzip?: Promise<Bytes>;
  readonly #frames = new Frames();
  /** Those that name the state. */
  readonly #tagged = new Frames();
  #patches = new WeakMap<State, { readonly patch?: State }>();

  /** @param join how blocks become bytes */
  constructor(
    readonly content: Content,
    private readonly join: (blocks: Blocks) => Bytes = object,
  ) {}

  /** @param data the members of an object, any JSON text, or bytes as they are sent */
  static of(data: readonly Member[] | string | Bytes): State {
    if (data instanceof Uint8Array) return new State(data);
    if (typeof data === "string") {
      return new State(encoder.encode(`${escapeLineEnds(data)}\n\n`));
    }
    const items = new Map(
      sortedByName(data).map((member) => [member[0], memberFragment(member)]),
    );
    return new State(Blocks.EMPTY.with(items));
  }

  /** Whether it is a JSON object, of which patches can be made. */
  get isObject(): boolean {
    return this.content instanceof Blocks && this.join === object;
  }

  /** As they are sent; joined when someone needs them. */
  get bytes(): Bytes {
    if (!(this.content instanceof Blocks)) return this.content;
    return this.#bytes ??= this.join(this.content);
  }

  /** How many bytes it has; of a message a few more. */
  get size(): number {
    const { content } = this;
    return content instanceof Blocks ? objectSize(content) : content.length;
  }

  /** The JSON text as UTF-8. */
  get body(): Bytes {
    return this.bytes.subarray(0, -2);
  }

  /** A strong entity tag (RFC 9110, 8.8.3), the same on every lainlet. */
  get etag(): string {
    return this.#etag ??= this.content instanceof Blocks
      ? `"${this.content.hash}"`
      : `"${createHash("sha256").update(this.body).digest("base64url")}"`;
  }

  /** The body, compressed. */
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

  /** Lets go of what can be made again: there is a newer state. */
  dropCaches(): void {
    this.#bytes = undefined;
    this.#gzip = undefined;
    this.#frames.clear();
    this.#tagged.clear();
    this.#patches = new WeakMap();
  }

  /**
   * The frame that carries this state, in chunks; the same bytes for
   * everybody who asks for the same.
   *
   * @param notes lines that come before it
   */
  frame(
    id: number | string,
    event: string,
    notes = "",
  ): readonly Uint8Array[] {
    const frames = notes === "" ? this.#frames : this.#tagged;
    return frames.get(this.bytes, id, event, notes);
  }

  /**
   * What makes this state of an older one, as a JSON Merge Patch (RFC 7396).
   *
   * @returns undefined when no such patch can say it (it cannot set a member
   * to null), or only at greater length than the state itself
   */
  patchFrom(old: State): State | undefined {
    let made = this.#patches.get(old);
    if (made === undefined) {
      made = { patch: makePatch(old, this) };
      this.#patches.set(old, made);
    }
    return made.patch;
  }
}

/** The frames of a state by id, of one event, with the same notes: who is slow may get another one. */
class Frames {
  readonly #made = new Map<number | string, readonly Uint8Array[]>();
  #event = "";
  #notes = "";

  get(
    bytes: Bytes,
    id: number | string,
    event: string,
    notes: string,
  ): readonly Uint8Array[] {
    if (event !== this.#event || notes !== this.#notes) {
      this.#event = event;
      this.#notes = notes;
      this.clear();
    }
    const known = this.#made.get(id);
    if (known !== undefined) return known;
    const head = encoder.encode(
      `${notes}id: ${id}\nevent: ${event}\ndata: `,
    );
    const isKept = this.#made.size < FRAMES;
    const frame = bytes.length > (isKept ? MEDIUM : SMALL)
      ? [head, bytes]
      : [concat(head, bytes)];
    if (isKept) this.#made.set(id, frame);
    return frame;
  }

  clear(): void {
    this.#made.clear();
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

/** The members, the commas between them, the braces, and the blank line. */
function objectSize({ count, size }: Blocks): number {
  return size + Math.max(0, count - 1) + 4;
}

/** The members of an object as a frame's data. */
function object(blocks: Blocks): Bytes {
  const made = new Uint8Array(objectSize(blocks));
  let at = 0;
  const put = (character: string) => made[at++] = character.charCodeAt(0);
  put("{");
  for (const { fragments: items } of blocks.blocks) {
    for (const { bytes } of items) {
      if (at > 1) put(",");
      made.set(bytes, at);
      at += bytes.length;
    }
  }
  put("}");
  put("\n");
  put("\n");
  return made;
}
