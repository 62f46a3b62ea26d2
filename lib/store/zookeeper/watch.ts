import type { Found } from "./connection.ts";
import { type Finds, isSame, type Version } from "./walk.ts";
import type { Followed } from "../remote.ts";
import type { Entry, KeyChange, WatchEvent } from "../store.ts";

/** How long to wait before a refused znode is asked for again, in ms. */
const REFUSED_RETRY = 5_000;
/** After how many rounds something is delivered though more has happened meanwhile. */
const MAX_ROUNDS = 5;

/** A key that the reader holds. */
interface Known extends Version {
  /** What its value was delivered with. */
  readonly revision: number;
}

/**
 * One prefix: what was delivered of it, and what is to be read. An event says
 * that something happened to a znode, and not what: it is read again. So
 * znodes are read in rounds, each of which reads what had events before it.
 */
export class ZooKeeperWatch implements Followed<Finds> {
  /** The znode whose descendants are the prefix's keys. */
  readonly root: string;
  readonly #folder: string;
  /** What the reader holds, by path. */
  readonly #known = new Map<string, Known>();
  /** Paths to read; true: and all that is beneath. */
  #dirty = new Map<string, boolean>();
  #isReading = false;
  /** Whether the next round reads everything. */
  #isWalk = false;
  /** What was read and waits for what belongs to it. */
  #found = new Map<string, Found>();
  readonly #refused = new Set<string>();
  #askAt = 0;
  /** Whether the reader has had a snapshot. */
  #isHeld = false;
  #rounds = 0;
  /** Where history stood after the last round, and after the one before it. */
  #stood = 0;
  #stoodBefore = 0;
  /** What was to be read when history stood there. */
  #due: ReadonlySet<string> = new Set();
  #complete = 0;
  #revision = 0;
  #history = 0;
  #isMarked = false;
  /** Keys that may have changed since an inventory was begun. */
  #unsettled?: Set<string>;

  /** Whether what happens is delivered. */
  isLive = false;
  /** Ends {@linkcode news}. */
  wake: () => void = () => {};

  /**
   * @param prefix ends with a slash
   * @param chroot what comes before each key
   */
  constructor(
    readonly prefix: string,
    private readonly chroot: string,
    private readonly controller: ReadableStreamDefaultController<WatchEvent>,
  ) {
    this.#folder = chroot + prefix;
    this.root = this.#folder.replace(/\/$/, "") || "/";
  }

  /** The last revision that was delivered, or that is known to have brought nothing. */
  get revision(): number {
    return Math.max(this.#complete, this.#revision);
  }

  /** Up to which transaction everything was delivered. */
  get complete(): number {
    return this.#complete;
  }

  get isMarked(): boolean {
    return this.#isMarked;
  }

  /** Why ZooKeeper does not serve this prefix, or not all of it. */
  get problem(): string | undefined {
    const [first] = this.#refused.has(this.root) ? [this.root] : this.#refused;
    return first &&
      `ZooKeeper refuses the login in --zookeeper.user, or does not let it read ${first}`;
  }

  /** What the reader holds of a path. */
  version(path: string): Version | undefined {
    return this.#known.get(path);
  }

  /**
   * Another connection follows: all is to be read.
   *
   * @param zxid where history stands there
   * @param history see {@linkcode Snapshot}
   */
  resume(zxid: number, history: number): void {
    this.#history = history;
    this.#dirty = new Map([[this.root, true]]);
    this.#isWalk = true;
    this.#found.clear();
    this.#isReading = false;
    this.#rounds = 0;
    this.#stood = zxid;
    this.#stoodBefore = 0;
    this.#unsettled = undefined;
  }

  /** What was delivered is not to be trusted. */
  forget(): void {
    this.#known.clear();
    this.#isHeld = this.#isMarked = false;
    this.#complete = this.#revision = 0;
  }

  /** Notes that something happened to a znode. @param isDeep and maybe to what is beneath it */
  touch(path: string, isDeep = false): void {
    if (path !== this.root && !path.startsWith(this.#folder)) return;
    this.#dirty.set(path, isDeep || this.#dirty.get(path) === true);
    this.#unsettled?.add(this.#keyOf(path));
    this.wake();
  }

  /** Resolves when there is something to read, or at {@linkcode wake}. */
  async news(): Promise<void> {
    if (this.#dirty.size > 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.wake = resolve;
    const timer = this.#refused.size === 0
      ? undefined
      : setTimeout(resolve, Math.max(0, this.#askAt - performance.now()));
    await promise;
    clearTimeout(timer);
  }

  /** Begins a round, when there is something to read. @returns that, see {@linkcode Search} */
  next(): ReadonlyMap<string, boolean> {
    if (this.#refused.size > 0 && performance.now() >= this.#askAt) {
      this.#askAt = performance.now() + REFUSED_RETRY;
      for (const path of this.#refused) this.touch(path, true);
    }
    const paths = this.#dirty;
    this.#dirty = new Map();
    this.#isReading = paths.size > 0;
    return paths;
  }

  /**
   * Ends a round, and delivers everything when nothing has happened meanwhile:
   * then no transaction is torn. When something happens all the time, what
   * was written before the round began is delivered after some of them: what
   * else its transactions wrote has been read, too, and is in the same batch,
   * unless it was written again since.
   */
  take({ znodes, refused, zxid }: Finds): void {
    this.#isReading = false;
    for (const path of znodes.keys()) this.#refused.delete(path);
    if (this.#refused.size === 0) {
      this.#askAt = performance.now() + REFUSED_RETRY;
    }
    for (const path of refused) this.#refused.add(path);
    if (this.#isWalk) {
      this.#isWalk = false;
      // What is known and was not come by is gone, or beneath a refused one.
      for (const path of this.#known.keys()) {
        if (!znodes.has(path)) this.touch(path);
      }
    }
    const isQuiet = this.#dirty.size === 0;
    const isDue = isQuiet || ++this.#rounds > MAX_ROUNDS;
    const late = new Map<string, Found>();
    for (const [path, found] of znodes) {
      const isLate = this.#isHeld && isDue && !isQuiet &&
        this.#isLate(path, found);
      (isLate ? late : this.#found).set(path, found);
    }
    if (isDue && (this.#isHeld || !this.#refused.has(this.root))) {
      const complete = isQuiet ? zxid : this.#stoodBefore;
      this.#complete = Math.max(this.#complete, complete);
      if (this.#isHeld) this.#change(this.#found);
      else this.#reset(this.#found, zxid);
      this.#found = late;
      this.#rounds = 0;
      this.isLive = true;
    }
    this.#stoodBefore = this.#stood;
    this.#stood = zxid;
    this.#due = new Set(this.#dirty.keys());
  }

  /** Whether a znode was written after this round began. */
  #isLate(path: string, { stat }: Found): boolean {
    if (stat !== undefined) return stat.mzxid > this.#stood;
    // When one was removed is told by its event only.
    return !this.#due.has(path) || this.#dirty.has(path);
  }

  /** Whether all that happened up to a transaction was delivered, all of whose events have come. */
  isComplete(zxid: number): boolean {
    const isQuiet = this.#dirty.size === 0 && !this.#isReading;
    return this.isLive && this.#refused.size === 0 &&
      (isQuiet || this.#complete >= zxid);
  }

  /** Notes that all changes up to a transaction were delivered. */
  prove(zxid: number): void {
    this.#complete = Math.max(this.#complete, zxid);
  }

  /** To be called before an inventory is read; see {@linkcode deliver}. */
  beginInventory(): void {
    this.#unsettled = new Set();
  }

  /**
   * Delivers an inventory, unless everything was read anew since its
   * beginning. A key whose state is the one that was delivered counts as
   * written by what it was delivered with.
   */
  deliver({ znodes, zxid }: Finds): void {
    const unsettled = this.#unsettled;
    this.#unsettled = undefined;
    if (unsettled === undefined) return;
    const keys = new Map<string, number>();
    for (const [path, { stat }] of znodes) {
      if (path === this.root || stat === undefined || stat.size === 0) continue;
      const known = this.#known.get(path);
      const isKnown = known !== undefined && isSame(known, stat);
      keys.set(this.#keyOf(path), isKnown ? known.revision : stat.mzxid);
    }
    this.controller.enqueue({
      type: "inventory",
      revision: zxid,
      keys,
      unsettled,
    });
  }

  /** Delivers everything, as it was when history stood there. */
  #reset(found: ReadonlyMap<string, Found>, zxid: number): void {
    const entries: Entry[] = [];
    for (const [path, { stat, data }] of found) {
      if (!stat?.size || data === undefined || path === this.root) continue;
      const { mzxid, mtime } = stat;
      this.#known.set(path, { mzxid, mtime, revision: mzxid });
      entries.push({ key: this.#keyOf(path), value: data, revision: mzxid });
    }
    this.#isHeld = true;
    this.#isMarked = entries.length > 0;
    this.#revision = zxid;
    this.#unsettled = undefined;
    this.controller.enqueue({
      type: "snapshot",
      revision: zxid,
      completeRevision: this.#complete,
      history: this.#history,
      pages: [entries.sort((a, b) => a.key < b.key ? -1 : 1)],
    });
  }

  /**
   * Delivers what differs from what the reader holds; nothing, too, where that
   * is how it was later than what is complete.
   */
  #change(found: ReadonlyMap<string, Found>): void {
    const changes: KeyChange[] = [];
    const written: [path: string, version: Version][] = [];
    for (const [path, { stat, data, zxid }] of found) {
      if (path === this.root) continue;
      const known = this.#known.get(path);
      if (!stat?.size) {
        // When it was removed is not known: before that was found, at least.
        // It may have been written before that, too, and nobody heard of it.
        this.#revision = Math.max(this.#revision, stat?.mzxid ?? zxid);
        if (known === undefined) continue;
        this.#known.delete(path);
        changes.push({ key: this.#keyOf(path) });
      } else if (data !== undefined && !(known && isSame(known, stat))) {
        this.#revision = Math.max(this.#revision, stat.mzxid);
        written.push([path, stat]);
        changes.push({ key: this.#keyOf(path), value: data });
      }
    }
    const revision = this.#revision;
    for (const [path, { mzxid, mtime }] of written) {
      this.#known.set(path, { mzxid, mtime, revision });
    }
    const complete = this.#complete;
    if (changes.length === 0 && revision <= complete) return;
    this.#isMarked ||= changes.length > 0;
    this.controller.enqueue({
      type: "batch",
      revision,
      changes,
      completeRevision: complete,
    });
  }

  #keyOf(path: string): string {
    return path.slice(this.chroot.length);
  }
}
