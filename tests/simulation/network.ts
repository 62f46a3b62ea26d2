import type { Member } from "./keyspace.ts";

/** A member, and the link of one lainlet to it. */
export interface Place {
  readonly link: Link;
  readonly member: Member;
}

/** By endpoint. */
const places = new Map<string, Place>();

/** Replaces the reachable members. */
export function setPlaces(all: Iterable<readonly [string, Place]>): void {
  places.clear();
  for (const [endpoint, place] of all) places.set(endpoint, place);
}

/** @throws {Error} when there is no such endpoint */
export function placeOf(endpoint: string): Place {
  const place = places.get(endpoint);
  if (place === undefined) throw new Error(`no such host: ${endpoint}`);
  return place;
}

/** gRPC's error when a connection is lost or cannot be made. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  constructor(why: string) {
    super(`14 UNAVAILABLE: ${why}`);
  }
}

/** A fault of the next call on a link. */
export type CallFault =
  | "refused"
  | "lost before"
  | "lost after"
  | "late"
  /** The connection is lost right after the response. */
  | "last"
  /** The server responds that the session has moved to another member. */
  | "moved"
  | "none";

/** A fault of the next delivery of a watch ("lost"), or of the next watch ("silent"). */
export type WatchFault = "lost" | "silent";

/**
 * The network between one lainlet and one member. Messages of a connection
 * arrive in order, each after a delay.
 */
export class Link {
  /** Connections are refused. */
  isRefused = false;
  #isSilent = false;
  /** Messages that wait until the link is no longer silent. */
  #held: (() => void)[] = [];
  readonly #connections = new Set<{ lose(error: Error): void }>();
  callFaults: CallFault[] = [];
  watchFaults: WatchFault[] = [];
  /** Until this time, each poll ends as soon as it begins, in ms. */
  pollsEndUntil = -Infinity;
  /** How many polls ended so since that began. */
  pollsEnded = 0;
  /** Until this time, an event that a poll waits for is late, in ms. */
  eventsLateUntil = -Infinity;
  /** How long the link is silent between the headers of a poll and its event, in ms; 0: it is not. */
  pauseInPoll = 0;
  /** Additional delay of each message, in ms. */
  latency = 0;
  /** When a watch last lost a change or became silent, in ms. */
  lostAt = -Infinity;
  /** How many changes were lost, and watches silent. */
  losses = 0;

  /** @param member whether its process runs */
  constructor(
    readonly name: string,
    private readonly member: {
      readonly isUp: boolean;
      readonly hasQuorum: boolean;
      readonly lag: number;
    },
  ) {}

  /** Whether the link and the member have no fault, and none is pending. */
  get isGood(): boolean {
    const { hasQuorum, lag } = this.member;
    return this.isOpen && !this.#isSilent && hasQuorum && lag === 0 &&
      this.callFaults.length === 0 && this.watchFaults.length === 0;
  }

  /** Whether a connection can be made. */
  get isOpen(): boolean {
    return !this.isRefused && this.member.isUp;
  }

  /** Whether messages are delayed until the link is no longer silent; neither end gets an error. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  set isSilent(isSilent: boolean) {
    this.#isSilent = isSilent;
    if (isSilent) return;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  /** Delivers a message after a delay. @param extra additional delay, in ms */
  deliver(what: () => void, extra = 0): void {
    const delay = 1 + Math.floor(Math.random() ** 4 * 30) + this.latency +
      extra;
    setTimeout(() => {
      if (this.#isSilent) this.#held.push(what);
      else what();
    }, delay);
  }

  /** The number of connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Adds a connection. @returns removes it */
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

  /** Ends all faults. */
  heal(): void {
    this.isRefused = false;
    this.callFaults = [];
    this.watchFaults = [];
    this.pollsEndUntil = this.eventsLateUntil = -Infinity;
    this.pauseInPoll = this.latency = 0;
    this.isSilent = false;
  }
}

/** One direction of a connection: messages arrive in order. */
export class Channel {
  readonly #sent: { isDue: boolean; readonly arrive: () => void }[] = [];
  /** Whether nothing arrives any more. */
  isOver = false;

  constructor(private readonly link: Link) {}

  /** Sends a message. @param extra delays this and all later messages, in ms */
  send(arrive: () => void, extra = 0): void {
    const message = { isDue: false, arrive };
    this.#sent.push(message);
    this.link.deliver(() => {
      message.isDue = true;
      while (!this.isOver && this.#sent[0]?.isDue) this.#sent.shift()?.arrive();
    }, extra);
  }
}

/** Calls back before the next timer fires, after a random number of microtasks. */
export async function soon(call: () => void): Promise<void> {
  for (let i = Math.floor(Math.random() * 40); i > 0; i--) await undefined;
  call();
}
