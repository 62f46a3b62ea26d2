/** The error of gRPC when a connection is lost, or is not to be had. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  constructor(why: string) {
    super(`14 UNAVAILABLE: ${why}`);
  }
}

/** What happens to the next call on a link. */
export type CallFault = "refused" | "lost before" | "lost after" | "late";

/** What happens to the next thing that a watch is to deliver. */
export type WatchFault = "lost" | "silent";

/**
 * The network between one lainlet and one member. Messages of a connection
 * arrive in order, each after a delay.
 */
export class Link {
  /** Connections are refused. */
  isRefused = false;
  #isSilent = false;
  /** What waits until the link is no longer silent. */
  #held: (() => void)[] = [];
  readonly #connections = new Set<{ lose(error: Error): void }>();
  callFaults: CallFault[] = [];
  watchFaults: WatchFault[] = [];
  /** When a watch last lost a change, or began to deliver nothing, in ms. */
  lostAt = -Infinity;

  /** @param member whether its process runs */
  constructor(
    readonly name: string,
    private readonly member: { readonly isUp: boolean },
  ) {}

  /** Whether a connection can be made. */
  get isOpen(): boolean {
    return !this.isRefused && this.member.isUp;
  }

  /** Nothing gets through, and nobody is told. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  set isSilent(isSilent: boolean) {
    this.#isSilent = isSilent;
    if (isSilent) return;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  /** Delivers something after a delay. @param extra more of that, in ms */
  deliver(what: () => void, extra = 0): void {
    const delay = 1 + Math.floor(Math.random() ** 4 * 30) + extra;
    setTimeout(() => {
      if (this.#isSilent) this.#held.push(what);
      else what();
    }, delay);
  }

  connect(connection: { lose(error: Error): void }): () => void {
    this.#connections.add(connection);
    return () => this.#connections.delete(connection);
  }

  /** Cuts all connections. */
  cut(why = "Connection dropped"): void {
    this.#held = [];
    for (const connection of [...this.#connections]) {
      connection.lose(new Unreachable(why));
    }
  }

  /** Makes an end to all faults. */
  heal(): void {
    this.isRefused = false;
    this.callFaults = [];
    this.watchFaults = [];
    this.isSilent = false;
  }
}
