import { onAbort } from "../../abort.ts";
import type { Entry, KeyChange } from "../store.ts";
import { REFUSED_RETRY } from "../remote.ts";
import { PrefixWatch, type WatchRun } from "../watch.ts";
import type { ReadResult, ZooKeeperConnection } from "./connection.ts";
import { isSameVersion, type Version, walk, type WalkResult } from "./walk.ts";

/** After how many rounds changes are delivered though more happens meanwhile. */
const MAX_ROUNDS = 5;

/** What the reader holds of a key. */
interface Known extends Version {
  /** The revision that its value was delivered with. */
  readonly revision: number;
}

/**
 * A watched prefix of ZooKeeper. An event says that something happened to a
 * znode, and not what: the znode is dirty until it is read again. Dirty znodes
 * are read in rounds, each of which reads those that had events before it.
 */
export class ZooKeeperWatch extends PrefixWatch<ZooKeeperConnection> {
  /** The znode whose descendants are the prefix's keys. */
  readonly root: string;
  readonly #folder: string;
  /** What the reader holds, by path. */
  readonly #known = new Map<string, Known>();
  /** Paths to read; true: with all that is beneath. */
  #dirty = new Map<string, boolean>();
  #isReading = false;
  /** Whether the round reads everything. */
  #isWalk = false;
  /** What was read and is not delivered yet. */
  #pending = new Map<string, ReadResult>();
  readonly #refused = new Set<string>();
  /** When refused paths are read again, as `performance.now()`. */
  #retryAt = 0;
  #hasSnapshot = false;
  /** Whether something was refused in the snapshot. */
  #isPartial = false;
  #rounds = 0;
  /** The zxid of the last round, and of the one before it. */
  #lastZxid = 0;
  #previousZxid = 0;
  /** What was dirty after the last round. */
  #dirtyAtLastZxid: ReadonlySet<string> = new Set();
  #completeRevision = 0;
  #revision = 0;
  #hasCheckpoint = false;
  #wake: () => void = () => {};

  /**
   * @param prefix ends with a slash
   * @param chroot path that the keys are under
   */
  constructor(
    prefix: string,
    private readonly chroot: string,
    controller: PrefixWatch["controller"],
  ) {
    super(prefix, controller);
    this.#folder = chroot + prefix;
    this.root = this.#folder.replace(/\/$/, "") || "/";
  }

  override get revision(): number {
    return Math.max(this.#completeRevision, this.#revision);
  }

  override get completeRevision(): number {
    return this.#completeRevision;
  }

  override get hasCheckpoint(): boolean {
    return this.#hasCheckpoint;
  }

  /** Why ZooKeeper does not serve this prefix, or not all of it. */
  get refusal(): string | undefined {
    const [first] = this.#refused.has(this.root) ? [this.root] : this.#refused;
    return first &&
      `ZooKeeper refuses the login in --zookeeper.user, or does not let it read ${first}`;
  }

  /** Reads everything once, and then in rounds what has events, until the connection or the watch ends. */
  override async run(
    connection: ZooKeeperConnection,
    run: WatchRun,
  ): Promise<void> {
    const at = performance.now();
    const remove = onAbort(connection.signal, () => this.#wake());
    try {
      this.resume(await connection.watch(this.root));
      let isConfirmed = false;
      while (run.isCurrent()) {
        const paths = this.takeDirty();
        if (paths.size === 0) {
          await this.#waitForDirty();
          continue;
        }
        const result = await walk(connection, {
          paths,
          known: (path) => this.#known.get(path),
        });
        if (!run.isCurrent()) return;
        this.endRound(result, run.history);
        run.report(this.refusal);
        if (this.isLive || this.refusal !== undefined) run.ready();
        if (isConfirmed || !this.isComplete(result.zxid)) continue;
        isConfirmed = true;
        run.confirm(at);
      }
    } finally {
      remove();
    }
  }

  override stop(): void {
    this.#wake();
  }

  /** Makes everything dirty, as another connection is used. @param zxid the current zxid there */
  resume(zxid: number): void {
    this.#dirty = new Map([[this.root, true]]);
    this.#isWalk = true;
    this.#pending.clear();
    this.#isReading = false;
    this.#rounds = 0;
    this.#lastZxid = zxid;
    this.#previousZxid = 0;
    this.dropInventory();
  }

  /** Records an event of a znode. @param isDeep whether what is beneath it may have changed, too */
  markDirty(path: string, isDeep = false): void {
    if (path !== this.root && !path.startsWith(this.#folder)) return;
    this.#dirty.set(path, isDeep || this.#dirty.get(path) === true);
    this.noteChanged(this.#keyOf(path));
    this.#wake();
  }

  /** Waits until there is something to read, or {@linkcode stop} is called. */
  async #waitForDirty(): Promise<void> {
    if (this.#dirty.size > 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = this.#refused.size === 0
      ? undefined
      : setTimeout(resolve, Math.max(0, this.#retryAt - performance.now()));
    await promise;
    clearTimeout(timer);
  }

  /** Begins a round, if there is something to read. @returns what to read, see {@linkcode WalkOptions} */
  takeDirty(): ReadonlyMap<string, boolean> {
    if (this.#refused.size > 0 && performance.now() >= this.#retryAt) {
      this.#retryAt = performance.now() + REFUSED_RETRY;
      for (const path of this.#refused) this.markDirty(path, true);
    }
    const paths = this.#dirty;
    this.#dirty = new Map();
    this.#isReading = paths.size > 0;
    return paths;
  }

  /**
   * Ends a round. If no event has come since it began, delivers everything that
   * was read: all transactions are complete. If events come in every round, it
   * delivers after `MAX_ROUNDS` rounds what was written before this one began: all
   * keys of those transactions were read, and are in the same batch, except those
   * that were written again since.
   *
   * @param history see {@linkcode Snapshot}
   */
  endRound({ znodes, refused, zxid }: WalkResult, history: number): void {
    this.#isReading = false;
    for (const path of znodes.keys()) this.#refused.delete(path);
    if (this.#refused.size === 0) {
      this.#retryAt = performance.now() + REFUSED_RETRY;
    }
    for (const path of refused) this.#refused.add(path);
    if (this.#isPartial && this.#refused.size === 0) this.#readAgain();
    if (this.#isWalk) {
      this.#isWalk = false;
      // Known paths that the walk did not find are gone, or beneath a refused one.
      for (const path of this.#known.keys()) {
        if (!znodes.has(path)) this.markDirty(path);
      }
    }
    const isQuiet = this.#dirty.size === 0;
    const isDue = isQuiet || ++this.#rounds > MAX_ROUNDS;
    const newer = new Map<string, ReadResult>();
    for (const [path, result] of znodes) {
      const isNewer = this.#hasSnapshot && isDue && !isQuiet &&
        this.#isNewer(path, result);
      (isNewer ? newer : this.#pending).set(path, result);
    }
    if (isDue && (this.#hasSnapshot || !this.#refused.has(this.root))) {
      const complete = isQuiet ? zxid : this.#previousZxid;
      // What is refused may have been written.
      if (this.#refused.size === 0) this.confirm(complete);
      if (this.#hasSnapshot) this.#deliverBatch(this.#pending);
      else this.#deliverSnapshot(this.#pending, zxid, history);
      this.#pending = newer;
      this.#rounds = 0;
      this.isLive = true;
    }
    this.#previousZxid = this.#lastZxid;
    this.#lastZxid = zxid;
    this.#dirtyAtLastZxid = new Set(this.#dirty.keys());
  }

  /** Makes the next round read everything for a snapshot: of what was refused, a reader may hold what is gone. */
  #readAgain(): void {
    this.#hasSnapshot = this.#isPartial = false;
    this.#known.clear();
    this.#dirty = new Map([[this.root, true]]);
    this.#rounds = 0;
  }

  /** Whether a znode was written after this round began. */
  #isNewer(path: string, { stat }: ReadResult): boolean {
    if (stat !== undefined) return stat.mzxid > this.#lastZxid;
    // Only its event tells when a znode was removed.
    return !this.#dirtyAtLastZxid.has(path) || this.#dirty.has(path);
  }

  /** Delivers everything as a snapshot. */
  #deliverSnapshot(
    znodes: ReadonlyMap<string, ReadResult>,
    zxid: number,
    history: number,
  ): void {
    const entries: Entry[] = [];
    for (const [path, { stat, data }] of znodes) {
      if (!stat?.size || data === undefined || path === this.root) continue;
      const { mzxid, mtime } = stat;
      this.#known.set(path, { mzxid, mtime, revision: mzxid });
      entries.push({ key: this.#keyOf(path), value: data, revision: mzxid });
    }
    const refused = Array.from(this.#refused, (path) => this.#keyOf(path));
    this.#hasSnapshot = true;
    this.#isPartial = refused.length > 0;
    this.#hasCheckpoint = entries.length > 0;
    this.#revision = zxid;
    this.header = { revision: zxid };
    this.dropInventory();
    this.controller.enqueue({
      type: "snapshot",
      revision: zxid,
      completeRevision: this.#completeRevision,
      history,
      pages: [entries.sort((a, b) => a.key < b.key ? -1 : 1)],
      ...this.#isPartial && { refused },
    });
  }

  /**
   * Delivers what differs from what the reader holds. Where nothing differs,
   * it delivers a batch without changes if the revision is newer than what is
   * complete, and than what was delivered while something is refused.
   */
  #deliverBatch(znodes: ReadonlyMap<string, ReadResult>): void {
    const before = this.#revision;
    const changes: KeyChange[] = [];
    const written: [path: string, version: Version][] = [];
    for (const [path, { stat, data, zxid }] of znodes) {
      if (path === this.root) continue;
      const known = this.#known.get(path);
      if (!stat?.size) {
        // The zxid of a removal is not known, only that it is at most the read's.
        // The znode may have been written and removed since the last round.
        this.#revision = Math.max(this.#revision, stat?.mzxid ?? zxid);
        if (known === undefined) continue;
        this.#known.delete(path);
        changes.push({ key: this.#keyOf(path) });
      } else if (data !== undefined && !(known && isSameVersion(known, stat))) {
        this.#revision = Math.max(this.#revision, stat.mzxid);
        written.push([path, stat]);
        changes.push({ key: this.#keyOf(path), value: data });
      }
    }
    const revision = this.#revision;
    for (const [path, { mzxid, mtime }] of written) {
      this.#known.set(path, { mzxid, mtime, revision });
    }
    for (const { key } of changes) this.noteChanged(key);
    const completeRevision = this.#completeRevision;
    const known = this.#refused.size > 0 ? before : completeRevision;
    if (changes.length === 0 && revision <= known) return;
    this.#hasCheckpoint ||= changes.length > 0;
    this.controller.enqueue({
      type: "batch",
      revision,
      changes,
      completeRevision,
    });
  }

  /** Whether everything up to a transaction was delivered, if its events have come. */
  isComplete(zxid: number): boolean {
    const isQuiet = this.#dirty.size === 0 && !this.#isReading;
    return this.isLive && this.#refused.size === 0 &&
      (isQuiet || this.#completeRevision >= zxid);
  }

  /** Records that all changes up to a transaction were delivered. */
  confirm(zxid: number): void {
    this.#completeRevision = Math.max(this.#completeRevision, zxid);
  }

  override forget(): void {
    this.#known.clear();
    this.#hasSnapshot = this.#isPartial = this.#hasCheckpoint = false;
    this.#completeRevision = this.#revision = 0;
  }

  /** Returns the revision that each key counts as written by: what delivered its version, or its zxid. */
  revisionsOf(
    znodes: ReadonlyMap<string, ReadResult>,
  ): ReadonlyMap<string, number> {
    const keys = new Map<string, number>();
    for (const [path, { stat }] of znodes) {
      if (path === this.root || stat === undefined || stat.size === 0) continue;
      const known = this.#known.get(path);
      const isKnown = known !== undefined && isSameVersion(known, stat);
      keys.set(this.#keyOf(path), isKnown ? known.revision : stat.mzxid);
    }
    return keys;
  }

  #keyOf(path: string): string {
    return path.slice(this.chroot.length);
  }
}
