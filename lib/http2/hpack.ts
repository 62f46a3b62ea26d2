import { Buffer } from "node:buffer";

/** A header: its name and its value, a byte a character. */
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

/** How large the dynamic table may be, in bytes: what every peer may take for granted. */
const TABLE_SIZE = 4_096;

/** What an entry of the table counts besides its bytes. */
const ENTRY_OVERHEAD = 32;

/** A header block that cannot be read: the connection is lost, as its table is. */
export class HpackError extends Error {
  override readonly name = "HpackError";
}

/**
 * Reads the header blocks of one side of a connection.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7541
 */
export class HpackDecoder {
  /** The newest first. */
  readonly #table: Header[] = [];
  #size = 0;
  #maxSize = TABLE_SIZE;

  /**
   * The headers of a block.
   *
   * @param limit of their size, in bytes, as RFC 9113, 6.5.2 counts it
   * @returns undefined when there are more: the block is decoded nonetheless,
   * as those that follow need the table
   * @throws {HpackError} when it is malformed
   */
  decode(block: Uint8Array, limit: number): Header[] | undefined {
    const reader = new Reader(block);
    const headers: Header[] = [];
    let size = 0;
    // Only at the beginning: RFC 7541, 4.2.
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
    if (first & 0x20) throw new HpackError("a table size amid a block");
    return this.#literal(reader, 4);
  }

  #resize(size: number): void {
    if (size > TABLE_SIZE) throw new HpackError("too large a table");
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
    if (header === undefined) throw new HpackError("no such entry");
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

/** Reads what a header block is made of. */
class Reader {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get isDone(): boolean {
    return this.#at >= this.bytes.length;
  }

  peek(): number {
    const byte = this.bytes[this.#at];
    if (byte === undefined) throw new HpackError("cut off");
    return byte;
  }

  /** An integer that begins in the last bits of a byte: RFC 7541, 5.1. */
  integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 14; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new HpackError("too large an integer");
  }

  /** RFC 7541, 5.2. */
  string(): string {
    const isHuffman = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const bytes = this.bytes.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new HpackError("cut off");
    this.#at += length;
    const text = isHuffman ? decodeHuffman(bytes) : bytes;
    if (text === undefined) throw new HpackError("a broken code");
    return latin1(text);
  }

  #byte(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }
}

/** Up to this length a loop is faster than a call into the runtime, in bytes. */
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

/** The instruction that sets the size of the dynamic table to 0: RFC 7541, 6.3. */
const EMPTY_TABLE = 0x20;

/**
 * Encodes header blocks for one peer, in the order in which they are sent.
 * Nothing is put into the dynamic table, yet a peer that allows a smaller one
 * has to hear that it is smaller.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7541#section-4.2
 */
export class HpackEncoder {
  #maxSize = TABLE_SIZE;
  #isReduced = false;

  /** Takes the peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. */
  setMaxTableSize(size: number): void {
    if (size < this.#maxSize) this.#isReduced = true;
    this.#maxSize = size;
  }

  /** The next block. */
  encode(headers: readonly Header[]): Uint8Array {
    const block = encodeHeaders(headers);
    if (!this.#isReduced) return block;
    this.#isReduced = false;
    return Uint8Array.of(EMPTY_TABLE, ...block);
  }
}

/** A header block that leaves the tables as they are, and codes nothing: short ones are sent. */
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

/** How long a text is, whose first bit says that it is not coded: RFC 7541, 5.1 and 5.2. */
function encodeLength({ length }: string): number[] {
  if (length < 127) return [length];
  const bytes = [127];
  let rest = length - 127;
  for (; rest > 127; rest >>= 7) bytes.push(rest & 127 | 128);
  return [...bytes, rest];
}

/** How many bits the code of each byte has, of 0 to 255. RFC 7541, appendix B. */
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

/** For what most strings are decoded to. */
const scratch = new Uint8Array(512);

/** How many bits the shortest code has. */
const MIN_CODE_LENGTH = 5;

/** A bit's two ways on: a node, or a byte. */
type HuffmanNode = [
  HuffmanNode | number | undefined,
  HuffmanNode | number | undefined,
];

const HUFFMAN_TREE = buildHuffmanTree();

/** The code is canonical: by length, then by byte, each is the one before it plus 1. */
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
 * The bytes that are Huffman coded; good until the next call.
 *
 * @returns undefined when the code is broken
 * @see https://www.rfc-editor.org/rfc/rfc7541#section-5.2
 */
export function decodeHuffman(bytes: Uint8Array): Uint8Array | undefined {
  const most = Math.floor(bytes.length * 8 / MIN_CODE_LENGTH);
  const decoded = most > scratch.length ? new Uint8Array(most) : scratch;
  let count = 0;
  let node = HUFFMAN_TREE;
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
      node = HUFFMAN_TREE;
      depth = 0;
      isPadding = true;
    }
  }
  return depth < 8 && isPadding ? decoded.subarray(0, count) : undefined;
}
