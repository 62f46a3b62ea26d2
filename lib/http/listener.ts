import { getLogger } from "@logtape/logtape";
import { probePort } from "../listen.ts";
import type { Counters } from "../stats/counters.ts";

const log = getLogger(["lainlet", "listener"]);

/** Where a thread listens. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
  /** Whether other threads listen on the same port. */
  readonly isShared: boolean;
}

/**
 * Opens a port: `Deno.serve`. The entry point of each thread passes it in, so
 * that the call stands there, and so that the port can be opened again.
 *
 * @throws {Error} if the port cannot be opened
 */
export type Serve = (
  options: Deno.ServeTcpOptions,
  handler: Deno.ServeHandler<Deno.NetAddr>,
) => Deno.HttpServer<Deno.NetAddr>;

/** Options of {@linkcode HttpListener}. */
export interface HttpListenerOptions {
  readonly serve: Serve;
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  /** Called when the port is closed; by Deno before 2.9 only once no connection is open. */
  readonly onFailure: () => void;
}

/**
 * The HTTP listener of one thread. When there is no file descriptor for a new
 * connection, `Deno.serve` closes the port for good and keeps serving the
 * connections that it has. So a listener can open its port again, with a new
 * server, beside the old ones.
 */
export class HttpListener {
  /** The current server, and earlier ones that may have connections left. */
  readonly #servers = new Set<Deno.HttpServer>();
  /** Servers that have reported that they no longer accept connections. */
  readonly #failed = new Set<Deno.HttpServer>();
  #current?: Deno.HttpServer;

  /** Opens the port. @throws {Error} if it cannot be opened */
  constructor(
    readonly address: ListenAddress,
    private readonly options: HttpListenerOptions,
  ) {
    this.open();
  }

  /** Whether the current server has reported that it no longer accepts connections. */
  get hasFailed(): boolean {
    return this.#current !== undefined && this.#failed.has(this.#current);
  }

  /**
   * Opens the port again. Requests and streams of earlier servers continue;
   * idle connections of servers that have reported their failure are closed.
   *
   * A server that has not reported it is left alone until its connections end.
   * In Deno before 2.9, `shutdown()` panics if the server no longer accepts,
   * its last connection has just ended, and it has not reported that yet: both
   * wait for the task that accepts, and one of them finds it taken. The runtime
   * of a compiled binary does not exit after a panic: it hangs.
   *
   * @throws {Error} if it cannot be opened
   */
  open(): void {
    const { hostname, port, isShared } = this.address;
    const server = this.options.serve(
      { hostname, port, reusePort: isShared, onListen: () => {} },
      this.options.handler,
    );
    server.finished.catch(() => this.#fail(server));
    this.#current = server;
    this.#servers.add(server);
    for (const old of this.#failed) this.#shutDown(old);
  }

  /** Whether any thread listens on the port. @throws {Error} if that cannot be determined */
  get isOpen(): boolean {
    try {
      probePort(this.address);
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return true;
      throw error;
    }
  }

  /** Closes the port; resolves when all requests have been answered. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((one) => this.#shutDown(one)));
  }

  #fail(server: Deno.HttpServer): void {
    this.#failed.add(server);
    if (server === this.#current) this.options.onFailure();
    else this.#shutDown(server);
  }

  async #shutDown(server: Deno.HttpServer): Promise<void> {
    try {
      await server.shutdown();
    } catch {
      // A server that has failed rejects with its failure again.
    }
    this.#servers.delete(server);
    this.#failed.delete(server);
  }
}

/** How often the port is checked, in ms. */
const CHECK_INTERVAL = 1_000;

/** How often a lack of descriptors is logged, in ms. */
const LOG_INTERVAL = 60_000;

/**
 * Descriptors that no connection can use: while the port is closed they serve a
 * new connection to the store, name resolution and files.
 */
const RESERVED = 8;

/** Free descriptors that are needed to open the port again, the reserve included. */
const ENOUGH_TO_REOPEN = 2 * RESERVED;

const ADVICE = "raise LimitNOFILE (ulimit -n) or lower --max.listeners";

/** Options of {@linkcode ListenerWatchdog}. */
export interface WatchdogOptions {
  readonly listener: HttpListener;
  readonly counters: Counters;
  /** Free descriptors before the first connection, at most {@linkcode MAX_COUNTED}. */
  readonly descriptors: number;
  /** Maximum number of streams. */
  readonly listeners: number;
  /** Opens the port on the other threads: on all of them, or on those that have reported a failure. */
  readonly openOthers: (which: "all" | "failed") => void;
}

/**
 * Reopens a port that was closed for lack of file descriptors, as soon as enough
 * are free. It polls, because Deno does not report every failure.
 */
export class ListenerWatchdog {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #reserve = new DescriptorReserve();
  /** Whether a thread may have closed the port while another one has not. */
  #mayBeClosed = false;
  #loggedAt = -Infinity;
  #isLogged = false;

  constructor(private readonly options: WatchdogOptions) {
    this.#reserve.fill(RESERVED);
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL);
    const { descriptors, listeners } = options;
    if (descriptors < Math.min(listeners + ENOUGH_TO_REOPEN, MAX_COUNTED)) {
      log.warn(`there are few file descriptors: ${ADVICE}`, {
        descriptors,
        listeners,
      });
    }
  }

  /** Notes that a thread has closed the port; the next check opens it again. */
  reportFailure(): void {
    this.#mayBeClosed = true;
  }

  /** Stops checking the port. */
  close(): void {
    clearInterval(this.#timer);
    this.#reserve.drain(0);
  }

  #check(): void {
    const problem = this.#reopenIfClosed();
    if (problem !== undefined) this.#reportProblem(problem);
    else if (this.#isLogged) {
      this.#isLogged = false;
      log.info("new connections are accepted again");
    }
  }

  /** @returns what is wrong, or was until now; undefined if the port was open */
  #reopenIfClosed(): string | undefined {
    const { listener, openOthers } = this.options;
    // The check itself needs a descriptor.
    this.#reserve.drain(RESERVED - 1);
    try {
      const { isOpen } = listener;
      if (isOpen && !(listener.address.isShared && this.#mayBeClosed)) {
        this.#reserve.fill(RESERVED);
        return;
      }
      this.#mayBeClosed = true;
      const isEnough =
        this.#reserve.fill(ENOUGH_TO_REOPEN) === ENOUGH_TO_REOPEN;
      this.#reserve.drain(isEnough ? RESERVED : 0);
      if (!isEnough) return "there are too few";
      // Deno before 2.9 reports no failure while connections are open.
      if (!isOpen || listener.hasFailed) listener.open();
      openOthers(isOpen ? "failed" : "all");
      this.#mayBeClosed = false;
      return "there were too few";
    } catch (error) {
      this.#mayBeClosed = true;
      this.#reserve.drain(0);
      return error instanceof Error ? error.message : String(error);
    }
  }

  #reportProblem(problem: string): void {
    const { counters, descriptors } = this.options;
    counters.add("outOfDescriptors", 1);
    const now = performance.now();
    if (now - this.#loggedAt < LOG_INTERVAL) return;
    this.#loggedAt = now;
    this.#isLogged = true;
    log.error(
      `out of file descriptors, no new connection is accepted: ${ADVICE}`,
      {
        problem,
        connections: counters.connections,
        descriptors: descriptors < MAX_COUNTED
          ? descriptors
          : `${MAX_COUNTED} or more`,
      },
    );
  }
}

/** How many descriptors are counted at most: the usual limits are 1,024, 4,096, or much higher. */
export const MAX_COUNTED = 4_200;

/**
 * Counts the free file descriptors by opening them: to read the limit itself,
 * the process would need the permission to read all files.
 *
 * @param max no more are counted; each takes some microseconds
 */
export function countDescriptors(max: number): number {
  using reserve = new DescriptorReserve();
  return reserve.fill(max);
}

/** File descriptors that are kept open to be available later. */
class DescriptorReserve implements Disposable {
  readonly #files: Deno.FsFile[] = [];

  /** Opens descriptors up to a number. @returns how many are open, fewer if there are no more */
  fill(size: number): number {
    try {
      while (this.#files.length < size) {
        this.#files.push(Deno.openSync("/dev/null"));
      }
    } catch {
      // No descriptor is left.
    }
    return this.#files.length;
  }

  /** Closes descriptors down to a number. */
  drain(size: number): void {
    while (this.#files.length > size) this.#files.pop()?.close();
  }

  [Symbol.dispose](): void {
    this.drain(0);
  }
}
