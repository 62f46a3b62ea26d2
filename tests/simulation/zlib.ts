import { gzipSync } from "node:zlib";

/**
 * Compresses as `gzip` of `node:zlib` does, in simulated time.
 *
 * @param done called when it is done
 */
export function gzip(
  bytes: Uint8Array,
  done: (error: Error | null, compressed: Uint8Array) => void,
): void {
  setTimeout(() => done(null, gzipSync(bytes)), 1);
}
