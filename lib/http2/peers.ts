import type { Http2Connection } from "./connection.ts";
import { CONNECTION_SIZE, Quota, type QuotaLimits } from "./quota.ts";

/** How many idle connections are closed at a time to free file descriptors. */
const CLOSED_AT_ONCE = 16;

/** How long the client of a closed idle connection may take to close it itself, in ms. */
const LINGER_TIME = 1_000;

/** The connections of one address. */
export interface Peer {
  readonly address: string;
  readonly quota: Quota;
  /** Number of connections, before or after the preface. */
  count: number;
  /** Connections after the preface. */
  readonly connections: Set<Http2Connection>;
}

/** All connections by address, limited by a quota for each address. */
export class Peers {
  readonly #peers = new Map<string, Peer>();

  /** @param onRefused called for each connection that is refused, or closed to free a file descriptor */
  constructor(
    private readonly limits: QuotaLimits,
    private readonly onRefused: () => void,
  ) {}

  /** Memory reserved by all addresses, in bytes. */
  get reservedBytes(): number {
    return this.#peers.values()
      .reduce((sum, { quota }) => sum + quota.reservedBytes, 0);
  }

  *[Symbol.iterator](): Generator<[Peer, Http2Connection]> {
    for (const peer of this.#peers.values()) {
      for (const connection of peer.connections) yield [peer, connection];
    }
  }

  /**
   * Admits a connection. If its address has too many, refuses it, and closes one
   * that is idle, so that the next one is admitted.
   *
   * @returns undefined if it is refused
   */
  admit(address: string): Peer | undefined {
    const peer = this.#peers.get(address) ?? {
      address,
      quota: new Quota(this.limits),
      count: 0,
      connections: new Set(),
    };
    const isFull = peer.count >= this.limits.connections;
    if (isFull || !peer.quota.reserve(CONNECTION_SIZE)) {
      this.onRefused();
      closeIdle(peer, 1);
      return undefined;
    }
    peer.count++;
    this.#peers.set(address, peer);
    return peer;
  }

  /** Removes a connection that has ended. */
  remove(peer: Peer): void {
    peer.quota.release(CONNECTION_SIZE);
    if (--peer.count === 0) this.#peers.delete(peer.address);
  }

  /** Closes idle connections of the address that has most, unless it has only one. */
  closeIdle(): void {
    let most: Peer | undefined;
    for (const peer of this.#peers.values()) {
      if (peer.count > (most?.count ?? 1)) most = peer;
    }
    if (most === undefined) return;
    for (let i = closeIdle(most, CLOSED_AT_ONCE); i > 0; i--) this.onRefused();
  }
}

/** Closes connections without streams, those that were idle for longest first. @returns how many */
function closeIdle({ connections }: Peer, max: number): number {
  const idle = [...connections]
    .flatMap((one) =>
      one.idleSince === undefined ? [] : [{ one, since: one.idleSince }]
    )
    .sort((a, b) => a.since - b.since)
    .slice(0, max);
  for (const { one } of idle) one.goAway(LINGER_TIME);
  return idle.length;
}
