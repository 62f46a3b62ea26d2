import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { eTag } from "@std/http/etag";
import { escapeLineEnds, type Member, sortedByName } from "../json.ts";
import { mergePatch } from "./merge_patch.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const compress = promisify(gzip);

/**
 * Bytes of an answer. Not of a SharedArrayBuffer, though each thread then has
 * a copy: V8 does not count what is shared when it judges whether to collect
 * garbage, so superseded states would pile up.
 */
export type Bytes = Uint8Array<ArrayBuffer>;

/** What a state is made of; can be sent to another thread. */
export interface StateParts {
  /** JSON text as UTF-8, and the blank line that ends a frame; or what else is sent. */
  readonly bytes: Bytes;
  /** When it is an object: for each member where it begins, and where its value does. */
  readonly index?: Uint32Array<ArrayBuffer>;
}

/** Up to this many bytes a copy for each listener is cheaper than a frame in two chunks. */
const SMALL = 16 * 1024;

/** Up to this many bytes one is made for all those who have the same id. */
const MEDIUM = 256 * 1024;

/** How many frames of one state are kept: listeners that came together have the same ids. */
const FRAMES = 16;

/** One answer, encoded once for everybody who gets it. */
export class State {
  #etag?: Promise<string>;
  #gzip?: Promise<Bytes>;
  /** Frames by id, of one event: who is slow may get another one. */
  readonly #frames = new Map<number, readonly Uint8Array[]>();
  #event = "";
  readonly #patches = new WeakMap<State, { readonly patch?: State }>();

  constructor(readonly parts: StateParts) {}

  /** @param data the members of an object, any JSON text, or bytes as they are sent */
  static of(data: readonly Member[] | string | Bytes): State {
    if (data instanceof Uint8Array) return new State({ bytes: data });
    return new State(typeof data === "string" ? ofText(data) : ofMembers(data));
  }

  /** The JSON text as UTF-8. */
  get body(): Bytes {
    return this.parts.bytes.subarray(0, -2);
  }

  /** A strong entity tag (RFC 9110, 8.8.3). */
  get etag(): Promise<string> {
    return this.#etag ??= eTag(this.body);
  }

  /** The body, compressed. */
  get gzip(): Promise<Bytes> {
    return this.#gzip ??= compress(this.body).then((bytes) =>
      new Uint8Array(bytes)
    );
  }

  equals(other: State): boolean {
    return Buffer.compare(this.parts.bytes, other.parts.bytes) === 0;
  }

  /**
   * The frame that carries this state, in chunks; the same bytes for
   * everybody who asks for the same id and event.
   */
  frame(id: number, event: string): readonly Uint8Array[] {
    if (event !== this.#event) {
      this.#event = event;
      this.#frames.clear();
    }
    const known = this.#frames.get(id);
    if (known !== undefined) return known;
    const head = `id: ${id}\nevent: ${event}\ndata: `;
    const { bytes } = this.parts;
    const isKept = this.#frames.size < FRAMES;
    const frame = bytes.length > (isKept ? MEDIUM : SMALL)
      ? [encoder.encode(head), bytes]
      : [concat(encoder.encode(head), bytes)];
    if (isKept) this.#frames.set(id, frame);
    return frame;
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
      made = { patch: makePatch(old.parts, this.parts) };
      this.#patches.set(old, made);
    }
    return made.patch;
  }
}

function makePatch(old: StateParts, now: StateParts): State | undefined {
  const patch: Member[] = [];
  let length = 0;
  for (const [name, before, after] of differences(old, now)) {
    const value = mergePatch(before, after);
    if (value === undefined) return undefined;
    patch.push([name, value]);
    length += value.length;
    if (length > now.bytes.length) return undefined;
  }
  return State.of(patch);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

function ofText(json: string): StateParts {
  return { bytes: encoder.encode(`${escapeLineEnds(json)}\n\n`) };
}

/** A member as UTF-8. */
interface EncodedMember {
  /** `"name":value` */
  readonly bytes: Uint8Array;
  /** Where the value begins. */
  readonly value: number;
}

/** Views keep the members of a value that did not change, so they are encoded once. */
const encoded = new WeakMap<Member, EncodedMember>();

function encode(member: Member): EncodedMember {
  let known = encoded.get(member);
  if (known === undefined) {
    const name = encoder.encode(
      `${escapeLineEnds(JSON.stringify(member[0]))}:`,
    );
    const value = encoder.encode(escapeLineEnds(member[1]));
    known = { bytes: concat(name, value), value: name.length };
    encoded.set(member, known);
  }
  return known;
}

function ofMembers(members: readonly Member[]): StateParts {
  const parts = sortedByName(members).map(encode);
  const commas = Math.max(0, parts.length - 1);
  const length = parts.reduce((sum, part) => sum + part.bytes.length, commas);
  const bytes = new Uint8Array(length + 4);
  const index = new Uint32Array(parts.length * 2);
  let at = 0;
  const put = (character: string) => bytes[at++] = character.charCodeAt(0);
  put("{");
  parts.forEach((part, i) => {
    if (i > 0) put(",");
    index[2 * i] = at;
    index[2 * i + 1] = at + part.value;
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  });
  put("}");
  put("\n");
  put("\n");
  return { bytes, index };
}

/** A member that differs: its name, and its value before and after as JSON text, if it was there. */
type Difference = readonly [
  name: string,
  before: string | undefined,
  after: string | undefined,
];

/** The members by which two objects differ. */
function* differences(old: StateParts, now: StateParts): Generator<Difference> {
  const before = new MemberReader(old);
  const after = new MemberReader(now);
  while (!before.isDone || !after.isDone) {
    if (before.isSame(after)) {
      before.next();
      after.next();
      continue;
    }
    const a = before.isDone ? undefined : before.name;
    const b = after.isDone ? undefined : after.name;
    // Members are sorted by name.
    if (b === undefined || a !== undefined && a < b) {
      if (a !== undefined) yield [a, before.value, undefined];
      before.next();
    } else if (a === undefined || b < a) {
      yield [b, undefined, after.value];
      after.next();
    } else {
      yield [a, before.value, after.value];
      before.next();
      after.next();
    }
  }
}

/** Reads the members of an object one after the other. */
class MemberReader {
  #i = 0;
  readonly #bytes: Bytes;
  readonly #index: Uint32Array;

  constructor({ bytes, index }: StateParts) {
    if (index === undefined) throw new Error("the state is not an object");
    this.#bytes = bytes;
    this.#index = index;
  }

  get isDone(): boolean {
    return 2 * this.#i >= this.#index.length;
  }

  get name(): string {
    return String(JSON.parse(this.#text(this.#start, this.#valueStart - 1)));
  }

  get value(): string {
    return this.#text(this.#valueStart, this.#end);
  }

  next(): void {
    this.#i++;
  }

  /** Whether the other one is at a member of the same name and value. */
  isSame(other: MemberReader): boolean {
    if (this.isDone || other.isDone) return false;
    const length = this.#end - this.#start;
    return length === other.#end - other.#start &&
      Buffer.compare(
          this.#bytes.subarray(this.#start, this.#end),
          other.#bytes.subarray(other.#start, other.#end),
        ) === 0;
  }

  get #start(): number {
    return this.#index[2 * this.#i] ?? 0;
  }

  get #valueStart(): number {
    return this.#index[2 * this.#i + 1] ?? 0;
  }

  get #end(): number {
    // After each member comes a comma, or what ends the state.
    return (this.#index[2 * this.#i + 2] ?? this.#bytes.length - 2) - 1;
  }

  #text(start: number, end: number): string {
    return decoder.decode(this.#bytes.subarray(start, end));
  }
}
