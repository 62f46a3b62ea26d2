import { ChildController } from "../../abort.ts";
import type { Batch, Entry, Snapshot } from "../store.ts";
import type { Section } from "./format.ts";

/** What is to be written of a prefix. */
export interface PendingWrite {
  /** Its new section; undefined: the one in the file stays. */
  readonly section?: Section;
  /** Whether the changes are everything that the prefix holds. */
  readonly isComplete: boolean;
  /** Entries by key; undefined: the key was removed. */
  readonly changes: ReadonlyMap<string, Entry | undefined>;
}

/** What was delivered of a prefix since it was last written. */
export class PendingChanges {
  #revision = 0;
  #history = 0;
  #cluster?: string;
  #hasSnapshot = false;
  #isComplete = false;
  #changes = new Map<string, Entry | undefined>();
  #watch = new ChildController();

  constructor(private readonly prefix: string) {}

  /** Whether the store delivered a snapshot. */
  get hasSnapshot(): boolean {
    return this.#hasSnapshot;
  }

  /** Whether the changes are everything that the prefix holds. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The number of the store's history, see {@linkcode Snapshot}. */
  get history(): number {
    return this.#history;
  }

  /** The id of the snapshot's cluster; undefined: it has none. */
  get cluster(): string | undefined {
    return this.#cluster;
  }

  /** Replaces the changes by a snapshot. @param entries by key; not to be changed by the caller afterwards */
  setSnapshot(
    { revision, history = 0, cluster }: Snapshot,
    entries: Map<string, Entry | undefined>,
  ): void {
    this.#revision = revision;
    this.#history = history;
    this.#cluster = cluster;
    this.#hasSnapshot = this.#isComplete = true;
    this.#changes = entries;
  }

  add({ revision, changes }: Batch): void {
    this.#revision = revision;
    for (const { key, value } of changes) {
      if (value !== undefined) this.#changes.set(key, { key, value, revision });
      else if (this.#isComplete) this.#changes.delete(key);
      else this.#changes.set(key, undefined);
    }
  }

  /**
   * Returns the changes, and starts with none.
   *
   * @param age time since the prefix was known to be complete, in ms
   */
  take(age: number): PendingWrite {
    const { prefix } = this;
    const at = Math.max(0, Math.round(Date.now() - age));
    const write = {
      section: this.#hasSnapshot
        ? { prefix, revision: this.#revision, at }
        : undefined,
      isComplete: this.#isComplete,
      changes: this.#changes,
    };
    this.#isComplete = false;
    this.#changes = new Map();
    return write;
  }

  /** Takes back changes that could not be written. */
  restore({ isComplete, changes }: PendingWrite): void {
    if (this.#isComplete) return;
    this.#isComplete = isComplete;
    this.#changes = new Map([...changes, ...this.#changes]);
  }

  /** Whether {@linkcode restart} ended the watch. */
  get isRestarting(): boolean {
    return this.#watch.signal.aborted;
  }

  /** Begins a watch. @returns aborts with `end`, or at {@linkcode restart} */
  beginWatch(end: AbortSignal): AbortSignal {
    this.#watch = new ChildController(end);
    return this.#watch.signal;
  }

  /** Asks for another watch, which begins with a snapshot: what was written is lost. */
  restart(): void {
    this.#hasSnapshot = false;
    this.#changes.clear();
    this.#watch.abort();
  }
}
