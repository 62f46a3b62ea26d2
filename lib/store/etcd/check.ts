import { sleep } from "../../time.ts";
import { type EtcdConnection, type Head, TIMEOUT } from "./connection.ts";
import { isRefusal, rangeOf } from "./range.ts";
import { type EtcdWatch, isSameChange, type Landmark } from "./watch.ts";
import type { WatchSink } from "./watch_stream.ts";
import type { Batch } from "../store.ts";

/** How long etcd gets at least, in ms: it looks every 100 ms for watches that are behind. */
const LEAST_GRACE = 300;

/** How many bytes of values that lie between the prefixes may be replayed with the others. */
const FOREIGN = 64 * 1024;

/** How long each prefix has a probe of its own, once that was more or refused, in ms. */
const APART = 300_000;

/**
 * Proves that what the watches of a connection delivered is all there is, or
 * throws.
 *
 * It asks for the store's revision, linearizable. While that stands, nothing
 * can have been missed. When it has moved, a second watch, a probe, is made on
 * the same stream (after a new token, on a new one), of the range that holds
 * all prefixes, from the last proven revision on: etcd replays to it what the
 * watches must have delivered in the meantime. The probe starts at the last
 * known change, when that is not far back, so there is an answer that must
 * come. So this finds a connection, a stream or a member that went silent; a
 * member that is cut off from the others; a watch that lost a change; and
 * watches that are confirmed but never served. It ends as soon as etcd has sent
 * all.
 *
 * There is a probe for each prefix where the login may not read what is
 * between them, or much is written there.
 *
 * What it costs etcd, each minute and lainlet, at an interval of 5 s: 13 reads
 * of its index alone, of one key; while others write, also 10 to 12 watches,
 * which end when etcd next looks for watches that are behind, within 100 ms,
 * or after `grace` when nothing is to be replayed. Replayed is what was
 * written from the first prefix to the last since the last check, or from the
 * last change on. A check takes 1.7 times as much of etcd's CPU when there is
 * a probe; with one of a second for each prefix it was 2.6 to 3 times.
 * (etcd 3.4, 150 lainlets, 170 to 280 checks a second on 2 shared cores, old
 * and new in turn: 0.7, 1.2 and 1.8 to 2.1 ms.)
 *
 * An answer to a progress request would be cheaper where etcd gives it in its
 * place (3.4.25, 3.5.8 and newer), but tells only that the stream is served:
 * what was lost on the way would not be found.
 *
 * @param grace how long etcd gets to replay, in ms, where nothing need come
 * @returns the watches that are proven now; one whose watch was made anew meanwhile is not
 * @throws {Missed} when a watch did not deliver something
 * @throws {Error} when etcd does not answer, or is not the one it was
 */
export async function check(
  connection: EtcdConnection,
  watches: readonly EtcdWatch[],
  grace: number,
): Promise<EtcdWatch[]> {
  const [first] = watches;
  if (first === undefined) return [];
  // Batches may overtake the answer.
  const delivered = new Map(watches.map((one) => [one, one.revision]));
  const head = await connection.head(first.prefix);
  if (watches.some((watch) => !watch.isOf(head, delivered.get(watch)))) {
    throw new Error(RESTORED);
  }
  const known = watches.filter(({ proven }) => proven !== undefined);
  const isCurrent = ({ proven }: EtcdWatch) => proven === head.revision;
  const current = known.filter(isCurrent);
  for (const watch of current) watch.prove(head);
  const behind = known.filter((watch) => !isCurrent(watch));
  return [...current, ...await prove(connection, behind, head, grace)];
}

/** Proves what watches delivered up to a head, by one probe if that is possible. */
async function prove(
  connection: EtcdConnection,
  watches: readonly EtcdWatch[],
  head: Head,
  grace: number,
): Promise<EtcdWatch[]> {
  const isMore = watches.length > 1;
  if (isMore && performance.now() >= connection.apartUntil) {
    try {
      return await probe(connection, watches, head, grace);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      connection.apartUntil = performance.now() + APART;
    }
  }
  const apart = watches.map((one) => probe(connection, [one], head, grace));
  return (await Promise.all(apart)).flat();
}

/**
 * Proves what watches delivered up to a head, by what etcd replays of the
 * range that holds their prefixes.
 *
 * @returns those of which this could be found out
 */
async function probe(
  connection: EtcdConnection,
  watches: readonly EtcdWatch[],
  head: Head,
  grace: number,
): Promise<EtcdWatch[]> {
  const replay = new Replay(watches, head.revision);
  const range = rangeOf(...watches.map(({ prefix }) => prefix));
  const stop = await connection.watch(range, replay.start, replay);
  await Promise.race([
    sleep(Math.max(grace, LEAST_GRACE), connection.signal),
    replay.answered,
  ]);
  // Looks, not a clock: a process that stood still has not read what is there.
  while (
    !connection.signal.aborted && !replay.isOver && replay.isWanting &&
    replay.looks-- > 0
  ) {
    await sleep(BETWEEN_LOOKS, connection.signal);
  }
  stop();
  if (replay.foreign > FOREIGN) {
    connection.apartUntil = performance.now() + APART;
  }
  if (connection.signal.aborted) return [];
  const { proven } = replay;
  for (const watch of proven) watch.prove(head);
  return proven;
}
/** How far back, in revisions, etcd is asked to replay what was delivered already. */
export const REACH = 100;
/**
 * So many revisions come at once: etcd replays 1,000 at a time, but a
 * grpc-proxy, which joins watches, may have begun at an earlier one.
 */
export const AT_ONCE = 500;
/** Time between two looks for what has to come, in ms, and how many there are. */

export const BETWEEN_LOOKS = 50;
export const LOOKS = TIMEOUT / BETWEEN_LOOKS;
export const RESTORED = "etcd was restored from a backup";
export const NOT_SERVED = "etcd does not serve its watches";
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
