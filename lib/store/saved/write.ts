import { crc32 } from "node:zlib";
import { dirname } from "node:path";
import type { Entry } from "../store.ts";
import {
  CHUNK,
  encodeJson,
  ENTRY_HEAD,
  type Identity,
  KIND,
  MAGIC,
  RECORD_HEAD,
  type Section,
  VERSION,
} from "./format.ts";
import { readState } from "./read.ts";
import type { PendingWrite } from "./pending.ts";

/**
 * Writes a state to a new file beside the old one, and renames it, so that
 * there is a complete file at any time. Copies unchanged entries of
 * watched prefixes from the old file. Blocks the thread for a few ms at most.
 *
 * @param writes what to write, by prefix; other prefixes are dropped
 * @param isUpdate whether the old file holds a part of the state
 * @param notes what else is saved; those of the old file are dropped
 * @throws {BadState} when another process changed the old file
 * @throws {Error} when the file cannot be written
 */
export async function writeState(
  path: string,
  identity: Identity,
  writes: ReadonlyMap<string, PendingWrite>,
  isUpdate: boolean,
  notes: Iterable<Uint8Array> = [],
): Promise<void> {
  await using output = await StateFile.create(path);
  await output.json(KIND.identity, identity);
  const added = new Set(writes.values());
  const begin = async (section: Section, write: PendingWrite) => {
    added.delete(write);
    await output.json(KIND.section, write.section ?? section);
    for (const entry of write.changes.values()) {
      if (entry !== undefined) await output.entry(entry);
    }
  };
  if (isUpdate) {
    let write: PendingWrite | undefined;
    for await (const parts of readState(path, identity, false)) {
      for (const part of parts) {
        if ("section" in part) {
          write = writes.get(part.section.prefix);
          if (write !== undefined) await begin(part.section, write);
        } else if (
          "entry" in part && write && !write.isComplete &&
          !write.changes.has(part.entry.key)
        ) {
          await output.copy(part.record);
        }
      }
    }
  }
  for (const write of added) {
    if (write.isComplete && write.section) await begin(write.section, write);
  }
  for (const note of notes) await output.note(note);
  await output.finish();
}

/** A new file, which takes the place of the old one when it is complete. */
class StateFile implements AsyncDisposable {
  readonly #encoder = new TextEncoder();
  #buffer = new Uint8Array(CHUNK);
  #used = 0;
  #checksum = 0;
  #isOpen = true;

  private constructor(
    private readonly path: string,
    private readonly file: Deno.FsFile,
  ) {}

  static async create(path: string): Promise<StateFile> {
    await removeIfThere(newFileOf(path));
    // `createNew` does not write to a file or link that was made meanwhile.
    const file = await Deno.open(newFileOf(path), {
      write: true,
      createNew: true,
      mode: 0o600,
    });
    const output = new StateFile(path, file);
    output.#buffer.set(MAGIC);
    new DataView(output.#buffer.buffer).setUint32(MAGIC.length, VERSION, true);
    output.#used = MAGIC.length + 4;
    return output;
  }

  async json(kind: number, value: Identity | Section): Promise<void> {
    await this.#record(kind, encodeJson(value));
  }

  async note(content: Uint8Array): Promise<void> {
    await this.#record(KIND.note, content);
  }

  async #record(kind: number, content: Uint8Array): Promise<void> {
    await this.#begin(RECORD_HEAD + content.length, kind);
    this.#append(content);
  }

  async entry({ key, value, revision }: Entry): Promise<void> {
    const name = this.#encoder.encode(key);
    const view = await this.#begin(
      ENTRY_HEAD + name.length + value.length,
      KIND.entry,
    );
    view.setFloat64(this.#used, revision, true);
    view.setUint32(this.#used + 8, name.length, true);
    this.#used += 12;
    this.#append(name);
    this.#append(value);
  }

  /** Copies a record of the old file. */
  async copy(record: Uint8Array): Promise<void> {
    await this.#reserve(record.length);
    this.#append(record);
  }

  /** Ends the file, syncs it, and puts it into the place of the old one. */
  async finish(): Promise<void> {
    await this.#flush();
    const view = await this.#begin(RECORD_HEAD + 4, KIND.end);
    view.setUint32(this.#used, this.#checksum, true);
    this.#used += 4;
    await this.#flush();
    await this.file.syncData();
    this.#close();
    await Deno.rename(newFileOf(this.path), this.path);
    try {
      using folder = await Deno.open(dirname(this.path));
      await folder.sync();
    } catch {
      // Not every file system can do that. Either file will be there, complete.
    }
  }

  /** Removes the new file, if it did not take the place of the old one. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    try {
      await removeIfThere(newFileOf(this.path));
    } catch {
      // The next write reports what is in its way.
    }
  }

  /** Begins a record. @returns a view of the buffer, which has room for the record */
  async #begin(size: number, kind: number): Promise<DataView> {
    await this.#reserve(size);
    const view = new DataView(this.#buffer.buffer);
    view.setUint32(this.#used, size, true);
    view.setUint8(this.#used + 4, kind);
    this.#used += RECORD_HEAD;
    return view;
  }

  #append(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  async #reserve(size: number): Promise<void> {
    if (this.#used + size <= this.#buffer.length) return;
    await this.#flush();
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
  }

  async #flush(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#checksum = crc32(bytes, this.#checksum);
    this.#used = 0;
    for (let written = 0; written < bytes.length;) {
      written += await this.file.write(bytes.subarray(written));
    }
  }

  #close(): void {
    if (this.#isOpen) this.file.close();
    this.#isOpen = false;
  }
}

/** The path of the new file while it is written. */
function newFileOf(path: string): string {
  return `${path}.new`;
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
