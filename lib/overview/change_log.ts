import type { Cluster } from "../watcher/cluster.ts";
import { type Phase, Publisher } from "../watcher/effects.ts";
import type { Entries } from "../watcher/entries.ts";
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

/** The limits of a {@linkcode ChangeLog}. The oldest records are dropped first. */
export interface ChangeLogOptions {
  /** Default: 10,000. */
  readonly maxEntries?: number;
  /** Default: 32 MB. */
  readonly maxBytes?: number;
}

/** Selects records of a {@linkcode ChangeLog}. */
export interface RecordSelection {
  /** The number of the first record. */
  readonly first: number;
  /** The records of one app; undefined: all, also those that belong to no app. */
  readonly app?: string;
  /** The records of one kind; undefined: of all. */
  readonly kind?: ChangeRecord["kind"];
}

/**
 * Records the last changes of the cluster in memory, each with its difference
 * from the previous value. The first read is not recorded; of a later read,
 * only what differs.
 */
export class ChangeLog {
  /** How many live streams are made from this log. */
  receivers = 0;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  /** By member name: the oldest first. */
  readonly #records = new SortedMap<ChangeRecord>();
  readonly #publisher: Publisher<[changes: readonly Change<ChangeRecord>[]]>;
  #bytes = 0;
  #count = 0;

  constructor(
    private readonly cluster: Cluster,
    { maxEntries = 10_000, maxBytes = 32 * 1024 * 1024 }: ChangeLogOptions = {},
  ) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#publisher = new Publisher("change log", cluster.podgroup.effects);
    this.#follow(CONFIG);
    this.#follow(DEPENDS);
    this.#follow(GROUP);
    this.#follow(NODE);
  }

  /** All changes up to this revision of the store are recorded. */
  get revision(): number {
    return allSubtrees(this.cluster).progress?.revision ?? 0;
  }

  /** Differs after every change of the log. */
  get version(): number {
    return this.#count;
  }

  /** The size of all records, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** All records, the oldest first. */
  *records(): Generator<ChangeRecord> {
    for (const [, record] of this.#records.from("")) yield record;
  }

  /** The number of the first record since a time, or else of the next record. @param time in ms since 1970 */
  firstNumberSince(time: number): number {
    for (const record of this.records()) {
      if (record.time >= time) return record.number;
    }
    return this.#count + 1;
  }

  /** The selected records, by member name. */
  select({ first, app, kind }: RecordSelection): Entries<ChangeRecord> {
    const isSelected = (record: ChangeRecord | undefined) =>
      record !== undefined && record.number >= first &&
      (app === undefined || record.app === app) &&
      (kind === undefined || record.kind === kind);
    const records = () => this.records();
    return {
      watcher: this,
      *all() {
        for (const record of records()) {
          if (isSelected(record)) yield [record.member[0], record];
        }
      },
      subscribe: (onChange) =>
        this.subscribe("topics", (changes) => {
          const selected = changes.filter(({ value, previous }) =>
            isSelected(value ?? previous)
          );
          if (selected.length > 0) onChange(selected);
        }),
    };
  }

  /** Calls `onChange` with records that were added or dropped. @returns ends the subscription */
  subscribe(
    phase: Phase,
    onChange: (changes: readonly Change<ChangeRecord>[]) => void,
  ): () => void {
    return this.#publisher.subscribe(phase, onChange);
  }

  #follow<T extends object>(kind: OverviewKind<T>): void {
    const watcher = kind.watcher(this.cluster);
    const differs = (change: Change<T>) => diffJson(kind, change) !== undefined;
    watcher.subscribe("derived", (changes) => {
      if (!watcher.isSynced) return;
      const moment = {
        time: Date.now(),
        revision: watcher.lastEvent.ModifiedIndex,
      };
      // After a restore of the store, more may have changed than fits.
      const last = changes.length > this.#maxEntries
        ? changes.filter(differs).slice(-this.#maxEntries)
        : changes;
      const records: ChangeRecord[] = [];
      for (const change of last) {
        const record = changeRecord(kind, change, this.#count + 1, moment);
        if (record === undefined) continue;
        this.#count++;
        records.push(record);
      }
      if (records.length > 0) this.#add(records);
    });
  }

  #add(records: readonly ChangeRecord[]): void {
    for (const record of records) {
      this.#records.set(record.member[0], record);
      this.#bytes += record.size;
    }
    const dropped: ChangeRecord[] = [];
    while (
      this.#records.size > this.#maxEntries || this.#bytes > this.#maxBytes
    ) {
      const oldest = this.#records.first;
      if (oldest === undefined) break;
      this.#records.delete(oldest.member[0]);
      this.#bytes -= oldest.size;
      dropped.push(oldest);
    }
    // A record that is larger than the limit is added and dropped.
    this.#publisher.publish([
      ...records.map((value) => ({ key: value.member[0], value })),
      ...dropped.map((previous) => ({ key: previous.member[0], previous })),
    ]);
  }
}
