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
import { BadState, type Identity, isOtherCluster } from "./format.ts";
import { PendingChanges } from "./pending.ts";
import { type LoadedSnapshot, loadState } from "./read.ts";
import { writeState } from "./write.ts";

const log = getLogger(["lainlet", "state"]);

/** What is saved with a state: at the same moment, in the same file. */
export interface Notes {
  /**
   * Their present content; read while the file is written, and not changed then.
   *
   * @param isLast whether nothing is written after it
   */
  take(isLast: boolean): Iterable<Uint8Array>;
  /** The state that they were saved with is of another cluster. Called before the store's own state is delivered. */
  discard(): void;
}

/** The notes that were saved with a state. */
export interface SavedNotes {
  readonly notes: readonly Uint8Array[];
  /** When the state was last known to be everything that the store holds, in ms since 1970. */
  readonly at: number;
}

/** How often the state is saved. */
export interface SaveTimes {
  /** Time between two writes of changes, in ms; default 30 s. */
  readonly every?: number;
  /** Time between two writes that only confirm the state, in ms; default 5 min. */
  readonly confirmEvery?: number;
}

/**
 * Keeps the state of another store in a file, so that lainlet can start while
 * the store is out of reach: a watch delivers first what the file holds, marked
 * as saved, and then what the store delivers.
 *
 * Only what changed since the file was written is in memory. A new file is made
 * from the old one and from that.
 */
export class SavedStore implements Store {
  readonly #every: number;
  readonly #confirmEvery: number;
  readonly #pending = new Map<string, PendingChanges>();
  /** Whether the file holds a state, and the id of its cluster. */
  #hasFile: boolean;
  #fileCluster?: string;
  /** The id of the last snapshot's cluster. */
  #cluster?: string;
  /** A store without a key is not saved: it is more likely a wrong store than an empty cluster. */
  readonly #content = new ContentTracker();
  #hasChanges = false;
  /** When the file was last written, as `performance.now()`. */
  #writtenAt = -Infinity;
  #problem?: string;
  #notes?: Notes;
  /** Whether the notes may be of another cluster: no state was written since they were loaded. */
  #hasLoadedNotes = false;
  readonly #allRead = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  readonly #writing: Promise<void>;

  private constructor(
    private readonly inner: Store,
    private readonly file: string,
    private readonly identity: Identity,
    /** What watches deliver first, by prefix. */
    private readonly saved: Map<string, LoadedSnapshot>,
    private savedNotes: readonly Uint8Array[],
    { every = 30_000, confirmEvery = 300_000 }: SaveTimes,
  ) {
    this.#every = every;
    this.#confirmEvery = confirmEvery;
    this.#hasFile = saved.size > 0;
    for (const { cluster } of saved.values()) this.#fileCluster = cluster;
    this.#writing = this.#keepWriting();
  }

  /**
   * Opens the store with what the file holds. A file that cannot be used is
   * logged in one line, and ignored.
   *
   * @throws {UsageError} when this process may not write the file
   */
  static async open(
    inner: Store,
    file: string,
    { kind, endpoints }: Identity,
    times: SaveTimes = {},
  ): Promise<SavedStore> {
    checkPermission(file);
    const identity = { kind, endpoints };
    const notes: Uint8Array[] = [];
    const saved = await load(file, identity, notes);
    return new SavedStore(inner, file, identity, saved, notes, times);
  }

  /**
   * Saves notes with the state from now on. To be called once, before a watch.
   *
   * @returns the notes that were saved with the state that is served; undefined: there is none
   */
  keepNotes(notes: Notes): SavedNotes | undefined {
    this.#notes = notes;
    const saved = this.savedNotes;
    this.savedNotes = [];
    if (saved.length === 0 || this.saved.size === 0) return undefined;
    this.#hasLoadedNotes = true;
    const times = this.saved.values().map((one) => one.saved.at);
    return { notes: saved, at: Math.min(...times) };
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
    const pending = new PendingChanges(prefix);
    this.#pending.set(prefix, pending);
    const controller = new ChildController(signal);
    const end = controller.signal;
    let reader: ReadableStreamDefaultReader<WatchEvent> | undefined;
    return new ReadableStream<WatchEvent>({
      // Retains no event while it waits for the next one: a snapshot is large.
      pull: async (stream) => {
        const saved = this.saved.get(prefix);
        this.saved.delete(prefix);
        if (saved && !end.aborted) return stream.enqueue(saved);
        for (;;) {
          reader ??= this.inner.watch(prefix, pending.beginWatch(end))
            .getReader();
          const { done, value } = await reader.read();
          if (!done) return stream.enqueue(this.#record(pending, value));
          if (end.aborted || !pending.isRestarting) return stream.close();
          reader = undefined;
        }
      },
      cancel: () => controller.abort(),
      // Not read ahead: what follows a snapshot is recorded after its pages.
    }, { highWaterMark: 0 });
  }

  /** Writes the last changes. To be called when all watches have ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  /** Records what is delivered; a snapshot when its last page was read. */
  #record(pending: PendingChanges, event: WatchEvent): WatchEvent {
    // Without all of it, what was saved of the prefix stays.
    if (event.type === "snapshot" && event.refused === undefined) {
      return { ...event, pages: this.#pagesOf(pending, event) };
    }
    if (event.type === "batch" && pending.hasSnapshot) {
      pending.add(event);
      // A batch without changes does not show that there is a key.
      this.#recordChange(pending, event.changes.length > 0);
    }
    return event;
  }

  async *#pagesOf(
    pending: PendingChanges,
    snapshot: Snapshot,
  ): AsyncGenerator<readonly Entry[]> {
    const entries = new Map<string, Entry | undefined>();
    for await (const page of snapshot.pages) {
      for (const entry of page) entries.set(entry.key, entry);
      yield page;
    }
    pending.setSnapshot(snapshot, entries);
    this.#cluster = snapshot.cluster;
    if (
      this.#hasLoadedNotes &&
      isOtherCluster(this.#fileCluster, snapshot.cluster)
    ) {
      this.#hasLoadedNotes = false;
      this.#notes?.discard();
    }
    this.#recordChange(pending, entries.size > 0);
  }

  #recordChange({ history }: PendingChanges, hasKey: boolean): void {
    this.#hasChanges = true;
    this.#content.observe(history, hasKey);
    if (
      this.#content.hasContent &&
      this.#pending.values().every(({ hasSnapshot }) => hasSnapshot)
    ) {
      this.#allRead.resolve();
    }
  }

  async #keepWriting(): Promise<void> {
    const { signal } = this.#closing;
    await Promise.race([this.#allRead.promise, sleep(this.#every, signal)]);
    // The reader of the last snapshot applies it first: notes tell of it.
    await sleep(0, signal);
    while (!signal.aborted) {
      if (this.#isDue(this.#confirmEvery)) await this.#write();
      await sleep(this.#every, signal);
    }
    if (this.#isDue(0)) await this.#write(true);
  }

  /** Whether the file has to be written. @param confirmEvery age of the last write after which it is confirmed, in ms */
  #isDue(confirmEvery: number): boolean {
    const { hasContent } = this.#content;
    if (!hasContent || this.#hasChanges) return hasContent;
    const since = performance.now() - this.#writtenAt;
    return since >= confirmEvery &&
      this.#pending.entries().some(([prefix, { hasSnapshot }]) =>
        hasSnapshot && this.inner.age(prefix) < since
      );
  }

  async #write(isLast = false): Promise<void> {
    const cluster = this.#cluster;
    // Prefixes of another cluster are neither kept nor added.
    const pending = [...this.#pending].filter(([, one]) =>
      !one.hasSnapshot || !isOtherCluster(one.cluster, cluster)
    );
    if (this.#hasFile && isOtherCluster(this.#fileCluster, cluster)) {
      this.#hasFile = false;
      log.warn(
        "the saved state is of another cluster at the same endpoints, replacing it",
        { file: this.file },
      );
    }
    const isUpdate = this.#hasFile &&
      pending.some(([, { isComplete }]) => !isComplete);
    if (!isUpdate && !pending.some(([, { isComplete }]) => isComplete)) return;
    const at = performance.now();
    this.#hasChanges = false;
    const writes = new Map(
      pending.map(([prefix, one]) => [
        prefix,
        one.take(this.inner.age(prefix, one.history)),
      ]),
    );
    const notes = this.#notes?.take(isLast);
    const { file } = this;
    const identity = { ...this.identity, cluster };
    try {
      await writeState(file, identity, writes, isUpdate, notes);
      this.#writtenAt = at;
      this.#hasFile = true;
      this.#hasLoadedNotes = false;
      this.#fileCluster = cluster;
      if (this.#problem !== undefined) {
        log.info("the state is saved again", { file });
      }
      this.#problem = undefined;
    } catch (error) {
      this.#hasChanges = true;
      for (const [prefix, one] of pending) {
        const write = writes.get(prefix);
        if (write !== undefined) one.restore(write);
      }
      if (error instanceof BadState) this.#rewrite(error);
      else this.#reportFailure(error);
    }
  }

  /** Makes a new file of what the store holds, as another process changed this one. */
  #rewrite({ message: reason }: BadState): void {
    log.warn("the saved state was changed by another process: {reason}", {
      reason,
      file: this.file,
    });
    this.#hasFile = false;
    for (const one of this.#pending.values()) {
      if (one.hasSnapshot && !one.isComplete) one.restart();
    }
  }

  #reportFailure(error: unknown): void {
    const { file } = this;
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#problem === undefined) {
      log.warn("the state cannot be saved: {reason}", { reason, file });
    }
    this.#problem = `the state cannot be saved in ${file}: ${reason}`;
  }
}

/** @param notes the state's notes are added to it */
async function load(
  file: string,
  identity: Identity,
  notes: Uint8Array[],
): Promise<Map<string, LoadedSnapshot>> {
  try {
    const saved = await loadState(file, identity, notes);
    const sizes = [...saved.values()].map(({ pages: [entries] }) =>
      entries.length
    );
    const keys = sizes.reduce((sum, size) => sum + size, 0);
    // An empty state is not used.
    if (keys === 0) return new Map();
    log.info("serving the saved state until the store is read", {
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

/** Checks that this process may write the file, and the new one beside it. @throws {UsageError} */
function checkPermission(file: string): void {
  for (const path of [file, `${file}.new`]) {
    const { state } = Deno.permissions.querySync({ name: "write", path });
    if (state === "granted") continue;
    throw new UsageError(
      `--state: ${path}: this lainlet may write under /var/lib/lainlet only`,
    );
  }
}
