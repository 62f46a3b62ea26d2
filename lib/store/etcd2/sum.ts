/** When a key was written, and what. */
export interface Sum {
  readonly revision: number;
  /** See {@linkcode sumOf}. */
  readonly sum: number;
}

/** A number by which two values are told from each other: their length, and FNV-1a. */
export function sumOf(value: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of value) hash = Math.imul(hash ^ byte, 0x01000193);
  return value.length * 2 ** 32 + (hash >>> 0);
}
