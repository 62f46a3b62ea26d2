import { sleep } from "../../time.ts";
import { AccessDenied, type ResponseHeader } from "../connection.ts";
import type { Batch } from "../store.ts";
import { MissedChange } from "../watch.ts";
import { type EtcdConnection, TIMEOUT } from "./connection.ts";
import { rangeOf } from "./range.ts";
import { type Checkpoint, type EtcdWatch, isSameChange } from "./watch.ts";
import type { WatchEnd, WatchSink } from "./watch_stream.ts";

/** Shortest time that etcd gets for a replay, in ms: it serves watches that are behind every 100 ms. */
const MIN_GRACE = 300;

/** Limit for the values under no prefix that a probe of all prefixes may replay, in bytes. */
const MAX_UNRELATED_BYTES = 64 * 1024;

/** How long each prefix has its own probe after a probe of all exceeded that limit or was refused, in ms. */
const SEPARATE_PROBES_TIME = 300_000;

/** How far back, in revisions, a probe may begin at what was delivered before. */
const MAX_REPLAYED_REVISIONS = 100;

/**
 * A replay of at most this many revisions comes in one response: etcd replays
 * 1,000 at a time, but a grpc-proxy, which joins watches, may have begun at an
 * earlier revision.
 */
const RESPONSE_REVISIONS = 500;

/** Time between two polls of what has arrived, in ms, and how many there are. */
const POLL_INTERVAL = 50;
const POLLS = TIMEOUT / POLL_INTERVAL;

const RESTORED = "etcd was restored from a backup";
const NOT_SERVED = "etcd does not serve its watches";

/**
 * Checks that what the watches of a connection delivered is everything that
 * etcd holds.
 *
 * It reads the current revision, linearizable. If that is the confirmed one,
 * nothing can have been missed. Otherwise it creates another watch, a probe, on
 * the same stream (or a new one, after a new token), of the range that holds
 * all prefixes, from the last confirmed revision on: etcd replays what the
 * watches must have delivered since then. The probe starts at the last known
 * event when that is recent, so that there is always a response to expect. This
 * finds a connection, stream or member that went silent; a member that is cut
 * off from the others; a watch that lost a change; and watches that are
 * confirmed but never served. The probe ends as soon as etcd has sent all.
 *
 * Each prefix has its own probe where the login may not read what is between
 * them, or much is written there.
 *
 * Cost for etcd, each minute and lainlet, with a check every 5 s: 13 reads of
 * its index, of one key; while others write, also 10 to 12 watches, which end
 * when etcd next serves watches that are behind, within 100 ms, or after
 * `grace` when there is nothing to replay. It replays what was written from the
 * first prefix to the last since the last check, or since the last known event.
 * A check with a probe takes 1.7 times the CPU of etcd that one without takes
 * (1.2 ms, 0.7 ms); with a probe of a second for each prefix it was 2.6 to 3
 * times (1.8 to 2.1 ms). Measured in turn with etcd 3.4 and 150 lainlets, 170 to
 * 280 checks a second on 2 shared cores.
 *
 * A progress request would be cheaper where etcd answers it in order (3.4.25,
 * 3.5.8 and newer), but shows only that the stream is served: it does not find
 * what was lost on the way.
 *
 * @param grace time that etcd gets to replay, in ms, where nothing has to come
 * @returns the watches that are confirmed; one that was read again meanwhile is not
 * @throws {MissedChange} when a watch did not deliver a change
 * @throws {Error} when etcd does not respond, or has another history
 */
export async function check(
  connection: EtcdConnection,
  watches: readonly EtcdWatch[],
  grace: number,
): Promise<EtcdWatch[]> {
  const [first] = watches;
  if (first === undefined) return [];
  // Batches may arrive before the response.
  const delivered = new Map(watches.map((watch) => [watch, watch.revision]));
  const header = await connection.currentRevision(first.prefix);
  if (watches.some((one) => !one.isSameHistory(header, delivered.get(one)))) {
    throw new Error(RESTORED);
  }
  const known = watches.filter((one) => one.confirmedRevision !== undefined);
  const isCurrent = ({ confirmedRevision }: EtcdWatch) =>
    confirmedRevision === header.revision;
  const current = known.filter(isCurrent);
  for (const watch of current) watch.confirm(header);
  const behind = known.filter((watch) => !isCurrent(watch));
  return [...current, ...await probeAll(connection, behind, header, grace)];
}

/** Checks watches by one probe if that is possible, or else by one for each. */
async function probeAll(
  connection: EtcdConnection,
  watches: readonly EtcdWatch[],
  header: ResponseHeader,
  grace: number,
): Promise<EtcdWatch[]> {
  if (
    watches.length > 1 && performance.now() >= connection.separateProbesUntil
  ) {
    try {
      return await probe(connection, watches, header, grace);
    } catch (error) {
      if (!(error instanceof AccessDenied)) throw error;
      connection.separateProbesUntil = performance.now() + SEPARATE_PROBES_TIME;
    }
  }
  const probes = watches.map((one) => probe(connection, [one], header, grace));
  return (await Promise.all(probes)).flat();
}

/**
 * Checks watches by what etcd replays of the range that holds their prefixes.
 *
 * @returns the watches that are confirmed
 */
async function probe(
  connection: EtcdConnection,
  watches: readonly EtcdWatch[],
  header: ResponseHeader,
  grace: number,
): Promise<EtcdWatch[]> {
  const replay = new Replay(watches, header.revision);
  const range = rangeOf(...watches.map(({ prefix }) => prefix));
  const stop = await connection.watch(range, replay.start, replay);
  await Promise.race([
    sleep(Math.max(grace, MIN_GRACE), connection.signal),
    replay.answered,
  ]);
  // Counts polls, not time: a process that stood still has not read what is there.
  while (
    !connection.signal.aborted && !replay.isOver && replay.isWaiting &&
    replay.pollsLeft-- > 0
  ) {
    await sleep(POLL_INTERVAL, connection.signal);
  }
  stop();
  if (replay.unrelatedBytes > MAX_UNRELATED_BYTES) {
    connection.separateProbesUntil = performance.now() + SEPARATE_PROBES_TIME;
  }
  if (connection.signal.aborted) return [];
  const { confirmed } = replay;
  for (const watch of confirmed) watch.confirm(header);
  return confirmed;
}

/**
 * What etcd replays of a range that holds the prefixes of some watches,
 * compared with what these delivered.
 */
export class Replay implements WatchSink {
  /** The revision to start at. */
  readonly start: number;
  readonly #revision: number;
  readonly #confirmedBefore: ReadonlyMap<EtcdWatch, number>;
  /** Last known events that etcd must replay. */
  readonly #checkpoints: readonly Checkpoint[];
  readonly #replayed = new Set<number>();
  /** Replayed revisions that wrote under each watch's prefix. */
  readonly #written: ReadonlyMap<EtcdWatch, Set<number>>;
  /** Why etcd ended the replay. */
  #end?: WatchEnd;

  /** How many polls without progress are left before the check fails. */
  pollsLeft = POLLS;
  /** Bytes of values under no watch's prefix. */
  unrelatedBytes = 0;
  readonly #answer = Promise.withResolvers<void>();
  /** Resolves when everything up to the revision came, or when etcd refused. */
  readonly answered = this.#answer.promise;

  /** @param revision up to which the watches are checked */
  constructor(watches: readonly EtcdWatch[], revision: number) {
    this.#revision = revision;
    this.#confirmedBefore = new Map(
      watches.map((watch) => [watch, watch.confirmedRevision ?? 0]),
    );
    this.#written = new Map(watches.map((watch) => [watch, new Set()]));
    const confirmed = Math.min(...this.#confirmedBefore.values());
    // When history is compacted up to the start revision, etcd does not replay
    // what that revision removed, and does not say so. So it is a confirmed one.
    const isCheap = watches.every((one) => one.largeRevision < confirmed);
    const next = isCheap ? Math.max(1, confirmed) : confirmed + 1;
    const known = replayable(watches, revision);
    this.start = known.length > 0 ? Math.min(next, Math.max(...known)) : next;
    this.#checkpoints = watches.map(({ checkpoint }) => checkpoint)
      .filter((checkpoint) => checkpoint !== undefined)
      .filter(({ revision, value }) =>
        revision > this.start || revision === this.start && value !== undefined
      );
  }

  batch(batch: Batch): void {
    this.pollsLeft = POLLS;
    this.#replayed.add(batch.revision);
    for (const checkpoint of this.#checkpoints) {
      if (
        checkpoint.revision === batch.revision && !hasChange(batch, checkpoint)
      ) this.ended(new Error(RESTORED));
    }
    for (const { key, value } of batch.changes) {
      let isUnrelated = true;
      for (const [{ prefix }, revisions] of this.#written) {
        if (!key.startsWith(prefix)) continue;
        isUnrelated = false;
        revisions.add(batch.revision);
      }
      if (isUnrelated) this.unrelatedBytes += value?.length ?? 0;
    }
  }

  sent(revision: number): void {
    const isOneResponse = this.#revision - this.start < RESPONSE_REVISIONS;
    if (isOneResponse && revision >= this.#revision) this.#answer.resolve();
  }

  ended(reason: WatchEnd): void {
    this.#end ??= reason;
    // Without a replay, what is on its way has the grace time to arrive.
    if (reason !== "compacted") this.#answer.resolve();
  }

  /** Whether etcd ended the replay, or no watch is left to check. */
  get isOver(): boolean {
    return this.#end !== undefined || this.#unchanged.length === 0;
  }

  /** Whether the replay lacks a checkpoint, or a watch lacks a replayed change. */
  get isWaiting(): boolean {
    return !this.#isServed || this.#missed !== undefined;
  }

  /**
   * The watches that delivered everything, as far as this could be found out.
   *
   * @throws {MissedChange} when one did not deliver a change
   * @throws {Error} when etcd refused or did not serve the replay, or has another history
   */
  get confirmed(): EtcdWatch[] {
    if (this.#end instanceof Error) throw this.#end;
    const watches = this.#unchanged;
    if (this.#end === "compacted") {
      for (const watch of watches) watch.canReplay = false;
      // Nothing after the confirmed revision is left that could be replayed.
      const uncompared = watches.filter(({ confirmedRevision = 0 }) =>
        confirmedRevision <= this.start
      );
      for (const watch of uncompared) watch.isUncompared = true;
      return uncompared;
    }
    const missed = this.#missed;
    if (missed !== undefined) throw missed;
    if (watches.length > 0 && !this.#isServed) throw new Error(NOT_SERVED);
    return watches;
  }

  /** The watches that were not read again meanwhile. The others are confirmed at the next check. */
  get #unchanged(): EtcdWatch[] {
    return [...this.#confirmedBefore].filter(([watch, before]) =>
      watch.isLive && watch.confirmedRevision === before
    ).map(([watch]) => watch);
  }

  get #isServed(): boolean {
    return this.#checkpoints.every(({ revision }) =>
      this.#replayed.has(revision)
    );
  }

  /** The first change that was replayed and not delivered. */
  get #missed(): MissedChange | undefined {
    return this.#unchanged.flatMap((watch) =>
      [...this.#written.get(watch) ?? []]
        .filter((revision) =>
          revision <= this.#revision && !watch.hasDelivered(revision)
        )
        .map((revision) => new MissedChange(watch, revision))
    )[0];
  }
}

/** Returns the revisions of last known events that are recent, and that etcd can replay without a large one. */
function replayable(
  watches: readonly EtcdWatch[],
  revision: number,
): number[] {
  const large = Math.max(...watches.map((watch) => watch.largeRevision));
  return watches.filter(({ canReplay }) => canReplay)
    .map(({ checkpoint }) => checkpoint?.revision ?? 0)
    .filter((known) =>
      known > large && revision - known <= MAX_REPLAYED_REVISIONS
    );
}

function hasChange({ changes }: Batch, checkpoint: Checkpoint): boolean {
  return changes.some((change) => isSameChange(change, checkpoint));
}
