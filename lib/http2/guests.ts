import type { Http2Connection } from "./connection.ts";
import { Quota, type QuotaLimits } from "./quota.ts";

/** Memory that a connection takes, in bytes. */
const CONNECTION_COST = 16 * 1024;

/** How many idle connections are closed at a time for want of file descriptors. */
const ROOM = 16;

/** What is connected from one address. */
export interface Guest {
  readonly address: string;
  readonly quota: Quota;
  /** Connections, whether they have begun or not. */
  count: number;
  /** Those that have begun. */
  readonly connections: Set<Http2Connection>;
}

/** Who is connected, by address, and what each may have. */
export class Guests {
  readonly #guests = new Map<string, Guest>();
  #refused = 0;

  constructor(private readonly limits: QuotaLimits) {}

  /** Connections that were refused or closed, as their address had too many. */
  get refused(): number {
    return this.#refused;
  }

  /** Memory that is kept for all addresses, in bytes, as their quotas count it. */
  get kept(): number {
    return this.#guests.values()
      .reduce((sum, { quota }) => sum + quota.size, 0);
  }

  *[Symbol.iterator](): Generator<[Guest, Http2Connection]> {
    for (const guest of this.#guests.values()) {
      for (const connection of guest.connections) yield [guest, connection];
    }
  }

  /**
   * Notes a connection. When its address has too many, one of them that is
   * idle is closed, so that the next one finds room.
   *
   * @returns undefined: it is refused
   */
  enter(address: string): Guest | undefined {
    const guest = this.#guests.get(address) ?? {
      address,
      quota: new Quota(this.limits),
      count: 0,
      connections: new Set(),
    };
    const isFull = guest.count >= this.limits.connections;
    if (isFull || !guest.quota.take(CONNECTION_COST)) {
      this.#refused++;
      closeIdle(guest, 1);
      return undefined;
    }
    guest.count++;
    this.#guests.set(address, guest);
    return guest;
  }

  /** Notes that a connection is over. */
  leave(guest: Guest): void {
    guest.quota.give(CONNECTION_COST);
    if (--guest.count === 0) this.#guests.delete(guest.address);
  }

  /** Closes idle connections of the address that has most, unless that is one. */
  makeRoom(): void {
    let most: Guest | undefined;
    for (const guest of this.#guests.values()) {
      if (guest.count > (most?.count ?? 1)) most = guest;
    }
    if (most !== undefined) this.#refused += closeIdle(most, ROOM);
  }
}

/** Closes connections without streams, those first that were used least recently. @returns how many */
function closeIdle({ connections }: Guest, most: number): number {
  const idle = [...connections]
    .flatMap((one) =>
      one.idleSince === undefined ? [] : [{ one, since: one.idleSince }]
    )
    .sort((a, b) => a.since - b.since)
    .slice(0, most);
  for (const { one } of idle) one.end();
  return idle.length;
}
