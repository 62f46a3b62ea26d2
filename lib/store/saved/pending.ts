import { ChildController } from "../../abort.ts";
import type { Section } from "./format.ts";
import type { Batch, Entry, Snapshot } from "../store.ts";

/** What was heard of a prefix since that was written last. */
export class PendingChanges {
  #revision = 0;
  #history = 0;
  #cluster?: string;
  #isRead = false;
  #isWhole = false;
  #changes = new Map<string, Entry | undefined>();
  #watch = new ChildController();

  constructor(private readonly prefix: string) {}

  /** Whether there was a snapshot. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Whether it is all that the prefix holds. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Which of the store's histories it is of, see {@linkcode Snapshot}. */
  get history(): number {
    return this.#history;
  }

  /** The id of the cluster that it is of; undefined: that has none. */
  get cluster(): string | undefined {
    return this.#cluster;
  }

  /** Notes all that there is. @param entries by key; not to be changed by who gives them */
  noteAll(
    { revision, history = 0, cluster }: Snapshot,
    entries: Map<string, Entry | undefined>,
  ): void {
    this.#revision = revision;
    this.#history = history;
    this.#cluster = cluster;
    this.#isRead = this.#isWhole = true;
    this.#changes = entries;
  }

  note({ revision, changes }: Batch): void {
    this.#revision = revision;
    for (const { key, value } of changes) {
      if (value !== undefined) this.#changes.set(key, { key, value, revision });
      else if (this.#isWhole) this.#changes.delete(key);
      else this.#changes.set(key, undefined);
    }
  }

  /**
   * Hands all of it over.
   *
   * @param age how long ago it was known to be all that the store holds, in ms
   */
  take(age: number): PendingWrite {
    const { prefix } = this;
    const at = Math.max(0, Math.round(Date.now() - age));
    const news = {
      section: this.#isRead
        ? { prefix, revision: this.#revision, at }
        : undefined,
      isWhole: this.#isWhole,
      changes: this.#changes,
    };
    this.#isWhole = false;
    this.#changes = new Map();
    return news;
  }

  /** Takes back what could not be written. */
  giveBack({ isWhole, changes }: PendingWrite): void {
    if (this.#isWhole) return;
    this.#isWhole = isWhole;
    this.#changes = new Map([...changes, ...this.#changes]);
  }

  /** Whether there has to be another watch. */
  get isLost(): boolean {
    return this.#watch.signal.aborted;
  }

  /** A watch begins. @returns aborts when that has to end, or when there has to be another one */
  begin(end: AbortSignal): AbortSignal {
    this.#watch = new ChildController(end);
    return this.#watch.signal;
  }

  /** Asks for a snapshot, as what was written is lost. */
  restart(): void {
    this.#isRead = false;
    this.#changes.clear();
    this.#watch.abort();
  }
}

/** What became of a prefix since it was written last. */

export interface PendingWrite {
  /** As it is to be written; undefined: as it was. */
  readonly section?: Section;
  /** Whether the changes are all that the prefix holds. */
  readonly isWhole: boolean;
  /** By key; undefined: it was removed. */
  readonly changes: ReadonlyMap<string, Entry | undefined>;
}
