/** How long the buffers are that are used again, in bytes: longer than what is sent at a time. */
const SIZE = 96 * 1024;

/** Up to this many bytes a buffer of its own is cheaper. */
const SMALL = 4 * 1024;

/** How many are kept for later. */
const KEPT = 64;

/** Buffers of this thread that nobody uses. */
const free: Uint8Array<ArrayBuffer>[] = [];

/** A buffer of a size at least, with whatever is in it. */
export function takeBuffer(size: number): Uint8Array<ArrayBuffer> {
  if (size <= SMALL || size > SIZE) return new Uint8Array(size);
  return free.pop() ?? new Uint8Array(SIZE);
}

/** Takes a buffer back that is not used any more. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length === SIZE && free.length < KEPT) free.push(buffer);
}
