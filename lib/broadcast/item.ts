import { escapeLineEnds, type Member } from "../json.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A part of a state, as bytes, and by which name it is found: a member of an object, `"name":value`. */
export interface Fragment {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where the value begins in the bytes. */
  readonly valueOffset: number;
  /** Whether a block begins with it: by its name alone, so that it is so everywhere. */
  readonly startsBlock: boolean;
}

/** One name in so many begins a block; a power of two. */
const BLOCK = 32;

export function fragment(name: string, bytes: Uint8Array, value = 0): Fragment {
  return { name, bytes, valueOffset: value, startsBlock: isBorder(name) };
}

/** FNV-1a, whose lower bits are as good as any. */
function isBorder(name: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 8) % BLOCK === 0;
}

/** A member of an object as an item. Whoever keeps it need not keep its text. */
export function memberFragment([name, json]: Member): Fragment {
  const head = `${escapeLineEnds(JSON.stringify(name))}:`;
  const bytes = encoder.encode(head + escapeLineEnds(json));
  return fragment(name, bytes, encoder.encode(head).length);
}

/** The value of a member as JSON text. */
export function valueOf({ bytes, valueOffset: value }: Fragment): string {
  return decoder.decode(bytes.subarray(value));
}
