import { getLogger } from "@logtape/logtape";
import { sleep } from "./time.ts";

const log = getLogger(["lainlet", "service"]);

/** The only socket that the permissions of the program allow. */
const SOCKET = "/run/systemd/notify";

/** Folder for the socket of this process: a sender needs a path. */
const FOLDER = "/var/lib/lainlet";

/** Returns an environment variable; undefined if it is not set. */
type ReadVariable = (name: string) => string | undefined;

/**
 * Notifies the service manager that started this process, such as systemd, when
 * the service is ready, that it is alive, and when it stops.
 *
 * @see https://www.freedesktop.org/software/systemd/man/sd_notify.html
 */
export class ServiceManager {
  readonly #ended = new AbortController();

  private constructor(
    private readonly socket: Deno.DatagramConn,
    private readonly address: Deno.UnixAddr,
    /** Time between watchdog notifications, in ms; undefined if none are wanted. */
    private readonly interval: number | undefined,
  ) {}

  /**
   * Connects by `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. Errors are
   * only logged: the process serves without a service manager, too.
   *
   * @param folder for the socket of this process
   * @returns undefined if there is none, or it cannot be reached
   */
  static connect(
    variable: ReadVariable,
    folder = FOLDER,
  ): ServiceManager | undefined {
    const to = variable("NOTIFY_SOCKET");
    if (!to) return undefined;
    const own = `${folder}/.notify.${Deno.pid}`;
    try {
      removeIfExists(own);
      const socket = Deno.listenDatagram({
        transport: "unixpacket",
        path: own,
      });
      // The socket can send without its path, and receives nothing.
      Deno.removeSync(own);
      const address = { transport: "unixpacket", path: to } as const;
      return new ServiceManager(socket, address, readInterval(variable));
    } catch (error) {
      logFailure(to, error);
      return undefined;
    }
  }

  /**
   * Reports readiness, and then, twice per timeout of the service manager's
   * watchdog, that no thread hangs.
   *
   * @param ping resolves when all threads have answered a ping; never rejects
   */
  async ready(ping: () => Promise<unknown>): Promise<void> {
    await this.#send("READY=1");
    if (this.interval !== undefined) this.#keepAlive(this.interval, ping);
  }

  /** Reports that the service is stopping. */
  async stopping(): Promise<void> {
    this.#ended.abort();
    await this.#send("STOPPING=1");
  }

  async #keepAlive(
    interval: number,
    ping: () => Promise<unknown>,
  ): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const late = setTimeout(
        () =>
          log.error("a thread hangs: the service manager will kill lainlet"),
        interval,
      );
      await Promise.all([ping(), runtimeOperation()]);
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
 * Resolves when the runtime has completed an asynchronous operation. After a
 * panic in one of them a compiled binary still runs timers and sends, but no
 * operation that waits ever completes: it accepts no connections and receives
 * no signals.
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

/** Returns half of the watchdog's timeout for this process, in ms. */
function readInterval(variable: ReadVariable): number | undefined {
  const limit = Number(variable("WATCHDOG_USEC"));
  const pid = variable("WATCHDOG_PID") ?? String(Deno.pid);
  return limit > 0 && pid === String(Deno.pid) ? limit / 1_000 / 2 : undefined;
}

function removeIfExists(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function logFailure(socket: string, error: unknown): void {
  const isDenied = error instanceof Deno.errors.NotCapable;
  log.error("cannot notify the service manager", {
    socket,
    error: isDenied ? `lainlet may only write to ${SOCKET}` : String(error),
  });
}
