import { gzipSync } from "node:zlib";

/**
 * Compresses as `gzip` of `node:zlib`, in simulated time.
 *
 * @param done called with the result
 */
export function gzip(
  bytes: Uint8Array,
  done: (error: Error | null, compressed: Uint8Array) => void,
): void {
  setTimeout(() => done(null, gzipSync(bytes)), 1);
}
