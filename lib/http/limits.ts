import { canonicalAddress } from "../access/hosts.ts";
import type {
  ListenerInfo,
  ListenerRequest,
  Slot,
  StreamSlots,
} from "../stats/counters.ts";
import { intern } from "../watcher/shared.ts";

/** How many streams there may be at a time, and GETs that wait. */
export interface LimitsOptions {
  readonly listeners: number;
  /** To one address. */
  readonly listenersPerAddress: number;
}

/** How much is kept of a parameter's value, in characters. */
const MAX_VALUE_LENGTH = 100;

/** Counts the streams of all threads. */
export class Limits {
  readonly #perAddress = new Map<string, number>();
  readonly #perEndpoint = new Map<string, number>();
  readonly #refusals = new Map([
    ["max.listeners", 0],
    ["max.listeners.per.address", 0],
  ]);
  /** By their places. */
  readonly #open = new Map<number, ListenerInfo>();
  /** Places that were given back, and how many there ever were. */
  readonly #freeSlots: number[] = [];
  #slotCount = 0;

  /** @param slots where it is noted how streams stand */
  constructor(
    private readonly options: LimitsOptions,
    private readonly slots: StreamSlots,
  ) {}

  /** As many streams one address may have. */
  get perAddress(): number {
    return this.options.listenersPerAddress;
  }

  /** Live streams. */
  get listeners(): number {
    return this.#open.size;
  }

  /** The same, by their places. */
  get open(): ReadonlyMap<number, ListenerInfo> {
    return this.#open;
  }

  /** Live streams of each endpoint that ever had one, by path. */
  get perEndpoint(): ReadonlyMap<string, number> {
    return this.#perEndpoint;
  }

  /** Those that were one too many. */
  get refused(): number {
    return this.#refusals.values().reduce((sum, count) => sum + count, 0);
  }

  /** The same by the flag that limits them. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  /** Takes a place for a stream, or for a GET that waits. @returns it, or why there is none */
  acquire(asked: ListenerRequest): Slot | string {
    const { listeners, listenersPerAddress } = this.options;
    const { endpoint } = asked;
    const address = canonicalAddress(asked.peer);
    const count = this.#perAddress.get(address) ?? 0;
    if (this.listeners >= listeners) {
      this.#countRefusal("max.listeners");
      return `too many listeners: ${listeners} are served at a time`;
    }
    if (count >= listenersPerAddress) {
      this.#countRefusal("max.listeners.per.address");
      return `too many listeners: ${listenersPerAddress} are served at a time to one address`;
    }
    const number = this.#freeSlots.pop() ?? this.#slotCount++;
    this.#open.set(number, listenerInfo(asked));
    this.#perAddress.set(address, count + 1);
    this.#addTo(endpoint, 1);
    const giveBack = () => {
      this.#open.delete(number);
      this.slots.clear(number);
      this.#freeSlots.push(number);
      this.#addTo(endpoint, -1);
      const left = (this.#perAddress.get(address) ?? 0) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    };
    return { number, release: giveBack };
  }

  #countRefusal(flag: string): void {
    this.#refusals.set(flag, (this.#refusals.get(flag) ?? 0) + 1);
  }

  #addTo(endpoint: string, by: number): void {
    const count = this.#perEndpoint.get(endpoint) ?? 0;
    this.#perEndpoint.set(endpoint, count + by);
  }
}

/** What is told of a stream: of its own, as it is kept for long, and the request is not. */
function listenerInfo(
  { peer, endpoint, protocol, params, names }: ListenerRequest,
): ListenerInfo {
  const told = new URLSearchParams();
  for (const name of names) {
    const value = params.get(name);
    if (value) told.set(name, value.slice(0, MAX_VALUE_LENGTH));
  }
  const since = Math.floor(Date.now() / 1000);
  return { peer, endpoint, protocol, params: intern(`${told}`), since };
}
