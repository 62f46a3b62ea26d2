/** Where the executable may reach a service manager, and where it makes a socket. */
const [MANAGER, STATE] = ["/run/systemd", "/var/lib/lainlet"] as const;

/** Puts the folder `$1` where systemd has its socket, and runs the rest as its service. */
const WITHIN = `mount -t tmpfs none /run && mkdir ${MANAGER} &&
mount --bind "$1" ${MANAGER} && mount -t tmpfs none /var/lib && mkdir ${STATE} &&
shift && WATCHDOG_PID=$$ exec "$@"`;

/** What stands in for a service manager: the socket that sd_notify(3) writes to. */
export class TestServiceManager implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "lainlet-run-" });
  readonly path = `${this.folder}/notify`;
  /** What a service is told of the socket, as it sees it {@linkcode within}. */
  readonly env = { NOTIFY_SOCKET: `${MANAGER}/notify` };
  readonly #socket = Deno.listenDatagram({
    transport: "unixpacket",
    path: this.path,
  });
  /** Messages in the order in which they came. */
  readonly messages: string[] = [];
  readonly #ready = Promise.withResolvers<void>();
  /** Resolves as soon as a service says that it is ready. */
  readonly ready = this.#ready.promise;
  readonly #read = this.#readAll();

  async #readAll(): Promise<void> {
    for await (const [bytes] of this.#socket) {
      const message = new TextDecoder().decode(bytes);
      this.messages.push(message);
      if (message === "READY=1") this.#ready.resolve();
    }
  }

  /** The beginning of a command that runs as a service of this manager, and may have no rights. */
  within(): string[] {
    const namespace = ["unshare", "--map-root-user", "--mount"];
    return [...namespace, "bash", "-c", WITHIN, "bash", this.folder];
  }

  /** How often a message came. */
  count(message: string): number {
    return this.messages.filter((one) => one === message).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#read;
    await Deno.remove(this.folder, { recursive: true });
  }
}
