import { escapeLineEnds, type Member } from "../json.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A part of a state, as bytes, and by which name it is found: a member of an object, `"name":value`. */
export interface Item {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where the value begins in the bytes. */
  readonly value: number;
  /** Whether a block begins with it: by its name alone, so that it is so everywhere. */
  readonly isBorder: boolean;
}

/** One name in so many begins a block; a power of two. */
const BLOCK = 32;

export function item(name: string, bytes: Uint8Array, value = 0): Item {
  return { name, bytes, value, isBorder: isBorder(name) };
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
export function memberItem([name, json]: Member): Item {
  const head = `${escapeLineEnds(JSON.stringify(name))}:`;
  const bytes = encoder.encode(head + escapeLineEnds(json));
  return item(name, bytes, encoder.encode(head).length);
}

/** The value of a member as JSON text. */
export function valueOf({ bytes, value }: Item): string {
  return decoder.decode(bytes.subarray(value));
}
