import { crc32 } from "node:zlib";
import type { Entry, Snapshot } from "../store.ts";
import {
  BadState,
  checkIdentity,
  damaged,
  decodeEntry,
  decodeIdentity,
  decodeSection,
  HEAD,
  type Identity,
  KIND,
  MAGIC,
  PIECE,
  type Section,
  VERSION,
} from "./format.ts";

/** A part of a saved state: the beginning of a prefix, or one of its entries. */
export type StatePart = {
  readonly section: Section;
  /** See {@linkcode Identity}. */
  readonly cluster?: string;
} | {
  readonly entry: Entry;
  /** The entry as it is in the file. */
  readonly record: Uint8Array;
};

/**
 * The parts of a saved state in the order of the file, some at a time. What
 * was given counts only if all could be read: the checksum is at the end.
 *
 * @param isKept whether the parts are still looked at when the next ones come
 * @throws {BadState} when the file is damaged, of another version or cluster,
 * or cannot be read, for the cause that it has then
 */
export async function* readState(
  path: string,
  identity: Identity,
  isKept: boolean,
): AsyncGenerator<readonly StatePart[]> {
  try {
    yield* read(path, identity, isKept);
  } catch (cause) {
    if (cause instanceof BadState) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BadState(reason, { cause });
  }
}

async function* read(
  path: string,
  identity: Identity,
  isKept: boolean,
): AsyncGenerator<readonly StatePart[]> {
  using file = await openOwn(path);
  const { size } = await file.stat();
  let left = size;
  const read = async (into: Uint8Array) => {
    left -= into.length;
    for (let used = 0; used < into.length;) {
      const count = await file.read(into.subarray(used));
      if (count === null) throw damaged();
      used += count;
    }
  };
  const head = new Uint8Array(Math.min(MAGIC.length + 4, size));
  await read(head);
  checkHead(head);
  const records = new Records(identity, crc32(head));
  let buffer = new Uint8Array();
  while (left > 0) {
    const { rest, needed } = records;
    const size = Math.min(rest.length + left, Math.max(PIECE, needed));
    if (isKept || size > buffer.length) buffer = new Uint8Array(size);
    const piece = buffer.subarray(0, size);
    piece.set(rest);
    await read(piece.subarray(rest.length));
    yield records.take(piece);
  }
  if (!records.isOver) throw damaged();
}

/**
 * Opens a file that nobody else can have written; no links are followed.
 *
 * @throws {BadState} that says why it is not to be trusted
 */
async function openOwn(path: string): Promise<Deno.FsFile> {
  const found = await Deno.lstat(path);
  if (found.isSymlink) throw new BadState("it is a symbolic link");
  // A pipe or a device may never end.
  if (!found.isFile) throw new BadState("it is not a file");
  const file = await Deno.open(path);
  try {
    const { dev, ino, uid, mode } = await file.stat();
    if (dev !== found.dev || ino !== found.ino) {
      throw new BadState("it was replaced while it was opened");
    }
    const own = Deno.uid();
    if (uid !== own) {
      throw new BadState(
        `it belongs to user ${uid}, and lainlet runs as user ${own}`,
      );
    }
    const access = (mode ?? 0) & 0o777;
    if ((access & 0o022) !== 0) {
      throw new BadState(
        `others may write it (mode 0${access.toString(8)}): chmod 600 ${path}`,
      );
    }
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

function checkHead(head: Uint8Array<ArrayBuffer>): void {
  if (!MAGIC.every((byte, i) => byte === head[i])) {
    throw new BadState("it is no saved state");
  }
  if (head.length < MAGIC.length + 4) throw damaged();
  const version = new DataView(head.buffer).getUint32(MAGIC.length, true);
  if (version === VERSION) return;
  throw new BadState(`its format is version ${version}, not ${VERSION}`);
}

/** Takes a file apart. */
class Records {
  /** What was not taken, as there is more to come of it. */
  rest = new Uint8Array();
  /** How much it takes to go on, the rest included, in bytes. */
  needed = 0;
  /** Whether the end was there, with the right checksum. */
  isOver = false;
  #found?: Identity;

  constructor(private readonly identity: Identity, private sum: number) {}

  take(piece: Uint8Array<ArrayBuffer>): StatePart[] {
    const parts: StatePart[] = [];
    const view = new DataView(piece.buffer);
    let at = 0;
    this.needed = HEAD;
    while (piece.length - at >= HEAD) {
      const size = view.getUint32(at, true);
      if (size < HEAD || this.isOver) throw damaged();
      if (size > piece.length - at) {
        this.needed = size;
        break;
      }
      const record = piece.subarray(at, at + size);
      const kind = view.getUint8(at + 4);
      if (kind === KIND.end) {
        this.#end(record, crc32(piece.subarray(0, at), this.sum));
      } else parts.push(...this.#partOf(kind, record));
      at += size;
    }
    this.rest = piece.subarray(at);
    if (this.isOver && this.rest.length > 0) throw damaged();
    this.sum = crc32(piece.subarray(0, at), this.sum);
    return parts;
  }

  #partOf(kind: number, record: Uint8Array): StatePart[] {
    const content = record.subarray(HEAD);
    if (this.#found === undefined) {
      if (kind !== KIND.identity) throw damaged();
      this.#found = decodeIdentity(content);
      checkIdentity(this.#found, this.identity);
      return [];
    }
    if (kind === KIND.section) {
      const { cluster } = this.#found;
      return [{ section: decodeSection(content), cluster }];
    }
    if (kind === KIND.entry) return [{ entry: decodeEntry(record), record }];
    throw damaged();
  }

  #end(record: Uint8Array, sum: number): void {
    if (record.length !== HEAD + 4) throw damaged();
    const view = new DataView(record.buffer, record.byteOffset);
    if (view.getUint32(HEAD, true) !== sum) throw damaged();
    this.isOver = true;
  }
}

/** A snapshot from a file. */
export interface LoadedSnapshot extends Snapshot {
  readonly pages: readonly [readonly Entry[]];
}

/**
 * A saved state, as snapshots by prefix.
 *
 * @throws as {@linkcode readState}
 */
export async function loadState(
  path: string,
  identity: Identity,
): Promise<Map<string, LoadedSnapshot>> {
  const found: { section: Section; cluster?: string; entries: Entry[] }[] = [];
  for await (const parts of readState(path, identity, true)) {
    for (const part of parts) {
      if ("section" in part) found.push({ ...part, entries: [] });
      else found.at(-1)?.entries.push(part.entry);
    }
  }
  return new Map(
    found.map((
      { section: { prefix, revision, at }, cluster, entries },
    ) => [prefix, {
      type: "snapshot",
      revision,
      cluster,
      pages: [entries.sort((a, b) => a.key < b.key ? -1 : 1)],
      saved: { file: path, at },
    }]),
  );
}
