import { crc32 } from "node:zlib";
import { dirname } from "node:path";
import type { Entry } from "../store.ts";
import {
  encodeJson,
  ENTRY_HEAD,
  HEAD,
  type Identity,
  KIND,
  MAGIC,
  PIECE,
  type Section,
  VERSION,
} from "./format.ts";
import { readState } from "./read.ts";
import type { PendingWrite } from "./pending.ts";

/**
 * Writes a state: what the file holds and what is new, beside it, and then in
 * its place, so that there is a whole one at any time. Only prefixes of which
 * there may be news stay. Nothing takes the thread for more than a few ms.
 *
 * @param hasOld whether the file holds what is not in the news
 * @throws {BadState} when the file is not what it was
 * @throws {Error} when it cannot be written
 */
export async function writeState(
  path: string,
  identity: Identity,
  news: ReadonlyMap<string, PendingWrite>,
  hasOld: boolean,
): Promise<void> {
  await using output = await Output.create(path);
  await output.json(KIND.identity, identity);
  const isNew = new Set(news.values());
  const begin = async (section: Section, one: PendingWrite) => {
    isNew.delete(one);
    await output.json(KIND.section, one.section ?? section);
    for (const entry of one.changes.values()) {
      if (entry !== undefined) await output.entry(entry);
    }
  };
  if (hasOld) {
    let one: PendingWrite | undefined;
    for await (const parts of readState(path, identity, false)) {
      for (const part of parts) {
        if ("section" in part) {
          one = news.get(part.section.prefix);
          if (one !== undefined) await begin(part.section, one);
        } else if (one && !one.isWhole && !one.changes.has(part.entry.key)) {
          await output.copy(part.record);
        }
      }
    }
  }
  for (const one of isNew) {
    if (one.isWhole && one.section) await begin(one.section, one);
  }
  await output.finish();
}

/** A file that is written beside its place. */
class Output implements AsyncDisposable {
  readonly #encoder = new TextEncoder();
  #buffer = new Uint8Array(PIECE);
  #used = 0;
  #sum = 0;
  #isOpen = true;

  private constructor(
    private readonly path: string,
    private readonly file: Deno.FsFile,
  ) {}

  static async create(path: string): Promise<Output> {
    await removeIfThere(beside(path));
    // One that was made meanwhile, a symbolic link, too, is not written to.
    const file = await Deno.open(beside(path), {
      write: true,
      createNew: true,
      mode: 0o600,
    });
    const output = new Output(path, file);
    output.#buffer.set(MAGIC);
    new DataView(output.#buffer.buffer).setUint32(MAGIC.length, VERSION, true);
    output.#used = MAGIC.length + 4;
    return output;
  }

  async json(kind: number, value: Identity | Section): Promise<void> {
    const content = encodeJson(value);
    await this.#begin(HEAD + content.length, kind);
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

  /** A record as another file has it. */
  async copy(record: Uint8Array): Promise<void> {
    await this.#reserve(record.length);
    this.#append(record);
  }

  /** Puts the file into its place. */
  async finish(): Promise<void> {
    await this.#flush();
    const view = await this.#begin(HEAD + 4, KIND.end);
    view.setUint32(this.#used, this.#sum, true);
    this.#used += 4;
    await this.#flush();
    await this.file.syncData();
    this.#close();
    await Deno.rename(beside(this.path), this.path);
    try {
      using folder = await Deno.open(dirname(this.path));
      await folder.sync();
    } catch {
      // Not every file system can. One of two whole files will be there.
    }
  }

  /** Removes the file if it is not in its place. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    try {
      await removeIfThere(beside(this.path));
    } catch {
      // What is in the way of the next one is said then.
    }
  }

  /** The beginning of a record. @returns a view of the buffer, in which there is room for it */
  async #begin(size: number, kind: number): Promise<DataView> {
    await this.#reserve(size);
    const view = new DataView(this.#buffer.buffer);
    view.setUint32(this.#used, size, true);
    view.setUint8(this.#used + 4, kind);
    this.#used += HEAD;
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
    this.#sum = crc32(bytes, this.#sum);
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

function beside(path: string): string {
  return `${path}.new`;
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
