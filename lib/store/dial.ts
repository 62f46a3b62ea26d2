import { ChildController, onAbort, unlessAborted } from "../abort.ts";
import { backoff, sleep } from "../time.ts";

/** How long an endpoint may take before the next one is tried beside it, in ms. */
const PATIENCE = 1_000;

/**
 * One connection to one endpoint. It never repairs itself: the first failure
 * closes it, and whoever opened it opens another one.
 */
export interface Connection {
  readonly endpoint: string;
  /** Aborts when the connection is over; the reason is an `Error`, or null after {@linkcode close}. */
  readonly signal: AbortSignal;
  /** Ends the connection because of an error. */
  fail(error: unknown): void;
  close(): void;
}

/** A connection that worked, and where the store's history stood when it was made; it may have ended since. */
export interface Dialed<C extends Connection, H> {
  readonly connection: C;
  readonly head: H;
}

/**
 * Connects to the first endpoint that answers. The next one is tried when
 * the one before it fails or takes its time, and each that fails is tried
 * again in a rhythm of its own, so one that says nothing delays no other:
 * when the store comes back, it is found within 3 s.
 *
 * @param endpoints in the order they are tried
 * @param connect makes a connection that was not tried yet
 * @param open finds out whether it works, and where history stands
 * @param onFailure called after each attempt that failed
 * @returns undefined when the signal aborted
 */
export async function dial<C extends Connection, H>(
  endpoints: readonly string[],
  connect: (endpoint: string) => C,
  open: (connection: C) => Promise<H>,
  onFailure: (endpoint: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<Dialed<C, H> | undefined> {
  let winner: Dialed<C, H> | undefined;
  const won = new ChildController(signal);
  const over = won.signal;

  const attempt = async (endpoint: string) => {
    const connection = connect(endpoint);
    const remove = onAbort(over, () => connection.close());
    try {
      const head = await unlessAborted(open(connection), connection.signal);
      connection.signal.throwIfAborted();
      remove();
      winner = { connection, head };
      won.abort();
    } finally {
      remove();
      if (winner?.connection !== connection) connection.close();
    }
  };

  const turns = endpoints.map(() => new ChildController(over));
  await Promise.all(endpoints.map(async (endpoint, i) => {
    await sleep(i * PATIENCE, turns[i]?.signal ?? over);
    for (let failures = 0; !over.aborted; failures++) {
      const started = performance.now();
      try {
        await attempt(endpoint);
      } catch (error) {
        if (!over.aborted) onFailure(endpoint, error);
      }
      turns[i + 1]?.abort();
      // An attempt that timed out has waited enough.
      const rest = started + backoff(failures) - performance.now();
      await sleep(Math.max(0, rest), over);
    }
  }));
  if (signal.aborted) winner?.connection.close();
  return signal.aborted ? undefined : winner;
}
