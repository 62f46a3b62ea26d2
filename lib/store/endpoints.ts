import { getLogger } from "@logtape/logtape";
import { backoff, sleep } from "../time.ts";
import { abortable, ChildController, onAbort } from "../abort.ts";
import { type Connection, lineOf } from "./connection.ts";

const log = getLogger(["lainlet", "store"]);

/** How an endpoint is connected to. */
export interface Way<C extends Connection, H> {
  /** What is connected to, for the log. */
  readonly name: "etcd" | "ZooKeeper";
  /** Makes a connection that was not tried yet. */
  connect(endpoint: string): C;
  /** Finds out whether it works, and where the store's history stands. */
  open(connection: C): Promise<H>;
  /** To be called with each failure. @returns what is to be said of it */
  explain?(endpoint: string, error: unknown): unknown;
}

/** What uses a connection says of it. */
export interface Use {
  /** All that was followed is followed again. */
  resumed(): void;
  /** What was delivered is all there is: the next failure is another matter. */
  proven(): void;
}

/**
 * The endpoints of one cluster: keeps one connection, to one of them at a
 * time. When that is over, another one is made, to the first that answers.
 */
export class Endpoints<C extends Connection, H> {
  /** What is wrong with each endpoint, while there is no connection. */
  readonly #problems = new Map<string, string>();
  /** What was logged of that. */
  readonly #told = new Set<string>();
  readonly #way: Way<C, H>;
  #order: readonly string[];
  #connection?: C;
  #connects = 0;

  /** @param endpoints as they are to be told; a single cluster's members */
  constructor(endpoints: readonly string[], way: Way<C, H>) {
    const first = Math.floor(Math.random() * endpoints.length);
    this.#order = [...endpoints.slice(first), ...endpoints.slice(0, first)];
    this.#way = way;
  }

  get connection(): C | undefined {
    return this.#connection;
  }

  /** How often a connection was replaced by another. */
  get reconnects(): number {
    return Math.max(0, this.#connects - 1);
  }

  /** What is wrong, a line for each endpoint. */
  get problems(): Iterable<string> {
    return this.#problems.values();
  }

  /**
   * Keeps a connection until the signal aborts, which closes it.
   *
   * @param use called with each that is open
   */
  async keep(
    use: (dialed: Dialed<C, H>, use: Use) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      const dialed = await dial(
        this.#order,
        this.#way.connect,
        this.#way.open,
        (endpoint, error) => this.note(endpoint, error),
        signal,
      );
      if (dialed === undefined) return;
      const { connection } = dialed;
      const { promise: over, resolve } = Promise.withResolvers<Error | null>();
      this.#connection = connection;
      onAbort(connection.signal, () => {
        this.#connection = undefined;
        resolve(connection.signal.reason);
      });
      const remove = onAbort(signal, () => connection.close());
      if (!connection.signal.aborted) {
        this.#connects++;
        use(dialed, {
          resumed: () => {
            this.#problems.clear();
            this.#told.clear();
          },
          proven: () => failures = 0,
        });
      }
      const reason = await over;
      remove();
      if (reason === null) return;
      const { endpoint } = connection;
      // It has worked: why it would not is to be asked when the next one fails.
      this.#tell(endpoint, reason);
      // The others first: this one answers calls, and may still be broken.
      const others = this.#order.filter((other) => other !== endpoint);
      this.#order = [...others, endpoint];
      await sleep(backoff(failures), signal);
    }
  }

  /** Notes why an endpoint is of no use at the moment. */
  note(endpoint: string, error: unknown): void {
    this.#tell(endpoint, this.#way.explain?.(endpoint, error) ?? error);
  }

  #tell(endpoint: string, reason: unknown): void {
    const problem = lineOf(reason);
    this.#problems.set(endpoint, problem);
    const line = `${endpoint}: ${problem}`;
    if (this.#told.has(line)) return;
    this.#told.add(line);
    log.warn(`${this.#way.name} is not usable, retrying`, {
      endpoint,
      error: problem,
    });
  }
}

/** How long an endpoint may take before the next one is tried beside it, in ms. */
export const PATIENCE = 1000;
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
      const head = await abortable(open(connection), connection.signal);
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
