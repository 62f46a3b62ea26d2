import { getLogger } from "@logtape/logtape";
import { sleep } from "./time.ts";

const log = getLogger(["lainlet", "service"]);

/** Where the service manager's socket may be: the permissions name it. */
const SOCKET = "/run/systemd/notify";

/** Where a socket of this process may be made: a sender has to have a path. */
const FOLDER = "/var/lib/lainlet";

/** A variable of the environment; undefined when it is not set. */
type Variable = (name: string) => string | undefined;

/**
 * The service manager that started this process, systemd for one, which is told
 * when the service is ready and when it stops, and that it does not hang.
 *
 * @see https://www.freedesktop.org/software/systemd/man/sd_notify.html
 */
export class ServiceManager {
  readonly #ended = new AbortController();

  private constructor(
    private readonly socket: Deno.DatagramConn,
    private readonly address: Deno.UnixAddr,
    /** The time between two signs of life, in ms; undefined: none are wanted. */
    private readonly interval: number | undefined,
  ) {}

  /**
   * Finds the service manager by `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
   * An error is logged: the process serves, whether somebody is told or not.
   *
   * @param folder where this process may make a socket
   * @returns undefined when there is none, or when it cannot be reached
   */
  static connect(
    variable: Variable,
    folder = FOLDER,
  ): ServiceManager | undefined {
    const to = variable("NOTIFY_SOCKET");
    if (!to) return undefined;
    const own = `${folder}/.notify.${Deno.pid}`;
    try {
      removeIfThere(own);
      const socket = Deno.listenDatagram({
        transport: "unixpacket",
        path: own,
      });
      // It sends without its path, and nobody answers.
      Deno.removeSync(own);
      const address = { transport: "unixpacket", path: to } as const;
      return new ServiceManager(socket, address, readInterval(variable));
    } catch (error) {
      logFailure(to, error);
      return undefined;
    }
  }

  /**
   * Says that the service is ready, and from then on that it does not hang, at
   * half of the time after which the service manager ends it.
   *
   * @param answers resolves when all threads have answered; never rejects
   */
  async ready(answers: () => Promise<unknown>): Promise<void> {
    await this.#send("READY=1");
    if (this.interval !== undefined) this.#keepAlive(this.interval, answers);
  }

  /** Says that the service stops. */
  async stopping(): Promise<void> {
    this.#ended.abort();
    await this.#send("STOPPING=1");
  }

  async #keepAlive(
    interval: number,
    answers: () => Promise<unknown>,
  ): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const late = setTimeout(
        () => log.error("a thread hangs: the service manager will end lainlet"),
        interval,
      );
      await Promise.all([answers(), runtimeOperation()]);
      clearTimeout(late);
      if (signal.aborted) return;
      await this.#send("WATCHDOG=1");
      await sleep(interval, signal);
    }
  }

  async #send(message: string): Promise<void> {
    try {
      await this.socket.send(new TextEncoder().encode(message), this.address);
    } catch (error) {
      logFailure(this.address.path, error);
    }
  }
}

/**
 * Resolves when an asynchronous operation of the runtime has ended. After a
 * panic in one of them, a compiled binary goes on with timers, and sends, while
 * no operation that has to wait ever ends: nothing is accepted any more, and no
 * signal is delivered.
 */
function runtimeOperation(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const { promise, resolve } = Promise.withResolvers<void>();
  port2.onmessage = () => {
    port2.close();
    resolve();
  };
  port1.postMessage(undefined);
  port1.close();
  return promise;
}

/** Half of the time that the watchdog grants this process, in ms. */
function readInterval(variable: Variable): number | undefined {
  const limit = Number(variable("WATCHDOG_USEC"));
  const pid = variable("WATCHDOG_PID") ?? String(Deno.pid);
  return limit > 0 && pid === String(Deno.pid) ? limit / 1_000 / 2 : undefined;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function logFailure(socket: string, error: unknown): void {
  const isDenied = error instanceof Deno.errors.NotCapable;
  log.error("the service manager cannot be told how lainlet is", {
    socket,
    error: isDenied
      ? `this lainlet may write to ${SOCKET} only`
      : String(error),
  });
}
