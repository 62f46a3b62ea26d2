import { TIMEOUT } from "./connection.ts";
import { type EtcdWatch, isSameChange, type Landmark } from "./watch.ts";
import type { WatchSink } from "./watch_stream.ts";
import type { Batch } from "../store.ts";

/** How far back, in revisions, etcd is asked to replay what was delivered already. */
const REACH = 100;

/**
 * So many revisions come at once: etcd replays 1,000 at a time, but a
 * grpc-proxy, which joins watches, may have begun at an earlier one.
 */
const AT_ONCE = 500;

/** Time between two looks for what has to come, in ms, and how many there are. */
export const BETWEEN_LOOKS = 50;
const LOOKS = TIMEOUT / BETWEEN_LOOKS;

export const RESTORED = "etcd was restored from a backup";
const NOT_SERVED = "etcd does not serve its watches";

/** A watch did not deliver a change, or not in its place. */
export class Missed extends Error {
  override readonly name = "Missed";

  constructor(readonly watch: EtcdWatch, readonly revision: number) {
    super(`the watch of ${watch.prefix} missed revision ${revision}`);
  }
}

/**
 * What etcd sends again of a range that holds the prefixes of some watches,
 * beside what these delivered.
 */
export class Replay implements WatchSink {
  /** The revision to begin at. */
  readonly start: number;
  readonly #revision: number;
  readonly #proven: ReadonlyMap<EtcdWatch, number>;
  /** Of each watch the last change, if that must come. */
  readonly #landmarks: readonly Landmark[];
  readonly #came = new Set<number>();
  /** The revisions that wrote under the prefix of each watch. */
  readonly #written: ReadonlyMap<EtcdWatch, Set<number>>;
  /** Why there is nothing to wait for. */
  #end?: "compacted" | Error;

  /** Looks that are left for what has to come. */
  looks = LOOKS;
  /** Bytes of values that are of no watch. */
  foreign = 0;
  readonly #answer = Promise.withResolvers<void>();
  /** Resolves when all up to the revision came, or when etcd refused. */
  readonly answered = this.#answer.promise;

  /** @param revision up to which it is to be known whether all was delivered */
  constructor(watches: readonly EtcdWatch[], revision: number) {
    this.#revision = revision;
    this.#proven = new Map(watches.map((one) => [one, one.proven ?? 0]));
    this.#written = new Map(watches.map((one) => [one, new Set()]));
    const proven = Math.min(...this.#proven.values());
    // Where history is compacted up to the first revision, what that removed is
    // gone, and etcd does not say so: so the first is one that is proven.
    const isCheap = watches.every(({ large }) => large < proven);
    const next = isCheap ? Math.max(1, proven) : proven + 1;
    const known = near(watches, revision);
    this.start = known.length > 0 ? Math.min(next, Math.max(...known)) : next;
    this.#landmarks = watches.map(({ landmark }) => landmark)
      .filter((one) => one !== undefined)
      // A removal of the first one is gone when history is compacted up to there.
      .filter(({ revision, value }) =>
        revision > this.start || revision === this.start && value !== undefined
      );
  }

  batch(batch: Batch): void {
    this.looks = LOOKS;
    this.#came.add(batch.revision);
    for (const landmark of this.#landmarks) {
      if (landmark.revision === batch.revision && !hasChange(batch, landmark)) {
        this.lost(new Error(RESTORED));
      }
    }
    for (const { key, value } of batch.changes) {
      let isForeign = true;
      for (const [{ prefix }, revisions] of this.#written) {
        if (!key.startsWith(prefix)) continue;
        isForeign = false;
        revisions.add(batch.revision);
      }
      if (isForeign) this.foreign += value?.length ?? 0;
    }
  }

  sent(revision: number): void {
    const isWhole = this.#revision - this.start < AT_ONCE;
    if (isWhole && revision >= this.#revision) this.#answer.resolve();
  }

  lost(reason: "compacted" | Error): void {
    this.#end ??= reason;
    // Without a replay it is time that tells: what is on its way has to come.
    if (reason !== "compacted") this.#answer.resolve();
  }

  /** Whether there is nothing to be found out any more. */
  get isOver(): boolean {
    return this.#end !== undefined || this.#fresh.length === 0;
  }

  /** Whether something must come yet, here or there. */
  get isWanting(): boolean {
    return !this.#isServed || this.#missed !== undefined;
  }

  /**
   * The watches that delivered all there was, if this could be found out.
   *
   * @throws {Missed} when one did not deliver something
   * @throws {Error} when etcd refused, did not serve this, or is not the one it was
   */
  get proven(): EtcdWatch[] {
    if (this.#end instanceof Error) throw this.#end;
    const fresh = this.#fresh;
    if (this.#end === "compacted") {
      for (const watch of fresh) watch.canReplay = false;
      // From the proven revision on nothing is left that could be replayed.
      const uncompared = fresh.filter(({ proven = 0 }) => proven <= this.start);
      for (const watch of uncompared) watch.isUncompared = true;
      return uncompared;
    }
    const missed = this.#missed;
    if (missed !== undefined) throw missed;
    if (fresh.length > 0 && !this.#isServed) throw new Error(NOT_SERVED);
    return fresh;
  }

  /** The watches that were not made anew meanwhile: those are proven the next time. */
  get #fresh(): EtcdWatch[] {
    return [...this.#proven].filter(([{ isLive, proven }, before]) =>
      isLive && proven === before
    ).map(([watch]) => watch);
  }

  get #isServed(): boolean {
    return this.#landmarks.every(({ revision }) => this.#came.has(revision));
  }

  /** What came here, and was not delivered. */
  get #missed(): Missed | undefined {
    return this.#fresh.flatMap((watch) =>
      [...this.#written.get(watch) ?? []]
        .filter((one) => one <= this.#revision && !watch.knows(one))
        .map((one) => new Missed(watch, one))
    )[0];
  }
}

/** The last change of some watches that etcd can replay, when that is near and nothing large has to come with it. */
function near(watches: readonly EtcdWatch[], revision: number): number[] {
  const large = Math.max(...watches.map((one) => one.large));
  return watches.filter(({ canReplay }) => canReplay)
    .map(({ landmark }) => landmark?.revision ?? 0)
    .filter((known) => known > large && revision - known <= REACH);
}

function hasChange({ changes }: Batch, landmark: Landmark): boolean {
  return changes.some((change) => isSameChange(change, landmark));
}
