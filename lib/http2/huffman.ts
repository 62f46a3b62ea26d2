/** How many bits the code of each byte has, of 0 to 255. RFC 7541, appendix B. */
const LENGTHS = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
];

/** For what most strings are decoded to. */
const scratch = new Uint8Array(512);

/** How many bits the shortest code has. */
const SHORTEST = 5;

/** A bit's two ways on: a node, or a byte. */
type Node = [Node | number | undefined, Node | number | undefined];

const ROOT = makeTree();

/** The code is canonical: by length, then by byte, each is the one before it plus 1. */
function makeTree(): Node {
  const root: Node = [undefined, undefined];
  const bytes = [...LENGTHS.keys()]
    .sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    code <<= lengthOf(byte) - length;
    length = lengthOf(byte);
    let node = root;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = code >> bit & 1;
      const next = node[side];
      if (typeof next === "object") node = next;
      else node = node[side] = [undefined, undefined];
    }
    node[code & 1] = byte;
    code++;
  }
  return root;
}

function lengthOf(byte: number): number {
  return LENGTHS[byte] ?? 0;
}

/**
 * The bytes that are Huffman coded; good until the next call.
 *
 * @returns undefined when the code is broken
 * @see https://www.rfc-editor.org/rfc/rfc7541#section-5.2
 */
export function decodeHuffman(bytes: Uint8Array): Uint8Array | undefined {
  const most = Math.floor(bytes.length * 8 / SHORTEST);
  const decoded = most > scratch.length ? new Uint8Array(most) : scratch;
  let count = 0;
  let node = ROOT;
  /** Bits since the last byte, and whether all of them are 1. */
  let depth = 0;
  let isPadding = true;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const side = byte >> bit & 1;
      depth++;
      isPadding &&= side === 1;
      const next = node[side];
      if (next === undefined) return undefined;
      if (typeof next === "object") {
        node = next;
        continue;
      }
      decoded[count++] = next;
      node = ROOT;
      depth = 0;
      isPadding = true;
    }
  }
  return depth < 8 && isPadding ? decoded.subarray(0, count) : undefined;
}
