import type { Http2Connection } from "./connection.ts";
import { CONNECTION_SIZE, Quota, type QuotaLimits } from "./quota.ts";

/** How many idle connections are closed at a time for want of file descriptors. */
const CLOSED_AT_ONCE = 16;

/** The connections of one address. */
export interface Peer {
  readonly address: string;
  readonly quota: Quota;
  /** Connections, whether they have begun or not. */
  count: number;
  /** Those that have begun. */
  readonly connections: Set<Http2Connection>;
}

/** Connections by address, and what each address may have. */
export class Peers {
  readonly #peers = new Map<string, Peer>();
  #refused = 0;

  constructor(private readonly limits: QuotaLimits) {}

  /** Connections that were refused or closed, as their address had too many. */
  get refused(): number {
    return this.#refused;
  }

  /** Memory that is kept for all addresses, in bytes, as their quotas count it. */
  get reservedBytes(): number {
    return this.#peers.values()
      .reduce((sum, { quota }) => sum + quota.size, 0);
  }

  *[Symbol.iterator](): Generator<[Peer, Http2Connection]> {
    for (const peer of this.#peers.values()) {
      for (const connection of peer.connections) yield [peer, connection];
    }
  }

  /**
   * Notes a connection. When its address has too many, one of them that is
   * idle is closed, so that the next one finds room.
   *
   * @returns undefined: it is refused
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
      this.#refused++;
      closeIdle(peer, 1);
      return undefined;
    }
    peer.count++;
    this.#peers.set(address, peer);
    return peer;
  }

  /** Notes that a connection is over. */
  remove(peer: Peer): void {
    peer.quota.release(CONNECTION_SIZE);
    if (--peer.count === 0) this.#peers.delete(peer.address);
  }

  /** Closes idle connections of the address that has most, unless that is one. */
  closeIdle(): void {
    let most: Peer | undefined;
    for (const peer of this.#peers.values()) {
      if (peer.count > (most?.count ?? 1)) most = peer;
    }
    if (most !== undefined) this.#refused += closeIdle(most, CLOSED_AT_ONCE);
  }
}

/** Closes connections without streams, those first that were used least recently. @returns how many */
function closeIdle({ connections }: Peer, most: number): number {
  const idle = [...connections]
    .flatMap((one) =>
      one.idleSince === undefined ? [] : [{ one, since: one.idleSince }]
    )
    .sort((a, b) => a.since - b.since)
    .slice(0, most);
  for (const { one } of idle) one.goAway();
  return idle.length;
}
