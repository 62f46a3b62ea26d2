import { Buffer } from "node:buffer";
import type { Changes } from "../util/store.ts";

/** A key's value, with the revision and the time of its last write. */
export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly revision: number;
  /** By the store's wall clock, in ms since 1970. */
  readonly time: number;
}

/** A change of one key in one revision; without a value: its deletion. */
export interface KeyEvent {
  readonly key: string;
  readonly value?: Buffer;
  readonly revision: number;
  /** Whether the key is a directory that was removed with everything in it. */
  readonly isDirectory?: boolean;
}

/** The revision and the time at which a directory was created. */
export type Directory = Pick<KeyValue, "revision" | "time">;

/** A half-open range of keys, as in etcd's API. */
export interface KeyRange {
  readonly from: Buffer;
  readonly to: Buffer;
}

/** The content of a store at one revision, by key or path. */
export interface Content {
  readonly keys: ReadonlyMap<string, KeyValue>;
  /** The directories of present and of deleted keys. */
  readonly directories: ReadonlyMap<string, Directory>;
}

/** A backup: the content of each revision, and the history. */
export interface Backup {
  readonly clusterId: string;
  readonly revision: number;
  readonly compacted: number;
  readonly contents: ReadonlyMap<number, Content>;
  readonly events: ReadonlyMap<number, readonly KeyEvent[]>;
  /** How many quorum reads were committed to the log. */
  readonly quorumReads: number;
  /** Terms by their first revisions. */
  readonly terms: ReadonlyMap<number, number>;
}

const EMPTY: Backup = {
  clusterId: "",
  revision: 1,
  compacted: 0,
  contents: new Map([[1, { keys: new Map(), directories: new Map() }]]),
  events: new Map(),
  quorumReads: 0,
  terms: new Map([[1, 2]]),
};

/**
 * The committed keys of one cluster, and their history.
 *
 * @see https://etcd.io/docs/v3.4/learning/data_model/
 */
export class Keyspace {
  /** Contents by revision: only of those that changed it. */
  readonly #contents: Map<number, Content>;
  readonly #events: Map<number, readonly KeyEvent[]>;
  readonly #terms: Map<number, number>;
  #revision: number;
  #compacted: number;
  #quorumReads: number;

  constructor(
    readonly clusterId: string,
    /** Counts elections. */
    public term: number,
    { revision, compacted, contents, events, quorumReads, terms }: Backup =
      EMPTY,
  ) {
    this.#revision = revision;
    this.#compacted = compacted;
    this.#contents = new Map(contents);
    this.#events = new Map(events);
    this.#quorumReads = quorumReads;
    this.#terms = new Map(terms);
  }

  get revision(): number {
    return this.#revision;
  }

  /** The revision up to which the history is compacted. */
  get compacted(): number {
    return this.#compacted;
  }

  /** The number of log entries: revisions, and quorum reads. */
  get raftIndex(): number {
    return this.#revision + this.#quorumReads;
  }

  /** Commits one revision; none if all changes delete absent keys. */
  commit(changes: Changes): void {
    const last = this.content(this.#revision);
    const [keys, directories] = [new Map(last.keys), new Map(last.directories)];
    const [revision, time] = [this.#revision + 1, Date.now()];
    const events: KeyEvent[] = [];
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) {
        if (keys.delete(key)) events.push({ key, revision });
      } else {
        const entry = { key, value: Buffer.from(value), revision, time };
        keys.set(key, entry);
        events.push(entry);
        for (const path of directoriesOf(key)) {
          if (!directories.has(path)) directories.set(path, { revision, time });
        }
      }
    }
    this.#set({ keys, directories }, events);
  }

  /** Removes a directory with everything in it, in one revision. @returns the removed keys */
  remove(directory: string): string[] {
    const { keys, directories } = this.content(this.#revision);
    if (!directories.has(directory)) return [];
    const isRest = ([path]: readonly [string, unknown]) =>
      path !== directory && !path.startsWith(`${directory}/`);
    const rest = {
      keys: new Map([...keys].filter(isRest)),
      directories: new Map([...directories].filter(isRest)),
    };
    const revision = this.#revision + 1;
    this.#set(rest, [{ key: directory, revision, isDirectory: true }]);
    return [...keys.keys()].filter((key) => !rest.keys.has(key));
  }

  /** Adds revisions that change no key. */
  addEmptyRevisions(count = 1): void {
    const content = this.content(this.#revision);
    this.#revision += count;
    this.#contents.set(this.#revision, content);
  }

  /** Begins a term, with an empty revision. */
  beginTerm(): void {
    this.term++;
    this.addEmptyRevisions();
    this.#terms.set(this.#revision, this.term);
  }

  /** The term of a revision, and its index in that term, from 0. */
  termOf(revision: number): { term: number; index: number } {
    const begin = Math.max(
      ...this.#terms.keys().filter((first) => first <= revision),
    );
    return { term: this.#terms.get(begin) ?? 0, index: revision - begin };
  }

  /** Adds a quorum read to the log. */
  addQuorumRead(): void {
    this.#quorumReads++;
  }

  /** Compacts the history up to a revision. */
  compact(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
  }

  save(): Backup {
    return {
      clusterId: this.clusterId,
      revision: this.#revision,
      compacted: this.#compacted,
      contents: new Map(this.#contents),
      events: new Map(this.#events),
      quorumReads: this.#quorumReads,
      terms: new Map(this.#terms),
    };
  }

  /** The content at a revision. */
  content(revision: number): Content {
    for (let last = revision; last > 0; last--) {
      const content = this.#contents.get(last);
      if (content !== undefined) return content;
    }
    throw new Error(`no revision ${revision}`);
  }

  /** Whether a key ever had this value. */
  hadValue(key: string, value: Uint8Array): boolean {
    return this.#events.values().some((events) =>
      events.some((event) => event.key === key && event.value?.equals(value))
    );
  }

  /** The revision of the last change under a prefix, up to a revision; 0: none. */
  lastChange(prefix: string, revision: number): number {
    for (let last = revision; last > 0; last--) {
      const isChanged = this.events(last).some(({ key, isDirectory }) =>
        key.startsWith(prefix) || isDirectory && prefix.startsWith(key)
      );
      if (isChanged) return last;
    }
    return 0;
  }

  /** The changes of a revision. */
  events(revision: number): readonly KeyEvent[] {
    return this.#events.get(revision) ?? [];
  }

  #set(content: Content, events: readonly KeyEvent[]): void {
    if (events.length === 0) return;
    this.#revision++;
    this.#contents.set(this.#revision, content);
    this.#events.set(this.#revision, events);
  }
}

/** Whether a key is in a range. */
export function isIn(key: string, { from, to }: KeyRange): boolean {
  const bytes = Buffer.from(key);
  return Buffer.compare(bytes, from) >= 0 &&
    (to.length === 0
      ? Buffer.compare(bytes, from) === 0
      : Buffer.compare(bytes, to) < 0);
}

/** The directories that contain a key, the outermost first, without the root. */
function directoriesOf(key: string): string[] {
  const names = key.split("/");
  return names.slice(2).map((_, i) => names.slice(0, i + 2).join("/"));
}
