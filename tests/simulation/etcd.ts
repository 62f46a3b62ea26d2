import { Buffer } from "node:buffer";
import type { Changes } from "../util/store.ts";

/** A key's value, and the revision that wrote it. */
export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly revision: number;
}

/** What one key became in one revision; without a value it was deleted. */
export interface KeyEvent {
  readonly key: string;
  readonly value?: Buffer;
  readonly revision: number;
}

/** Keys from one on, up to another one, which is not among them. */
export interface KeyRange {
  readonly from: Buffer;
  readonly to: Buffer;
}

type Content = ReadonlyMap<string, KeyValue>;

/** What is in a backup: everything, with its history. */
export interface Backup {
  readonly revision: number;
  readonly compacted: number;
  readonly contents: ReadonlyMap<number, Content>;
  readonly events: ReadonlyMap<number, readonly KeyEvent[]>;
}

const NOTHING: Backup = {
  revision: 1,
  compacted: 0,
  contents: new Map([[1, new Map()]]),
  events: new Map(),
};

/**
 * The keys of one etcd cluster with their history, as its members agree on it.
 *
 * @see https://etcd.io/docs/v3.4/learning/data_model/
 */
export class Keyspace {
  /** By revision: the content, and what the revision changed. */
  readonly #contents: Map<number, Content>;
  readonly #events: Map<number, readonly KeyEvent[]>;
  #revision: number;
  #compacted: number;

  constructor(
    readonly clusterId: string,
    /** Counts elections. */
    public term: number,
    { revision, compacted, contents, events }: Backup = NOTHING,
  ) {
    this.#revision = revision;
    this.#compacted = compacted;
    this.#contents = new Map(contents);
    this.#events = new Map(events);
  }

  get revision(): number {
    return this.#revision;
  }

  /** History up to this revision is gone. */
  get compacted(): number {
    return this.#compacted;
  }

  /** Makes one revision, unless only what is not there is deleted. */
  commit(changes: Changes): void {
    const next = new Map(this.#contents.get(this.#revision));
    const revision = this.#revision + 1;
    const events: KeyEvent[] = [];
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) {
        if (next.delete(key)) events.push({ key, revision });
      } else {
        const entry = { key, value: Buffer.from(value), revision };
        next.set(key, entry);
        events.push(entry);
      }
    }
    if (events.length === 0) return;
    this.#revision = revision;
    this.#contents.set(revision, next);
    this.#events.set(revision, events);
  }

  /** Forgets history before a revision. */
  compact(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
  }

  save(): Backup {
    return {
      revision: this.#revision,
      compacted: this.#compacted,
      contents: new Map(this.#contents),
      events: new Map(this.#events),
    };
  }

  /** Everything as it was at a revision. */
  content(revision: number): Content {
    return this.#contents.get(revision) ?? new Map();
  }

  /** What a revision changed in a range. */
  events(revision: number, range: KeyRange): KeyEvent[] {
    return (this.#events.get(revision) ?? [])
      .filter(({ key }) => isIn(key, range));
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

/**
 * One member of a cluster: applies what was agreed on, maybe late, and serves
 * what it applied.
 */
export class Member {
  #applied: number;
  #compacted = 0;
  /** How long it takes to apply a revision, in ms. */
  lag = 0;
  /** Whether its process runs. */
  isUp = true;
  /** Whether it reaches the others, as reads and writes need. */
  hasQuorum = true;
  readonly #onApply = new Set<() => void>();

  constructor(
    readonly name: string,
    private readonly cluster: { readonly keyspace: Keyspace },
  ) {
    this.#applied = this.keyspace.revision;
  }

  get keyspace(): Keyspace {
    return this.cluster.keyspace;
  }

  /** Everything up to this revision is applied. */
  get applied(): number {
    return this.#applied;
  }

  /** Its history up to this revision is gone; of the revision itself, what it removed. */
  get compacted(): number {
    return this.#compacted;
  }

  /** To be called when the cluster has a new revision, or a compaction, or when the member may go on. */
  advance(): void {
    if (!this.isUp || !this.hasQuorum) return;
    if (this.lag === 0) this.#apply();
    else setTimeout(() => this.#apply(), this.lag);
  }

  /** To be called when the cluster has another history. */
  reset(): void {
    this.#applied = this.keyspace.revision;
    this.#compacted = this.keyspace.compacted;
  }

  /** Calls back when more is applied. @returns ends that */
  onApply(listener: () => void): () => void {
    this.#onApply.add(listener);
    return () => this.#onApply.delete(listener);
  }

  #apply(): void {
    if (!this.isUp || !this.hasQuorum) return;
    this.#applied = this.keyspace.revision;
    for (const listener of [...this.#onApply]) listener();
    this.#compacted = this.keyspace.compacted;
  }
}
