import { getLogger } from "@logtape/logtape";
import type { History } from "../stats/stats.ts";
import type { SavedNotes, SavedStore } from "../store/saved/store.ts";
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
import { decodeHistory, encodeHistory, type Gap } from "./saved_log.ts";

const log = getLogger(["lainlet", "history"]);

/** Gaps that are kept, at most. */
const MAX_GAPS = 100;

/**
 * How many numbers are left out after a crash. The records since the last write
 * are lost, but clients may know their numbers: no more than can come between
 * two writes.
 */
const LOST_NUMBERS = 100_000;

/** Options of a {@linkcode ChangeLog}. */
export interface ChangeLogOptions {
  /** Saves the history; absent: it ends with the process. */
  readonly keeper?: Pick<SavedStore, "keepNotes">;
  /** Limit of records; the oldest are dropped first. Default: 10,000. */
  readonly maxEntries?: number;
  /** The same for their size. Default: 32 MB. */
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
 * Records the last changes of the cluster, each with its difference from the
 * previous value. The first read is not recorded; of a later read, only what
 * differs, as it does of a saved state. A keeper saves the records with the
 * state: a restart is then a gap, in which only the result of changes is known.
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
  /** Of all records so far: the number of the last one. */
  #count = 0;
  #version = 0;
  /** All changes since then are recorded, except in gaps; in ms since 1970. Undefined: the store was not read yet. */
  #begin?: number;
  #gaps: readonly Gap[] = [];
  /** Whether the saved state, which the next changes are differences from, is of another cluster. */
  #isOtherCluster = false;

  constructor(
    private readonly cluster: Cluster,
    { keeper, maxEntries = 10_000, maxBytes = 32 * 1024 * 1024 }:
      ChangeLogOptions = {},
  ) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#publisher = new Publisher("change log", cluster.podgroup.effects);
    this.#follow(CONFIG);
    this.#follow(DEPENDS);
    this.#follow(GROUP);
    this.#follow(NODE);
    const saved = keeper?.keepNotes({
      take: (isLast) => this.#take(isLast),
      discard: () => this.#discard(),
    });
    if (saved !== undefined) this.#restore(saved);
    this.#whenRead(saved?.at);
  }

  /** How far back the records go. */
  get history(): History {
    return {
      begin: this.#begin === undefined ? "" : rfc3339(this.#begin),
      gaps: this.#gaps.map(({ begin, end }) => ({
        begin: rfc3339(begin),
        end: rfc3339(end),
      })),
    };
  }

  /** All changes up to this revision of the store are recorded. */
  get revision(): number {
    return allSubtrees(this.cluster).progress?.revision ?? 0;
  }

  /** Differs after every change of the log. */
  get version(): number {
    return this.#version;
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
    watcher.subscribe("derived", (changes, _readAt, earliest) => {
      if (!watcher.isSynced || this.#isOtherCluster) return;
      const moment = {
        time: Date.now(),
        revision: watcher.lastEvent.ModifiedIndex,
        earliest,
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
    this.#version++;
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
      this.#drop(oldest);
      dropped.push(oldest);
    }
    // A record that is larger than the limit is added and dropped.
    this.#publisher.publish([
      ...records.map((value) => ({ key: value.member[0], value })),
      ...dropped.map((previous) => ({ key: previous.member[0], previous })),
    ]);
  }

  #drop(oldest: ChangeRecord): void {
    this.#records.delete(oldest.member[0]);
    this.#bytes -= oldest.size;
    const begin = Math.max(this.#begin ?? 0, past(oldest.time));
    this.#begin = begin;
    this.#gaps = this.#gaps.filter(({ end }) => end > begin);
  }

  /** The history as notes. */
  #take(isLast: boolean): Iterable<Uint8Array> {
    if (this.#begin === undefined) return [];
    return encodeHistory({
      begin: this.#begin,
      gaps: this.#gaps,
      records: [...this.records()],
      count: this.#count + (isLast ? 0 : LOST_NUMBERS),
    });
  }

  #restore({ notes }: SavedNotes): void {
    try {
      const { begin, gaps, records, count } = decodeHistory(notes);
      this.#begin = past(begin);
      this.#gaps = gaps.map(({ begin, end }) => (
        { begin: past(begin), end: past(end) }
      ));
      this.#count = count;
      this.#add(records);
    } catch (error) {
      log.warn("{reason}, and is not used", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** Forgets the saved history, and the differences from the saved state. */
  #discard(): void {
    this.#isOtherCluster = true;
    this.#begin = undefined;
    this.#gaps = [];
    const records = [...this.records()];
    for (const record of records) this.#records.delete(record.member[0]);
    this.#bytes = 0;
    this.#version++;
    this.#publisher.publish(
      records.map((previous) => ({ key: previous.member[0], previous })),
    );
  }

  /**
   * Begins the history when the store was read, or ends its gap.
   *
   * @param at when the saved history was last complete
   */
  async #whenRead(at?: number): Promise<void> {
    await Promise.all(
      [CONFIG, DEPENDS, GROUP, NODE]
        .map(({ watcher }) => watcher(this.cluster).read),
    );
    this.#isOtherCluster = false;
    const end = Date.now();
    if (this.#begin === undefined) this.#begin = end;
    else if (at !== undefined) {
      this.#gaps = joined([...this.#gaps, { begin: Math.min(at, end), end }]);
    }
  }
}

/** A time, or now, when the clock was set back since then. In ms since 1970. */
function past(time: number): number {
  return Math.min(time, Date.now());
}

/** @param time in ms since 1970 */
function rfc3339(time: number): string {
  return new Date(time).toISOString();
}

/** Gaps with the two oldest joined, where there are too many. */
function joined(gaps: readonly Gap[]): readonly Gap[] {
  const [first, second, ...rest] = gaps;
  if (gaps.length <= MAX_GAPS || !first || !second) return gaps;
  return [{ begin: first.begin, end: second.end }, ...rest];
}
