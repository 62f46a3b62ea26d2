import type { Cluster } from "../watcher/cluster.ts";
import { type Phase, Publisher } from "../watcher/effects.ts";
import { SortedMap } from "../watcher/sorted_map.ts";
import type { Change } from "../watcher/watcher.ts";
import { type ChangeRecord, changeRecord, diffJson } from "./change_record.ts";
import {
  allSubtrees,
  CONFIG,
  DEPENDS,
  GROUP,
  NODE,
  type OverviewKind,
} from "./kinds.ts";

/** How many entries are kept at most, and how many bytes of them. */
const MOST = 10_000;
const MOST_BYTES = 32 * 1024 * 1024;

/** How much is kept. */
export interface ChangeLogOptions {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
}

/**
 * The last changes of a cluster, each as it differs from what was before: in
 * memory, since the start. What was there at the first read is no change, and
 * neither is what a later one finds as it was.
 */
export class ChangeLog {
  /** Live streams that are fed from here. */
  receivers = 0;
  readonly #most: number;
  readonly #mostBytes: number;
  /** By their members' names: the oldest first. */
  readonly #entries = new SortedMap<ChangeRecord>();
  readonly #subscribers: Publisher<[changes: readonly Change<ChangeRecord>[]]>;
  #bytes = 0;
  #count = 0;

  constructor(
    private readonly cluster: Cluster,
    { maxEntries: most = MOST, maxBytes: mostBytes = MOST_BYTES }:
      ChangeLogOptions = {},
  ) {
    this.#most = most;
    this.#mostBytes = mostBytes;
    this.#subscribers = new Publisher("history", cluster.podgroup.effects);
    this.#follow(CONFIG);
    this.#follow(DEPENDS);
    this.#follow(GROUP);
    this.#follow(NODE);
  }

  /** The store's, up to which all is told. */
  get revision(): number {
    return allSubtrees(this.cluster).progress?.revision ?? 0;
  }

  /** Another one whenever there are other entries. */
  get version(): number {
    return this.#count;
  }

  /** What is kept, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The entries that are kept, the oldest first. */
  *entries(): Generator<ChangeRecord> {
    for (const [, entry] of this.#entries.from("")) yield entry;
  }

  /** The number of the first entry from a time on, or of the next one. @param time in ms since 1970 */
  firstNumberSince(time: number): number {
    for (const entry of this.entries()) {
      if (entry.time >= time) return entry.number;
    }
    return this.#count + 1;
  }

  /** Calls back with entries that come and go. @returns ends that */
  subscribe(
    phase: Phase,
    onChange: (changes: readonly Change<ChangeRecord>[]) => void,
  ): () => void {
    return this.#subscribers.subscribe(phase, onChange);
  }

  #follow<T extends object>(kind: OverviewKind<T>): void {
    const watcher = kind.watcher(this.cluster);
    const isReal = (change: Change<T>) => diffJson(kind, change) !== undefined;
    watcher.subscribe("derived", (changes) => {
      if (!watcher.isSynced) return;
      const moment = {
        time: Date.now(),
        revision: watcher.lastEvent.ModifiedIndex,
      };
      // Of a store that was restored no more are told than will be kept.
      const some = changes.length > this.#most
        ? changes.filter(isReal).slice(-this.#most)
        : changes;
      const made: ChangeRecord[] = [];
      for (const change of some) {
        const entry = changeRecord(kind, change, this.#count + 1, moment);
        if (entry === undefined) continue;
        this.#count++;
        made.push(entry);
      }
      if (made.length > 0) this.#add(made);
    });
  }

  #add(made: readonly ChangeRecord[]): void {
    for (const entry of made) {
      this.#entries.set(entry.member[0], entry);
      this.#bytes += entry.size;
    }
    const dropped: ChangeRecord[] = [];
    while (
      this.#entries.size > this.#most || this.#bytes > this.#mostBytes
    ) {
      const oldest = this.#entries.first;
      if (oldest === undefined) break;
      this.#entries.delete(oldest.member[0]);
      this.#bytes -= oldest.size;
      dropped.push(oldest);
    }
    // One that is too large for all comes and goes.
    this.#subscribers.publish([
      ...made.map((value) => ({ key: value.member[0], value })),
      ...dropped.map((previous) => ({ key: previous.member[0], previous })),
    ]);
  }
}
