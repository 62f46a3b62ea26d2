import { sleep } from "../../time.ts";
import type { EtcdConnection, Head } from "./connection.ts";
import { isRefusal, rangeOf } from "./messages.ts";
import { BETWEEN_LOOKS, Replay, RESTORED } from "./replay.ts";
import type { EtcdWatch } from "./watch.ts";

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
