import { getLogger } from "@logtape/logtape";
import type { Counters } from "../stats/counters.ts";

/** Where to listen. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
  /** Other threads listen there, too. */
  readonly isShared: boolean;
}

/** What is done with the connections to a port. */
export interface HttpListenerOptions {
  readonly handler: Deno.ServeHandler<Deno.NetAddr>;
  /** Called when the port is closed; by Deno before 2.9 not while connections are open. */
  readonly onFailure: () => void;
}

/**
 * A port, as one thread serves it. The first connection that cannot be
 * accepted, as there is no file descriptor for it, makes `Deno.serve` close
 * the port for good; the connections that it has are served on. So a port can
 * be opened again.
 */
export class HttpListener {
  /** The server that accepts connections, and earlier ones that may have some left. */
  readonly #servers = new Set<Deno.HttpServer>();
  /** Those that have reported that they accept no more. */
  readonly #failed = new Set<Deno.HttpServer>();
  #current?: Deno.HttpServer;

  /** Listens. @throws {Error} that says why not */
  constructor(
    readonly address: ListenAddress,
    private readonly options: HttpListenerOptions,
  ) {
    this.open();
  }

  /** Whether this thread has reported that it accepts no more. */
  get hasFailed(): boolean {
    return this.#current !== undefined && this.#failed.has(this.#current);
  }

  /**
   * Listens anew. Requests and streams of earlier servers go on. Idle
   * connections of a server that has reported its failure are closed.
   *
   * A server that has not is left alone until its connections end. In Deno
   * before 2.9, `shutdown()` panics when the server no longer accepts, its last
   * connection has just ended, and it has not reported that yet: both wait for
   * the task that accepts, and one of them finds it taken. The runtime of a
   * compiled binary does not end after a panic: it hangs.
   *
   * @throws {Error} that says why not
   */
  open(): void {
    const { hostname, port, isShared } = this.address;
    const server = Deno.serve({
      hostname,
      port,
      reusePort: isShared,
      onListen: () => {},
      handler: this.options.handler,
    });
    server.finished.catch(() => this.#fail(server));
    this.#current = server;
    this.#servers.add(server);
    for (const old of this.#failed) this.#shutDown(old);
  }

  /** Whether any thread listens. @throws {Error} that says why that is not known */
  get isOpen(): boolean {
    try {
      probePort(this.address);
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return true;
      throw error;
    }
  }

  /** Listens no more, and waits until all requests have been answered. */
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
      // It had stopped to listen, and says why again.
    }
    this.#servers.delete(server);
    this.#failed.delete(server);
  }
}

/**
 * A port that nobody listens on.
 *
 * @param address where 0 is any port
 * @throws {Error} that says why it cannot be had
 */
export function probePort(
  { hostname, port }: Pick<ListenAddress, "hostname" | "port">,
): number {
  const listener = Deno.listen({ hostname, port });
  listener.close();
  return listener.addr.port;
}

const log = getLogger(["lainlet", "port"]);

/** How often the port is looked at, in ms. */
const CHECK_INTERVAL = 1_000;

/** How often it is told that there are no descriptors, in ms. */
const LOG_INTERVAL = 60_000;

/**
 * Descriptors that no connection gets: while the port is closed they are for a
 * new connection to the store, for names and for files.
 */
const RESERVED = 8;

/** Descriptors that have to be free, the reserve included, before the port is opened again. */
const ENOUGH_TO_REOPEN = 2 * RESERVED;

const ADVICE = "raise LimitNOFILE (ulimit -n) or lower --max.listeners";

/** What a porter has to do with. */
export interface WatchdogOptions {
  readonly listener: HttpListener;
  readonly counters: Counters;
  /** Those that were free before the first connection, {@linkcode MAX_COUNTED} at most. */
  readonly descriptors: number;
  /** As many streams there may be. */
  readonly listeners: number;
  /** Opens the port on the other threads: on all, or on those that have reported a failure. */
  readonly openOthers: (which: "all" | "failed") => void;
}

/**
 * Opens a port again that was closed for want of file descriptors, as soon as
 * there are some. It looks now and then, as Deno does not always tell.
 */
export class ListenerWatchdog {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #reserve = new DescriptorReserve();
  /** A thread may have closed the port, while another one has not. */
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

  /** To be called when a thread has closed the port. */
  reportFailure(): void {
    this.#mayBeClosed = true;
  }

  /** Leaves the port as it is from now on. */
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

  /** Opens the port if it has to be. @returns what is wrong, or was */
  #reopenIfClosed(): string | undefined {
    const { listener: port, openOthers } = this.options;
    // To look takes a descriptor, too.
    this.#reserve.drain(RESERVED - 1);
    try {
      const isOpen = port.isOpen;
      if (isOpen && !(port.address.isShared && this.#mayBeClosed)) {
        this.#reserve.fill(RESERVED);
        return;
      }
      this.#mayBeClosed = true;
      const isEnough =
        this.#reserve.fill(ENOUGH_TO_REOPEN) === ENOUGH_TO_REOPEN;
      this.#reserve.drain(isEnough ? RESERVED : 0);
      if (!isEnough) return "there are too few";
      // With connections left, Deno before 2.9 does not report a failure.
      if (!isOpen || port.hasFailed) port.open();
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
    counters.add("starved", 1);
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

/** No more are counted at the start: a limit is 1,024 or 4,096 by default, or high. */
export const MAX_COUNTED = 4_200;

/**
 * How many file descriptors can be had at present, which is found out by
 * having them: no permission short of all shows the limit.
 *
 * @param most no more are counted; each takes some microseconds
 */
export function countDescriptors(most: number): number {
  using reserve = new DescriptorReserve();
  return reserve.fill(most);
}

/** File descriptors that are kept for later. */
export class DescriptorReserve implements Disposable {
  readonly #files: Deno.FsFile[] = [];

  /** Adds some. @returns how many there are, fewer than asked for if there are no more */
  fill(size: number): number {
    try {
      while (this.#files.length < size) {
        this.#files.push(Deno.openSync("/dev/null"));
      }
    } catch {
      // That was the last one.
    }
    return this.#files.length;
  }

  /** Gives some back, so that there are as many as asked for. */
  drain(size: number): void {
    while (this.#files.length > size) this.#files.pop()?.close();
  }

  [Symbol.dispose](): void {
    this.drain(0);
  }
}
