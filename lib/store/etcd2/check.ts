import { sleep } from "../../time.ts";
import { type Etcd2Connection, RESTORED } from "./connection.ts";
import { type Head, sumOf } from "./messages.ts";
import type { Etcd2Watch } from "./watch.ts";

/** Time between two looks for what has to come, in ms, and how many there are. */
const BETWEEN_LOOKS = 50;
const LOOKS = 4_000 / BETWEEN_LOOKS;

const NOT_SERVED = "etcd does not serve its watches";

/**
 * Proves that what was delivered is all there is, or throws.
 *
 * It reads a key, linearizable: its headers say where the store stands. While
 * that index stands, nothing can have been missed. When it has moved, a poll
 * that was made before does not tell whether it would still be answered: it
 * is ended, and made again. etcd looks into its history and sends its index
 * at once; when no event follows, nothing matched up to there. So this finds
 * a connection or a member that went silent, a member that is cut off from
 * the others, and an event that got lost.
 *
 * @param grace how long an event may take after the headers of its poll, in ms
 * @returns the watches that are proven now; one that is being read anew is not
 * @throws {Error} when etcd does not answer, or is not the one it was
 */
export async function check(
  connection: Etcd2Connection,
  watches: readonly Etcd2Watch[],
  grace: number,
): Promise<Etcd2Watch[]> {
  const [first] = watches;
  if (first === undefined) return [];
  // Events may overtake the answer.
  const delivered = new Map(watches.map((one) => [one, one.revision]));
  const { head } = await connection.read(first.landmark?.key ?? first.prefix);
  if (watches.some((watch) => !watch.isOf(head, delivered.get(watch)))) {
    throw new Error(RESTORED);
  }
  const proven = await Promise.all(
    watches.map((watch) => settle(connection, watch, head, grace)),
  );
  return watches.filter((_, i) => proven[i]);
}

/** Whether everything up to a head was delivered, and this could be found out. */
async function settle(
  { signal }: Etcd2Connection,
  watch: Etcd2Watch,
  head: Head,
  grace: number,
): Promise<boolean> {
  // Looks, not a clock: a process that stood still has not read what is there.
  const enough = Math.ceil(grace / BETWEEN_LOOKS);
  let { poll, complete } = watch;
  let quiet = 0;
  for (let looks = LOOKS; looks > 0; looks--) {
    const isComing = watch.poll?.isAnswered || watch.complete !== complete;
    if (isComing) looks = LOOKS;
    if (isComing || watch.poll !== poll) quiet = 0;
    ({ poll, complete } = watch);
    if (signal.aborted || !watch.isLive || complete === undefined) return false;
    const isQuiet = poll !== undefined && quiet++ >= enough;
    const upTo = poll !== undefined && isQuiet ? poll.index : complete;
    if (upTo >= head.index) {
      watch.prove(head);
      return true;
    }
    if (isQuiet) watch.renew(head.index);
    await sleep(BETWEEN_LOOKS, signal);
  }
  throw new Error(NOT_SERVED);
}

/**
 * Whether etcd has the history that a watch was delivered from: looks for the
 * last change that was delivered, in etcd's history, or else at the key. Where
 * neither tells, the watch is to be read anew.
 *
 * @param grace how long an event may take after the headers of its poll, in ms
 * @throws when that cannot be found out
 */
export async function isOfHistory(
  watch: Etcd2Watch,
  connection: Etcd2Connection,
  head: Head,
  grace: number,
): Promise<boolean> {
  const { landmark, complete, prefix } = watch;
  if (!watch.isOf(head)) return false;
  if (complete === undefined || landmark === undefined) return true;
  const { key, revision, sum } = landmark;
  const poll = await connection.poll(prefix, revision);
  if (poll === "cleared") {
    const { value } = await connection.read(key);
    if (value?.revision === revision) return value.sum === sum;
    if (value !== undefined && value.revision <= complete) return false;
    // It may have been written or removed since, or never have been there.
    if (value !== undefined || sum !== undefined) watch.forget();
    return true;
  }
  let isQuiet = false;
  const timer = setTimeout(() => {
    isQuiet = true;
    poll.stop();
  }, grace);
  const event = await poll.event;
  clearTimeout(timer);
  if (isQuiet) return false;
  if (event === undefined) throw new Error("etcd ended a watch");
  const { isRemoval, node } = event;
  const value = new TextEncoder().encode(node.value);
  return node.index === revision && node.key === key &&
    (sum === undefined
      ? isRemoval || node.isDirectory
      : !isRemoval && sumOf(value) === sum);
}
