import { getLogger } from "@logtape/logtape";
import { abortable, ChildController, onAbort } from "../abort.ts";
import { backoff, sleep } from "../time.ts";
import {
  type Connection,
  errorMessage,
  type ResponseHeader,
} from "./connection.ts";

const log = getLogger(["lainlet", "store"]);

/** Time after which the next endpoint is tried beside one that does not respond, in ms. */
const NEXT_ENDPOINT_AFTER = 1_000;

/** How endpoints are connected to. */
export interface Dialer<C extends Connection> {
  /** What is connected to, for the log. */
  readonly name: "etcd" | "ZooKeeper";
  /** Creates a connection, without waiting for it. */
  connect(endpoint: string): C;
  /** Waits until the connection works. @throws when it does not */
  open(connection: C): Promise<ResponseHeader>;
  /** Explains errors, where that is possible. */
  readonly diagnosis?: {
    /** Called with each failure. @returns what to report in its place */
    explain(endpoint: string, error: unknown): unknown;
    /** Called when there is a connection that works. */
    clear(): void;
  };
}

/** An open connection. It may have ended since. */
export interface OpenConnection<C extends Connection> {
  readonly connection: C;
  /** The header of the response that showed that it works. */
  readonly header: ResponseHeader;
}

/** What the user of a connection reports. */
export interface ConnectionObserver {
  /** Every prefix is watched on the connection. */
  resumed(): void;
  /** A freshness check succeeded: the next failure counts as the first. */
  confirmed(): void;
}

/**
 * The endpoints of one cluster. Keeps one connection, to one endpoint at a
 * time; when that ends, connects to the first endpoint that responds.
 */
export class Endpoints<C extends Connection> {
  /** The last error of each endpoint, while there is no connection. */
  readonly #problems = new Map<string, string>();
  /** Lines that were logged since there was a connection. */
  readonly #logged = new Set<string>();
  readonly #dialer: Dialer<C>;
  /** Endpoints in the order they are tried. */
  #order: readonly string[];
  #connection?: C;
  #connects = 0;

  /** @param endpoints members of a single cluster, as they are logged */
  constructor(endpoints: readonly string[], dialer: Dialer<C>) {
    const first = Math.floor(Math.random() * endpoints.length);
    this.#order = [...endpoints.slice(first), ...endpoints.slice(0, first)];
    this.#dialer = dialer;
  }

  get connection(): C | undefined {
    return this.#connection;
  }

  /** How often a connection was replaced by another. */
  get reconnects(): number {
    return Math.max(0, this.#connects - 1);
  }

  /** One line for each endpoint that failed, while there is no connection. */
  get problems(): Iterable<string> {
    return this.#problems.values();
  }

  /**
   * Keeps a connection until the signal aborts, which closes it.
   *
   * @param onOpen called with each open connection
   */
  async keepConnected(
    onOpen: (open: OpenConnection<C>, observer: ConnectionObserver) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      const open = await dial(
        this.#order,
        this.#dialer,
        (endpoint, error) => this.noteFailure(endpoint, error),
        signal,
      );
      if (open === undefined) return;
      const { connection } = open;
      const { promise: ended, resolve } = Promise.withResolvers<Error | null>();
      this.#connection = connection;
      onAbort(connection.signal, () => {
        this.#connection = undefined;
        resolve(connection.signal.reason);
      });
      const remove = onAbort(signal, () => connection.close());
      if (!connection.signal.aborted) {
        this.#connects++;
        onOpen(open, {
          resumed: () => this.#noteConnected(open),
          confirmed: () => failures = 0,
        });
      }
      const error = await ended;
      remove();
      if (error === null) return;
      const { endpoint } = connection;
      // Not explained: the connection worked. The next failure is explained.
      this.#report(endpoint, error);
      // The other endpoints first: this one answers calls, and may still be broken.
      const others = this.#order.filter((other) => other !== endpoint);
      this.#order = [...others, endpoint];
      await sleep(backoff(failures), signal);
    }
  }

  /** Records why an endpoint cannot be used at the moment. */
  noteFailure(endpoint: string, error: unknown): void {
    const { diagnosis } = this.#dialer;
    this.#report(endpoint, diagnosis?.explain(endpoint, error) ?? error);
  }

  #noteConnected({ connection, header }: OpenConnection<C>): void {
    this.#problems.clear();
    this.#logged.clear();
    this.#dialer.diagnosis?.clear();
    log.info(`${this.#dialer.name} is connected`, {
      endpoint: connection.endpoint,
      revision: header.revision,
    });
  }

  #report(endpoint: string, error: unknown): void {
    const problem = errorMessage(error);
    this.#problems.set(endpoint, problem);
    const line = `${endpoint}: ${problem}`;
    if (this.#logged.has(line)) return;
    this.#logged.add(line);
    log.warn(`${this.#dialer.name} is not usable, retrying`, {
      endpoint,
      error: problem,
    });
  }
}

/**
 * Connects to the first endpoint that responds. The next endpoint is tried when
 * the one before it fails or is slow, and each is retried with a backoff of
 * its own, so a silent endpoint delays no other: when the store comes back, it
 * is found within 3 s.
 *
 * @param endpoints in the order they are tried
 * @param onFailure called after each failed attempt
 * @returns undefined when the signal aborted
 */
export async function dial<C extends Connection>(
  endpoints: readonly string[],
  { connect, open }: Pick<Dialer<C>, "connect" | "open">,
  onFailure: (endpoint: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<OpenConnection<C> | undefined> {
  let winner: OpenConnection<C> | undefined;
  const won = new ChildController(signal);
  const over = won.signal;

  const attempt = async (endpoint: string) => {
    const connection = connect(endpoint);
    const remove = onAbort(over, () => connection.close());
    try {
      const header = await abortable(open(connection), connection.signal);
      connection.signal.throwIfAborted();
      remove();
      winner = { connection, header };
      won.abort();
    } finally {
      remove();
      if (winner?.connection !== connection) connection.close();
    }
  };

  /** For each endpoint, ends its wait for the one before it. */
  const turns = endpoints.map(() => new ChildController(over));
  await Promise.all(endpoints.map(async (endpoint, i) => {
    await sleep(i * NEXT_ENDPOINT_AFTER, turns[i]?.signal ?? over);
    for (let failures = 0; !over.aborted; failures++) {
      const started = performance.now();
      try {
        await attempt(endpoint);
      } catch (error) {
        if (!over.aborted) onFailure(endpoint, error);
      }
      turns[i + 1]?.abort();
      // The backoff includes the time of the attempt.
      const rest = started + backoff(failures) - performance.now();
      await sleep(Math.max(0, rest), over);
    }
  }));
  if (signal.aborted) winner?.connection.close();
  return signal.aborted ? undefined : winner;
}
