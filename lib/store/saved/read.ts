import { crc32 } from "node:zlib";
import type { Entry, SavedFile, Snapshot } from "../store.ts";
import {
  BadState,
  checkIdentity,
  CHUNK,
  damaged,
  decodeEntry,
  decodeIdentity,
  decodeSection,
  type Identity,
  KIND,
  MAGIC,
  RECORD_HEAD,
  type Section,
  VERSION,
} from "./format.ts";

/** A part of a saved state: the section of a prefix, one of its entries, or a note. */
export type StatePart = {
  readonly section: Section;
  /** See {@linkcode Identity}. */
  readonly cluster?: string;
} | {
  readonly entry: Entry;
  /** The entry's bytes in the file. */
  readonly record: Uint8Array;
} | {
  readonly note: Uint8Array;
};

/**
 * Reads the parts of a saved state in the order of the file, some at a time.
 * They are valid only if all could be read: the checksum is at the end.
 *
 * @param isKept whether the caller still uses parts when the next ones come
 * @throws {BadState} when the file is damaged, of another version or cluster,
 * or cannot be read; then the cause is the error
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
  const header = new Uint8Array(Math.min(MAGIC.length + 4, size));
  await read(header);
  checkHeader(header);
  const records = new RecordReader(identity, crc32(header));
  let buffer = new Uint8Array();
  while (left > 0) {
    const { rest, needed } = records;
    const size = Math.min(rest.length + left, Math.max(CHUNK, needed));
    if (isKept || size > buffer.length) buffer = new Uint8Array(size);
    const chunk = buffer.subarray(0, size);
    chunk.set(rest);
    await read(chunk.subarray(rest.length));
    yield records.push(chunk);
  }
  if (!records.isOver) throw damaged();
}

/**
 * Opens a file that no other user can have written. Follows no links.
 *
 * @throws {BadState} that says why the file is not trusted
 */
async function openOwn(path: string): Promise<Deno.FsFile> {
  const info = await Deno.lstat(path);
  if (info.isSymlink) throw new BadState("it is a symbolic link");
  // A pipe or a device may never end.
  if (!info.isFile) throw new BadState("it is not a file");
  const file = await Deno.open(path);
  try {
    const { dev, ino, uid, mode } = await file.stat();
    if (dev !== info.dev || ino !== info.ino) {
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

function checkHeader(header: Uint8Array<ArrayBuffer>): void {
  if (!MAGIC.every((byte, i) => byte === header[i])) {
    throw new BadState("it is no saved state");
  }
  if (header.length < MAGIC.length + 4) throw damaged();
  const version = new DataView(header.buffer).getUint32(MAGIC.length, true);
  if (version === VERSION) return;
  throw new BadState(`its format is version ${version}, not ${VERSION}`);
}

/** Splits a file into records. */
class RecordReader {
  /** The beginning of a record that is not complete. */
  rest = new Uint8Array();
  /** How many bytes the next record needs, `rest` included. */
  needed = 0;
  /** Whether the last record was read, with the right checksum. */
  isOver = false;
  #fileIdentity?: Identity;

  constructor(private readonly identity: Identity, private checksum: number) {}

  /** Returns the parts that are complete with the next bytes. @param chunk begins with `rest` */
  push(chunk: Uint8Array<ArrayBuffer>): StatePart[] {
    const parts: StatePart[] = [];
    const view = new DataView(chunk.buffer);
    let at = 0;
    this.needed = RECORD_HEAD;
    while (chunk.length - at >= RECORD_HEAD) {
      const size = view.getUint32(at, true);
      if (size < RECORD_HEAD || this.isOver) throw damaged();
      if (size > chunk.length - at) {
        this.needed = size;
        break;
      }
      const record = chunk.subarray(at, at + size);
      const kind = view.getUint8(at + 4);
      if (kind === KIND.end) {
        this.#end(record, crc32(chunk.subarray(0, at), this.checksum));
      } else parts.push(...this.#partOf(kind, record));
      at += size;
    }
    this.rest = chunk.subarray(at);
    if (this.isOver && this.rest.length > 0) throw damaged();
    this.checksum = crc32(chunk.subarray(0, at), this.checksum);
    return parts;
  }

  #partOf(kind: number, record: Uint8Array): StatePart[] {
    const content = record.subarray(RECORD_HEAD);
    if (this.#fileIdentity === undefined) {
      if (kind !== KIND.identity) throw damaged();
      this.#fileIdentity = decodeIdentity(content);
      checkIdentity(this.#fileIdentity, this.identity);
      return [];
    }
    if (kind === KIND.section) {
      const { cluster } = this.#fileIdentity;
      return [{ section: decodeSection(content), cluster }];
    }
    if (kind === KIND.entry) return [{ entry: decodeEntry(record), record }];
    if (kind === KIND.note) return [{ note: content }];
    throw damaged();
  }

  #end(record: Uint8Array, checksum: number): void {
    if (record.length !== RECORD_HEAD + 4) throw damaged();
    const view = new DataView(record.buffer, record.byteOffset);
    if (view.getUint32(RECORD_HEAD, true) !== checksum) throw damaged();
    this.isOver = true;
  }
}

/** A snapshot from a saved state. */
export interface LoadedSnapshot extends Snapshot {
  readonly pages: readonly [readonly Entry[]];
  readonly saved: SavedFile;
}

/**
 * Reads a saved state, as one snapshot for each prefix.
 *
 * @param notes the state's notes are added to it
 * @throws as {@linkcode readState}
 */
export async function loadState(
  path: string,
  identity: Identity,
  notes: Uint8Array[] = [],
): Promise<Map<string, LoadedSnapshot>> {
  const sections: { section: Section; cluster?: string; entries: Entry[] }[] =
    [];
  for await (const parts of readState(path, identity, true)) {
    for (const part of parts) {
      if ("section" in part) sections.push({ ...part, entries: [] });
      else if ("note" in part) notes.push(part.note);
      else sections.at(-1)?.entries.push(part.entry);
    }
  }
  return new Map(
    sections.map((
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
