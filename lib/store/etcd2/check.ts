import { sleep } from "../../time.ts";
import type { ResponseHeader } from "../connection.ts";
import { type Etcd2Connection, RESTORED } from "./connection.ts";
import { checksum } from "./messages.ts";
import type { Etcd2Watch } from "./watch.ts";

/** Time between two rounds that look at what has arrived, in ms, and how many there are. */
const ROUND_INTERVAL = 50;
const ROUNDS = 4_000 / ROUND_INTERVAL;

const NOT_SERVED = "etcd does not serve its watches";

/**
 * Checks that what was delivered is everything that etcd holds.
 *
 * It reads a key, linearizable: the headers have the current index. If that is
 * the confirmed one, nothing can have been missed. Otherwise it ends each older
 * poll, which does not show that etcd would still answer it, and makes it again.
 * etcd looks into its history and sends its index at once; when no event
 * follows, and etcd answers a request that was made after that, nothing happened
 * under the prefix up to there. This finds a connection or a member that went
 * silent, a member that is cut off from the others, and an event that was lost.
 *
 * @param grace time that an event gets after the headers of its poll, in ms
 * @returns the watches that are confirmed; one that is being read again is not
 * @throws {Error} when etcd does not respond, or has another history
 */
export async function check(
  connection: Etcd2Connection,
  watches: readonly Etcd2Watch[],
  grace: number,
): Promise<Etcd2Watch[]> {
  const [first] = watches;
  if (first === undefined) return [];
  // Events may arrive before the response.
  const delivered = new Map(watches.map((watch) => [watch, watch.revision]));
  const key = first.checkpoint?.key ?? first.prefix;
  const { header } = await connection.read(key);
  if (watches.some((one) => !one.isSameHistory(header, delivered.get(one)))) {
    throw new Error(RESTORED);
  }
  let ping = { at: -Infinity, answer: Promise.resolve() };
  const pingedSince = (time: number) => {
    if (ping.at < time) {
      ping = { at: performance.now(), answer: connection.ping(key) };
    }
    return ping.answer;
  };
  const isConfirmed = await Promise.all(
    watches.map((watch) =>
      checkWatch(watch, header, grace, pingedSince, connection.signal)
    ),
  );
  return watches.filter((_, i) => isConfirmed[i]);
}

/**
 * Waits until a watch has delivered everything up to a header, and confirms it.
 *
 * @param pingedSince waits until etcd answers a request that is made after a time, as `performance.now()`
 * @param signal of the connection
 * @returns false when that cannot be found out now
 */
async function checkWatch(
  watch: Etcd2Watch,
  header: ResponseHeader,
  grace: number,
  pingedSince: (time: number) => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  // Counts rounds, not time: a process that stood still has not read what is there.
  const requiredQuietRounds = Math.ceil(grace / ROUND_INTERVAL);
  let { poll, completeRevision } = watch;
  let quietRounds = 0;
  let quietSince = performance.now();
  for (let roundsLeft = ROUNDS; roundsLeft > 0; roundsLeft--) {
    const isArriving = watch.poll?.isAnswered ||
      watch.completeRevision !== completeRevision;
    if (isArriving) roundsLeft = ROUNDS;
    if (isArriving || watch.poll !== poll) {
      quietRounds = 0;
      quietSince = performance.now();
    }
    ({ poll, completeRevision } = watch);
    if (signal.aborted || !watch.isLive || completeRevision === undefined) {
      return false;
    }
    if (completeRevision >= header.revision) {
      watch.confirm(header);
      return true;
    }
    if (poll !== undefined && quietRounds++ >= requiredQuietRounds) {
      if (poll.index < header.revision) watch.renewPoll(header.revision);
      else {
        // A member that is paused or out of reach sends no event either.
        await pingedSince(quietSince);
        if (signal.aborted || !watch.isLive) return false;
        if (watch.poll === poll && !poll.isAnswered) {
          watch.confirm(header);
          return true;
        }
      }
    }
    await sleep(ROUND_INTERVAL, signal);
  }
  throw new Error(NOT_SERVED);
}

/**
 * Tells whether etcd has the history that a watch was delivered from: looks for
 * the last known event in etcd's history, or else at its key. Makes the watch
 * forget what it delivered where neither shows it.
 *
 * @param grace time that an event gets after the headers of its poll, in ms
 * @throws when that cannot be found out
 */
export async function isSameHistory(
  watch: Etcd2Watch,
  connection: Etcd2Connection,
  header: ResponseHeader,
  grace: number,
): Promise<boolean> {
  const { checkpoint, completeRevision, prefix } = watch;
  if (!watch.isSameHistory(header)) return false;
  if (completeRevision === undefined || checkpoint === undefined) return true;
  const { key, revision } = checkpoint;
  const poll = await connection.poll(prefix, revision);
  if (poll === "cleared") {
    const { version } = await connection.read(key);
    if (version?.revision === revision) {
      return version.checksum === checkpoint.checksum;
    }
    if (version !== undefined && version.revision <= completeRevision) {
      return false;
    }
    // It may have been written or removed since, or never have been there.
    const isRemoved = version === undefined &&
      checkpoint.checksum === undefined;
    if (!isRemoved) watch.forget();
    return true;
  }
  let isQuiet = false;
  const timer = setTimeout(() => {
    isQuiet = true;
    poll.stop();
  }, grace);
  const event = await poll.event.finally(() => clearTimeout(timer));
  if (isQuiet) return false;
  if (event === undefined) throw new Error("etcd ended a watch");
  const { isRemoval, node } = event;
  const value = new TextEncoder().encode(node.value);
  return node.index === revision && node.key === key &&
    (checkpoint.checksum === undefined
      ? isRemoval || node.isDirectory
      : !isRemoval && checksum(value) === checkpoint.checksum);
}
