import type { Member } from "./keyspace.ts";

/** A member, and the way to it. */
export interface Place {
  readonly link: Link;
  readonly member: Member;
}

/** What can be reached, by endpoint. */
const places = new Map<string, Place>();

/** Makes members reachable, in the place of those before. */
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

/** The error of gRPC when a connection is lost, or is not to be had. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  constructor(why: string) {
    super(`14 UNAVAILABLE: ${why}`);
  }
}

/** What happens to the next call on a link. */
export type CallFault =
  | "refused"
  | "lost before"
  | "lost after"
  | "late"
  /** The connection is lost as soon as the answer is there. */
  | "last"
  /** The server says that the session is another member's. */
  | "moved"
  | "none";

/** What happens to the next thing that a watch is to deliver, or to the next watch. */
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
  /** Polls are ended as soon as they are made, until then, in ms. */
  pollsEndUntil = -Infinity;
  /** How many were ended since that began. */
  pollsEnded = 0;
  /** An event that a poll has waited for is late, until then, in ms. */
  eventsLateUntil = -Infinity;
  /** For how long the link is silent between the headers of a poll and an event that is there, in ms; 0: it is not. */
  pauseInPoll = 0;
  /** How much longer each message takes, in ms. */
  latency = 0;
  /** When a watch last lost a change, or began to deliver nothing, in ms. */
  lostAt = -Infinity;
  /** How many changes, or watches, were lost on it. */
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

  /** Whether nothing is wrong with it, nor with the member, nor is to be. */
  get isGood(): boolean {
    const { hasQuorum, lag } = this.member;
    return this.isOpen && !this.#isSilent && hasQuorum && lag === 0 &&
      this.callFaults.length === 0 && this.watchFaults.length === 0;
  }

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
    const delay = 1 + Math.floor(Math.random() ** 4 * 30) + this.latency +
      extra;
    setTimeout(() => {
      if (this.#isSilent) this.#held.push(what);
      else what();
    }, delay);
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#connections.size;
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
    this.pollsEndUntil = this.eventsLateUntil = -Infinity;
    this.pauseInPoll = this.latency = 0;
    this.isSilent = false;
  }
}

/** One direction of a connection: what is sent arrives in order. */
export class Channel {
  readonly #sent: { isDue: boolean; readonly arrive: () => void }[] = [];
  /** Nothing arrives any more. */
  isOver = false;

  constructor(private readonly link: Link) {}

  /** @param extra delays this and what is sent after it, in ms */
  send(arrive: () => void, extra = 0): void {
    const message = { isDue: false, arrive };
    this.#sent.push(message);
    this.link.deliver(() => {
      message.isDue = true;
      while (!this.isOver && this.#sent[0]?.isDue) this.#sent.shift()?.arrive();
    }, extra);
  }
}

/** Calls back within this moment, after some of what else is done in it. */
export async function soon(call: () => void): Promise<void> {
  for (let i = Math.floor(Math.random() * 40); i > 0; i--) await undefined;
  call();
}
