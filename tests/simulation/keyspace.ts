import { Buffer } from "node:buffer";
import type { Changes } from "../util/store.ts";

/** A key's value, and what wrote it. */
export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly revision: number;
  /** By the store's clock, in ms since 1970. */
  readonly time: number;
}

/** What one key became in one revision; without a value it was deleted. */
export interface KeyEvent {
  readonly key: string;
  readonly value?: Buffer;
  readonly revision: number;
  /** Whether it is a directory that was removed, with all that was in it. */
  readonly isDirectory?: boolean;
}

/** What made a directory. */
export type Directory = Pick<KeyValue, "revision" | "time">;

/** Keys from one on, up to another one, which is not among them. */
export interface KeyRange {
  readonly from: Buffer;
  readonly to: Buffer;
}

/** Everything that a store holds, by key or path. */
export interface Content {
  readonly keys: ReadonlyMap<string, KeyValue>;
  /** What keys lie in, or lay in. */
  readonly directories: ReadonlyMap<string, Directory>;
}

/** What is in a backup: everything, with its history. */
export interface Backup {
  readonly clusterId: string;
  readonly revision: number;
  readonly compacted: number;
  readonly contents: ReadonlyMap<number, Content>;
  readonly events: ReadonlyMap<number, readonly KeyEvent[]>;
  /** How many reads the members agreed on. */
  readonly reads: number;
  /** By revision: the term that begins with it. */
  readonly terms: ReadonlyMap<number, number>;
}

const NOTHING: Backup = {
  clusterId: "",
  revision: 1,
  compacted: 0,
  contents: new Map([[1, { keys: new Map(), directories: new Map() }]]),
  events: new Map(),
  reads: 0,
  terms: new Map([[1, 2]]),
};

/**
 * The keys of one cluster with their history, as its members agree on it.
 *
 * @see https://etcd.io/docs/v3.4/learning/data_model/
 */
export class Keyspace {
  /** By revision: the content, and what the revision changed. */
  readonly #contents: Map<number, Content>;
  readonly #events: Map<number, readonly KeyEvent[]>;
  readonly #terms: Map<number, number>;
  #revision: number;
  #compacted: number;
  #reads: number;

  constructor(
    readonly clusterId: string,
    /** Counts elections. */
    public term: number,
    { revision, compacted, contents, events, reads, terms }: Backup = NOTHING,
  ) {
    this.#revision = revision;
    this.#compacted = compacted;
    this.#contents = new Map(contents);
    this.#events = new Map(events);
    this.#reads = reads;
    this.#terms = new Map(terms);
  }

  get revision(): number {
    return this.#revision;
  }

  /** History up to this revision is gone. */
  get compacted(): number {
    return this.#compacted;
  }

  /** Counts what the members agreed on: revisions, and reads. */
  get agreed(): number {
    return this.#revision + this.#reads;
  }

  /** Makes one revision, unless only what is not there is deleted. */
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
        for (const path of lineage(key)) {
          if (!directories.has(path)) directories.set(path, { revision, time });
        }
      }
    }
    this.#set({ keys, directories }, events);
  }

  /** Removes a directory with all that is in it, in one revision. @returns the keys that were in it */
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

  /** Makes revisions that change none of these keys. */
  pass(count = 1): void {
    const content = this.content(this.#revision);
    this.#revision += count;
    this.#contents.set(this.#revision, content);
  }

  /** Begins a term, with a revision. */
  beginTerm(): void {
    this.term++;
    this.pass();
    this.#terms.set(this.#revision, this.term);
  }

  /** The term of a revision, and which one of the term it is, from 0 on. */
  termOf(revision: number): { term: number; place: number } {
    const begin = Math.max(
      ...this.#terms.keys().filter((first) => first <= revision),
    );
    return { term: this.#terms.get(begin) ?? 0, place: revision - begin };
  }

  /** To be called with each read that the members agree on. */
  agree(): void {
    this.#reads++;
  }

  /** Forgets history before a revision. */
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
      reads: this.#reads,
      terms: new Map(this.#terms),
    };
  }

  /** Everything as it was at a revision. */
  content(revision: number): Content {
    for (let last = revision; last > 0; last--) {
      const content = this.#contents.get(last);
      if (content !== undefined) return content;
    }
    throw new Error(`no revision ${revision}`);
  }

  /** Whether a key ever had a value. */
  held(key: string, value: Uint8Array): boolean {
    return this.#events.values().some((events) =>
      events.some((event) => event.key === key && event.value?.equals(value))
    );
  }

  /** What a revision changed. */
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

/** What a key lies in, the outermost first; the root is not told. */
export function lineage(key: string): string[] {
  const names = key.split("/");
  return names.slice(2).map((_, i) => names.slice(0, i + 2).join("/"));
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

  /** What it serves. */
  get content(): Content {
    return this.keyspace.content(this.#applied);
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

  /**
   * Waits until it has applied what is agreed on now.
   *
   * @param timeout how long it tries that, in ms
   * @throws {Error} when it did not, or there is another history
   */
  catchUp(timeout: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { keyspace } = this;
    const needed = keyspace.revision;
    const end = (settle: () => void) => {
      leave();
      clearTimeout(timer);
      settle();
    };
    const fail = (why: string) => end(() => reject(new Error(why)));
    const look = () => {
      if (this.keyspace !== keyspace) return fail("etcdserver: server stopped");
      if (this.hasQuorum && this.#applied >= needed) end(resolve);
    };
    const leave = this.onApply(look);
    const timer = setTimeout(
      () => fail("etcdserver: request timed out"),
      timeout,
    );
    look();
    return promise;
  }

  #apply(): void {
    if (!this.isUp || !this.hasQuorum) return;
    this.#applied = this.keyspace.revision;
    for (const listener of [...this.#onApply]) listener();
    this.#compacted = this.keyspace.compacted;
  }
}
