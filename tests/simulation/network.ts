import type { Member } from "./member.ts";

/** What an endpoint leads to: a member, over the link of one lainlet. */
export interface Route {
  readonly link: Link;
  readonly member: Member;
}

/** Routes by endpoint. */
const routes = new Map<string, Route>();

/** Replaces all routes. */
export function setRoutes(
  all: Iterable<readonly [endpoint: string, Route]>,
): void {
  routes.clear();
  for (const [endpoint, route] of all) routes.set(endpoint, route);
}

/** @throws {Error} when there is no such endpoint */
export function routeTo(endpoint: string): Route {
  const route = routes.get(endpoint);
  if (route === undefined) throw new Error(`no such host: ${endpoint}`);
  return route;
}

/** gRPC's error when a connection is lost or cannot be made. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  constructor(reason: string) {
    super(`14 UNAVAILABLE: ${reason}`);
  }
}

/** A fault of the next call on a link. */
export type CallFault =
  | "refused"
  /** The connection is cut before the member gets the request. */
  | "request lost"
  /** The connection is cut before the client gets the response. */
  | "response lost"
  | "response late"
  /** The connection is cut right after the response. */
  | "cut after response"
  /** The server responds that the session has moved to another member. */
  | "session moved"
  | "none";

/** The additional delay of a response because of a fault, in ms. */
export function responseDelay(fault: CallFault | undefined): number {
  return fault === "response late" ? 2_500 : 0;
}

/** A fault of a watch: it loses its next change, or the next watch delivers nothing. */
export type WatchFault = "change lost" | "silent";

/**
 * The network between one lainlet and one member. Messages of a connection
 * arrive in order, each after a delay.
 */
export class Link {
  /** Connections are refused. */
  isRefused = false;
  #isSilent = false;
  /** Messages that wait until the link is no longer silent. */
  #delayed: (() => void)[] = [];
  readonly #connections = new Set<{ drop(error: Error): void }>();
  callFaults: CallFault[] = [];
  watchFaults: WatchFault[] = [];
  /** Until this time, each poll ends at once, in ms. */
  pollsEndUntil = -Infinity;
  /** How many polls have ended at once since that fault began. */
  pollsEnded = 0;
  /** Until this time, events that polls wait for are late, in ms. */
  eventsLateUntil = -Infinity;
  /** How long the link becomes silent between the headers of the next poll and its event, in ms; 0: it does not. */
  pauseInPoll = 0;
  /** Additional delay of each message, in ms. */
  latency = 0;
  /** When a watch last lost a change or became silent, in ms. */
  lostAt = -Infinity;
  /** How many watches lost a change or became silent. */
  losses = 0;

  constructor(
    readonly name: string,
    private readonly member: {
      readonly isUp: boolean;
      readonly hasQuorum: boolean;
      readonly lag: number;
    },
  ) {}

  /** Whether neither the link nor the member has a fault, and none is pending. */
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
    for (const deliver of this.#delayed.splice(0)) deliver();
  }

  /** Delivers a message after a delay. @param extra additional delay, in ms */
  deliver(arrive: () => void, extra = 0): void {
    const delay = 1 + Math.floor(Math.random() ** 4 * 30) + this.latency +
      extra;
    setTimeout(() => {
      if (this.#isSilent) this.#delayed.push(arrive);
      else arrive();
    }, delay);
  }

  /** The number of connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Adds a connection. @returns removes it */
  connect(connection: { drop(error: Error): void }): () => void {
    this.#connections.add(connection);
    return () => this.#connections.delete(connection);
  }

  /** Cuts all connections. */
  cut(): void {
    this.#delayed = [];
    for (const connection of [...this.#connections]) {
      connection.drop(new Unreachable("Connection dropped"));
    }
  }

  /** Takes the next fault of a watch, if it is of this kind. */
  takeWatchFault(kind: WatchFault): boolean {
    if (this.watchFaults[0] !== kind) return false;
    this.watchFaults.shift();
    return true;
  }

  /** To be called when a watch loses a change or becomes silent. */
  recordLoss(): void {
    this.lostAt = performance.now();
    this.losses++;
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
