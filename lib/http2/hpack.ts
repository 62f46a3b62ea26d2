/**
 * Compression of headers in HTTP/2.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7541
 * @module
 */
import { Buffer } from "node:buffer";

/** A header: its name and its value, with one character for each byte. */
export type Header = readonly [name: string, value: string];

/** RFC 7541, appendix A. */
const STATIC_TABLE: readonly Header[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...[
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
  ].map((name): Header => [name, ""]),
];

/** Maximum size of the dynamic table, in bytes: the default of SETTINGS_HEADER_TABLE_SIZE. */
const TABLE_SIZE = 4_096;

/** Added to the size of each entry, in bytes: RFC 7541, 4.1. */
const ENTRY_OVERHEAD = 32;

/** A header block that cannot be decoded. It ends the connection, because the table is then out of sync. */
export class HpackError extends Error {
  override readonly name = "HpackError";
}

/**
 * Decodes the header blocks of a client, in order.
 */
export class HpackDecoder {
  /** The newest first. */
  readonly #table: Header[] = [];
  #size = 0;
  #maxSize = TABLE_SIZE;

  /**
   * Decodes a block.
   *
   * @param limit maximum size of the headers, in bytes, as RFC 9113, 6.5.2 counts it
   * @returns undefined if they exceed it; the block is decoded nonetheless,
   * because later ones depend on the table
   * @throws {HpackError} if it is malformed
   */
  decode(block: Uint8Array, limit: number): Header[] | undefined {
    const reader = new Reader(block);
    const headers: Header[] = [];
    let size = 0;
    // Size updates come first: RFC 7541, 4.2.
    while (!reader.isDone && (reader.peek() & 0xe0) === 0x20) {
      this.#resize(reader.integer(5));
    }
    while (!reader.isDone) {
      const header = this.#next(reader);
      size += sizeOf(header);
      if (size <= limit) headers.push(header);
    }
    return size <= limit ? headers : undefined;
  }

  #next(reader: Reader): Header {
    const first = reader.peek();
    if (first & 0x80) return this.#entry(reader.integer(7));
    if (first & 0x40) {
      const header = this.#literal(reader, 6);
      this.#add(header);
      return header;
    }
    if (first & 0x20) throw new HpackError("size update within a block");
    return this.#literal(reader, 4);
  }

  #resize(size: number): void {
    if (size > TABLE_SIZE) throw new HpackError("table too large");
    this.#maxSize = size;
    this.#evict();
  }

  #literal(reader: Reader, bits: number): Header {
    const index = reader.integer(bits);
    const name = index === 0 ? reader.string() : this.#entry(index)[0];
    return [name, reader.string()];
  }

  #entry(index: number): Header {
    const header = STATIC_TABLE[index - 1] ??
      this.#table[index - 1 - STATIC_TABLE.length];
    if (header === undefined) throw new HpackError("invalid index");
    return header;
  }

  #add(header: Header): void {
    this.#table.unshift(header);
    this.#size += sizeOf(header);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#maxSize) {
      const oldest = this.#table.pop();
      if (oldest === undefined) break;
      this.#size -= sizeOf(oldest);
    }
  }
}

function sizeOf([name, value]: Header): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

/** Reads the primitives of a header block. */
class Reader {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get isDone(): boolean {
    return this.#at >= this.bytes.length;
  }

  peek(): number {
    const byte = this.bytes[this.#at];
    if (byte === undefined) throw new HpackError("truncated block");
    return byte;
  }

  /** Reads an integer with a prefix of some bits: RFC 7541, 5.1. */
  integer(bits: number): number {
    const max = (1 << bits) - 1;
    let value = this.#byte() & max;
    if (value < max) return value;
    for (let shift = 0; shift <= 14; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new HpackError("integer too large");
  }

  /** Reads a string: RFC 7541, 5.2. */
  string(): string {
    const isHuffman = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const bytes = this.bytes.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new HpackError("truncated block");
    this.#at += length;
    const text = isHuffman ? decodeHuffman(bytes) : bytes;
    if (text === undefined) throw new HpackError("invalid Huffman code");
    return latin1(text);
  }

  #byte(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }
}

/** Up to this length, in bytes, a loop is faster than a call into the runtime. */
const LOOP_LIMIT = 20;

function latin1(bytes: Uint8Array): string {
  if (bytes.length > LOOP_LIMIT) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      .toString("latin1");
  }
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The instruction that resizes the dynamic table to 0: RFC 7541, 6.3. */
const EMPTY_TABLE = 0x20;

/**
 * Encodes header blocks for a client, in the order in which they are sent. It
 * does not use the dynamic table. But a client that reduces the table's size
 * expects a size update.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7541#section-4.2
 */
export class HpackEncoder {
  #maxSize = TABLE_SIZE;
  #isReduced = false;

  /** Sets the peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. */
  setMaxTableSize(size: number): void {
    if (size < this.#maxSize) this.#isReduced = true;
    this.#maxSize = size;
  }

  /** Encodes the next block. */
  encode(headers: readonly Header[]): Uint8Array {
    const block = encodeHeaders(headers);
    if (!this.#isReduced) return block;
    this.#isReduced = false;
    return Uint8Array.of(EMPTY_TABLE, ...block);
  }
}

/** Encodes a header block without indexing and Huffman code: responses have few, short headers. */
export function encodeHeaders(headers: readonly Header[]): Uint8Array {
  const bytes: number[] = [];
  const string = (text: string) => {
    bytes.push(...encodeLength(text));
    for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 255);
  };
  for (const [name, value] of headers) {
    bytes.push(0);
    string(name);
    string(value);
  }
  return Uint8Array.from(bytes);
}

/** Encodes the length of a string without Huffman code: RFC 7541, 5.1 and 5.2. */
function encodeLength({ length }: string): number[] {
  if (length < 127) return [length];
  const bytes = [127];
  let rest = length - 127;
  for (; rest > 127; rest >>= 7) bytes.push(rest & 127 | 128);
  return [...bytes, rest];
}

/** Length of the Huffman code of each byte, in bits: RFC 7541, appendix B. */
const CODE_LENGTHS = [
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

/** Buffer for most decoded strings. */
const scratch = new Uint8Array(512);

/** Length of the shortest code, in bits. */
const MIN_CODE_LENGTH = 5;

/** A node of the code's tree: for each bit the next node, or the decoded byte. */
type HuffmanNode = [
  HuffmanNode | number | undefined,
  HuffmanNode | number | undefined,
];

const HUFFMAN_TREE = buildHuffmanTree();

/** The code is canonical: sorted by length and then by byte, each code is the previous one plus 1. */
function buildHuffmanTree(): HuffmanNode {
  const root: HuffmanNode = [undefined, undefined];
  const bytes = [...CODE_LENGTHS.keys()]
    .sort((a, b) => codeLength(a) - codeLength(b) || a - b);
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    code <<= codeLength(byte) - length;
    length = codeLength(byte);
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

function codeLength(byte: number): number {
  return CODE_LENGTHS[byte] ?? 0;
}

/**
 * Decodes Huffman coded bytes. The result is valid until the next call.
 *
 * @returns undefined if the code is invalid
 * @see https://www.rfc-editor.org/rfc/rfc7541#section-5.2
 */
export function decodeHuffman(bytes: Uint8Array): Uint8Array | undefined {
  const max = Math.floor(bytes.length * 8 / MIN_CODE_LENGTH);
  const decoded = max > scratch.length ? new Uint8Array(max) : scratch;
  let count = 0;
  let node = HUFFMAN_TREE;
  /** Number of bits since the last byte, and whether all of them are 1. */
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
      node = HUFFMAN_TREE;
      depth = 0;
      isPadding = true;
    }
  }
  return depth < 8 && isPadding ? decoded.subarray(0, count) : undefined;
}
