import { getLogger } from "@logtape/logtape";
import { ChildController } from "../../abort.ts";
import { sleep } from "../../time.ts";
import { UsageError } from "../../flags.ts";
import {
  ContentTracker,
  type Entry,
  type Snapshot,
  type Store,
  type StoreStatus,
  type WatchEvent,
} from "../store.ts";
import { BadState, type Identity, isOther } from "./format.ts";
import { PendingChanges } from "./pending.ts";
import { type LoadedSnapshot, loadState } from "./read.ts";
import { writeState } from "./write.ts";

const log = getLogger(["lainlet", "state"]);

/** How often a state is saved. */
export interface SaveTimes {
  /** What changed, at most, in ms; default 30 s. */
  readonly every?: number;
  /** That nothing changed, in ms; default 5 min. */
  readonly confirmEvery?: number;
}

/**
 * A store whose state is kept in a file, so that there is something to begin
 * with when the store is out of reach: a watch delivers first what the file
 * holds, marked as saved, and then what the store says.
 *
 * In memory is what changed since the file was written, and no more: the file
 * is made anew of the last one and of that.
 */
export class SavedStore implements Store {
  readonly #every: number;
  readonly #confirmEvery: number;
  readonly #heard = new Map<string, PendingChanges>();
  /** Whether the file holds a state, and of which cluster. */
  #hasFile: boolean;
  #fileCluster?: string;
  /** The cluster of the last snapshot. */
  #cluster?: string;
  /** Whether there is something to keep: a store without a key is a wrong one more likely than an empty cluster. */
  readonly #found = new ContentTracker();
  #isChanged = false;
  /** As `performance.now()`. */
  #writtenAt = -Infinity;
  #problem?: string;
  readonly #read = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  readonly #over: Promise<void>;

  private constructor(
    private readonly inner: Store,
    private readonly file: string,
    private readonly identity: Identity,
    /** What is to be delivered first, by prefix. */
    private readonly saved: Map<string, LoadedSnapshot>,
    { every = 30_000, confirmEvery = 300_000 }: SaveTimes,
  ) {
    this.#every = every;
    this.#confirmEvery = confirmEvery;
    this.#hasFile = saved.size > 0;
    for (const { cluster } of saved.values()) this.#fileCluster = cluster;
    this.#over = this.#keepWriting();
  }

  /**
   * Opens it with what the file holds. Where that is of no use the log says
   * why, in one line, and it is as if there were none.
   *
   * @throws {UsageError} when this process may not write there
   */
  static async open(
    inner: Store,
    file: string,
    { kind, endpoints }: Identity,
    times: SaveTimes = {},
  ): Promise<SavedStore> {
    checkPermission(file);
    const identity = { kind, endpoints };
    const saved = await load(file, identity);
    return new SavedStore(inner, file, identity, saved, times);
  }

  get status(): StoreStatus {
    const { status } = this.inner;
    if (this.#problem === undefined) return status;
    return { ...status, problems: [...status.problems, this.#problem] };
  }

  age(prefix: string, history?: number): number {
    return this.inner.age(prefix, history);
  }

  checkFreshness(prefix: string, signal: AbortSignal): Promise<number> {
    return this.inner.checkFreshness(prefix, signal);
  }

  watch(prefix: string, signal: AbortSignal): ReadableStream<WatchEvent> {
    const heard = new PendingChanges(prefix);
    this.#heard.set(prefix, heard);
    const left = new ChildController(signal);
    const ends = left.signal;
    let reader: ReadableStreamDefaultReader<WatchEvent> | undefined;
    return new ReadableStream<WatchEvent>({
      // Nothing here keeps hold of an item while it waits for the next one.
      pull: async (controller) => {
        const saved = this.saved.get(prefix);
        this.saved.delete(prefix);
        if (saved && !ends.aborted) return controller.enqueue(saved);
        for (;;) {
          reader ??= this.#follow(prefix, heard, ends);
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(this.#hear(heard, value));
          if (ends.aborted || !heard.isLost) return controller.close();
          reader = undefined;
        }
      },
      cancel: () => left.abort(),
      // What follows a snapshot is heard after its pages.
    }, { highWaterMark: 0 });
  }

  /** Writes what is not written; to be called when all watches have ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#over;
  }

  #follow(
    prefix: string,
    heard: PendingChanges,
    ends: AbortSignal,
  ): ReadableStreamDefaultReader<WatchEvent> {
    return this.inner.watch(prefix, heard.begin(ends)).getReader();
  }

  /** Notes what is delivered; a snapshot when it was taken whole. */
  #hear(heard: PendingChanges, item: WatchEvent): WatchEvent {
    if (item.type === "snapshot") {
      return { ...item, pages: this.#pagesOf(heard, item) };
    }
    if (item.type === "batch") {
      heard.note(item);
      // One without changes tells its revision only.
      this.#noteChange(heard, item.changes.length > 0);
    }
    return item;
  }

  async *#pagesOf(
    heard: PendingChanges,
    snapshot: Snapshot,
  ): AsyncGenerator<readonly Entry[]> {
    const entries = new Map<string, Entry | undefined>();
    for await (const page of snapshot.pages) {
      for (const entry of page) entries.set(entry.key, entry);
      yield page;
    }
    heard.noteAll(snapshot, entries);
    this.#cluster = snapshot.cluster;
    this.#noteChange(heard, entries.size > 0);
  }

  #noteChange({ history }: PendingChanges, hasKey: boolean): void {
    this.#isChanged = true;
    this.#found.observe(history, hasKey);
    if (
      this.#found.hasContent && this.#heard.values().every((one) => one.isRead)
    ) {
      this.#read.resolve();
    }
  }

  async #keepWriting(): Promise<void> {
    const { signal } = this.#closing;
    await Promise.race([this.#read.promise, sleep(this.#every, signal)]);
    while (!signal.aborted) {
      if (this.#isDue(this.#confirmEvery)) await this.#write();
      await sleep(this.#every, signal);
    }
    if (this.#isDue(0)) await this.#write();
  }

  /** @param confirmEvery how old what the file says of its age may be, in ms */
  #isDue(confirmEvery: number): boolean {
    const { hasContent: isFound } = this.#found;
    if (!isFound || this.#isChanged) return isFound;
    const since = performance.now() - this.#writtenAt;
    return since >= confirmEvery &&
      this.#heard.entries().some(([prefix, { isRead }]) =>
        isRead && this.inner.age(prefix) < since
      );
  }

  async #write(): Promise<void> {
    const cluster = this.#cluster;
    // What is of another cluster is neither kept nor added.
    const heard = [...this.#heard].filter(([, one]) =>
      !one.isRead || !isOther(one.cluster, cluster)
    );
    if (this.#hasFile && isOther(this.#fileCluster, cluster)) {
      this.#replaceFile();
    }
    const hasOld = this.#hasFile && heard.some(([, { isWhole }]) => !isWhole);
    if (!hasOld && !heard.some(([, { isWhole }]) => isWhole)) return;
    const at = performance.now();
    this.#isChanged = false;
    const news = new Map(
      heard.map(([prefix, one]) => [
        prefix,
        one.take(this.inner.age(prefix, one.history)),
      ]),
    );
    const { file } = this;
    const identity = { ...this.identity, cluster };
    try {
      await writeState(file, identity, news, hasOld);
      this.#writtenAt = at;
      this.#hasFile = true;
      this.#fileCluster = cluster;
      if (this.#problem !== undefined) {
        log.info("the state is saved again", { file });
      }
      this.#problem = undefined;
    } catch (error) {
      this.#isChanged = true;
      for (const [prefix, one] of heard) {
        const taken = news.get(prefix);
        if (taken !== undefined) one.giveBack(taken);
      }
      if (error instanceof BadState) this.#startAnew(error);
      else this.#fail(error);
    }
  }

  /** The file is of another cluster. */
  #replaceFile(): void {
    this.#hasFile = false;
    log.warn(
      "the saved state is of another cluster at the same endpoints, it is replaced",
      {
        file: this.file,
      },
    );
  }

  /** The file is not what it was: it is made of what the store holds. */
  #startAnew({ message: reason }: BadState): void {
    const { file } = this;
    log.warn("the saved state was changed by others: {reason}", {
      reason,
      file,
    });
    this.#hasFile = false;
    for (const one of this.#heard.values()) {
      if (one.isRead && !one.isWhole) one.restart();
    }
  }

  #fail(error: unknown): void {
    const { file } = this;
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#problem === undefined) {
      log.warn("the state cannot be saved: {reason}", { reason, file });
    }
    this.#problem = `the state cannot be saved in ${file}: ${reason}`;
  }
}

async function load(
  file: string,
  identity: Identity,
): Promise<Map<string, LoadedSnapshot>> {
  try {
    const saved = await loadState(file, identity);
    const sizes = [...saved.values()].map(({ pages: [entries] }) =>
      entries.length
    );
    const keys = sizes.reduce((sum, size) => sum + size, 0);
    // A state of nothing is none.
    if (keys === 0) return new Map();
    log.info("what was saved is served until the store is read", {
      file,
      keys,
    });
    return saved;
  } catch (error) {
    if (!(error instanceof BadState)) throw error;
    if (!(error.cause instanceof Deno.errors.NotFound)) {
      const { message: reason } = error;
      log.warn("the saved state is not used: {reason}", { reason, file });
    }
    return new Map();
  }
}

/** What is written comes into being beside the file. */
function checkPermission(file: string): void {
  for (const path of [file, `${file}.new`]) {
    const { state } = Deno.permissions.querySync({ name: "write", path });
    if (state === "granted") continue;
    throw new UsageError(
      `--state: ${path}: this lainlet may write under /var/lib/lainlet only`,
    );
  }
}
