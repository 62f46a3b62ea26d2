import { createHash } from "node:crypto";
import type { Fragment } from "./item.ts";

/** How long a block's hash is, in bytes. */
export const HASH = 32;

/** Items that follow each other, sorted by name; never changed. */
export class Block {
  /** Of all items, in bytes. */
  readonly size: number;
  #hash?: Uint8Array;

  constructor(readonly fragments: readonly Fragment[]) {
    this.size = sizeOf(fragments);
  }

  get first(): string {
    return this.fragments[0]?.name ?? "";
  }

  /** SHA-256 of the items. */
  get hash(): Uint8Array {
    if (this.#hash === undefined) {
      const hash = createHash("sha256");
      for (const { bytes } of this.fragments) {
        // Where an item ends counts, too.
        hash.update(`${bytes.length}:`).update(bytes);
      }
      this.#hash = hash.digest();
    }
    return this.#hash;
  }
}

/** Of items, in bytes. */
export function sizeOf(items: readonly Fragment[]): number {
  let size = 0;
  for (const { bytes } of items) size += bytes.length;
  return size;
}
