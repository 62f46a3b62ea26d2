import { getLogger } from "@logtape/logtape";
import { MANY, Reserve } from "./descriptors.ts";
import type { Counters } from "../stats/counters.ts";
import type { Port } from "./listener.ts";

const log = getLogger(["lainlet", "port"]);

/** How often the port is looked at, in ms. */
const EVERY = 1_000;

/** How often it is told that there are no descriptors, in ms. */
const TOLD_EVERY = 60_000;

/**
 * Descriptors that no connection gets: while the port is closed they are for a
 * new connection to the store, for names and for files.
 */
const RESERVE = 8;

/** Descriptors that have to be free, the reserve included, before the port is opened again. */
const ENOUGH = 2 * RESERVE;

const ADVICE = "raise LimitNOFILE (ulimit -n) or lower --max.listeners";

/** What a porter has to do with. */
export interface PorterOptions {
  readonly port: Port;
  readonly counters: Counters;
  /** Those that were free before the first connection, {@linkcode MANY} at most. */
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
export class Porter {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #reserve = new Reserve();
  /** A thread may have closed the port, while another one has not. */
  #isSuspect = false;
  #toldAt = -Infinity;
  #isTold = false;

  constructor(private readonly options: PorterOptions) {
    this.#reserve.fill(RESERVE);
    this.#timer = setInterval(() => this.#look(), EVERY);
    const { descriptors, listeners } = options;
    if (descriptors < Math.min(listeners + ENOUGH, MANY)) {
      log.warn(`there are few file descriptors: ${ADVICE}`, {
        descriptors,
        listeners,
      });
    }
  }

  /** To be called when a thread has closed the port. */
  suspect(): void {
    this.#isSuspect = true;
  }

  /** Leaves the port as it is from now on. */
  close(): void {
    clearInterval(this.#timer);
    this.#reserve.drain(0);
  }

  #look(): void {
    const problem = this.#mend();
    if (problem !== undefined) this.#tell(problem);
    else if (this.#isTold) {
      this.#isTold = false;
      log.info("new connections are accepted again");
    }
  }

  /** Opens the port if it has to be. @returns what is wrong, or was */
  #mend(): string | undefined {
    const { port, openOthers } = this.options;
    // To look takes a descriptor, too.
    this.#reserve.drain(RESERVE - 1);
    try {
      const isOpen = port.isOpen;
      if (isOpen && !(port.address.isShared && this.#isSuspect)) {
        this.#reserve.fill(RESERVE);
        return;
      }
      this.#isSuspect = true;
      const isEnough = this.#reserve.fill(ENOUGH) === ENOUGH;
      this.#reserve.drain(isEnough ? RESERVE : 0);
      if (!isEnough) return "there are too few";
      // With connections left, Deno before 2.9 does not report a failure.
      if (!isOpen || port.hasFailed) port.open();
      openOthers(isOpen ? "failed" : "all");
      this.#isSuspect = false;
      return "there were too few";
    } catch (error) {
      this.#isSuspect = true;
      this.#reserve.drain(0);
      return error instanceof Error ? error.message : String(error);
    }
  }

  #tell(problem: string): void {
    const { counters, descriptors } = this.options;
    counters.add("starved", 1);
    const now = performance.now();
    if (now - this.#toldAt < TOLD_EVERY) return;
    this.#toldAt = now;
    this.#isTold = true;
    log.error(
      `out of file descriptors, no new connection is accepted: ${ADVICE}`,
      {
        problem,
        connections: counters.connections,
        descriptors: descriptors < MANY ? descriptors : `${MANY} or more`,
      },
    );
  }
}
