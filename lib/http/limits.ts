import { canonicalAddress } from "../access/hosts.ts";
import type {
  ListenerInfo,
  ListenerRequest,
  Slot,
  StreamSlots,
} from "../stats/counters.ts";
import { intern } from "../watcher/fields.ts";

/** Maximum numbers of concurrent listeners: streams, and GETs that wait. */
export interface LimitsOptions {
  readonly listeners: number;
  readonly listenersPerAddress: number;
}

/** Number of characters that are kept of a parameter's value. */
const MAX_VALUE_LENGTH = 100;

/** The listeners of all threads, counted and limited. */
export class Limits {
  readonly #perAddress = new Map<string, number>();
  readonly #perEndpoint = new Map<string, number>();
  /** Endpoints that are served no more, and have listeners. */
  readonly #removed = new Set<string>();
  readonly #refusals = new Map([
    ["max.listeners", 0],
    ["max.listeners.per.address", 0],
  ]);
  readonly #open = new Map<number, ListenerInfo>();
  readonly #freeSlots: number[] = [];
  /** Number of slots ever used. */
  #slotCount = 0;

  /** @param slots cleared when a listener leaves */
  constructor(
    private readonly options: LimitsOptions,
    private readonly slots: StreamSlots,
  ) {}

  /** Maximum number of listeners of one address. */
  get perAddress(): number {
    return this.options.listenersPerAddress;
  }

  /** Number of open listeners. */
  get listeners(): number {
    return this.#open.size;
  }

  /** Open listeners by slot. */
  get open(): ReadonlyMap<number, ListenerInfo> {
    return this.#open;
  }

  /** Number of open listeners by path, of each endpoint that ever had one and is served. */
  get perEndpoint(): ReadonlyMap<string, number> {
    return this.#perEndpoint;
  }

  /** Number of listeners that were refused. */
  get refused(): number {
    return this.#refusals.values().reduce((sum, count) => sum + count, 0);
  }

  /** Number of refused listeners by the flag that limits them. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  /** Admits a listener. @returns its slot, or the message of the refusal */
  acquire(request: ListenerRequest): Slot | string {
    const { listeners, listenersPerAddress } = this.options;
    const { endpoint } = request;
    const address = canonicalAddress(request.peer);
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
    this.#open.set(number, listenerInfo(request));
    this.#perAddress.set(address, count + 1);
    this.#addTo(endpoint, 1);
    const release = () => {
      this.#open.delete(number);
      this.slots.clear(number);
      this.#freeSlots.push(number);
      this.#addTo(endpoint, -1);
      const left = (this.#perAddress.get(address) ?? 0) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    };
    return { number, release };
  }

  /** Forgets an endpoint that is served no more, once its last listener has left. */
  forget(endpoint: string): void {
    this.#removed.add(endpoint);
    this.#addTo(endpoint, 0);
  }

  #countRefusal(flag: string): void {
    this.#refusals.set(flag, (this.#refusals.get(flag) ?? 0) + 1);
  }

  #addTo(endpoint: string, change: number): void {
    const count = (this.#perEndpoint.get(endpoint) ?? 0) + change;
    if (count === 0 && this.#removed.delete(endpoint)) {
      this.#perEndpoint.delete(endpoint);
    } else this.#perEndpoint.set(endpoint, count);
  }
}

/** A copy without the request, which must not be retained as long as the listener. */
function listenerInfo(
  { peer, endpoint, protocol, params, names }: ListenerRequest,
): ListenerInfo {
  const known = new URLSearchParams();
  for (const name of names) {
    const value = params.get(name);
    if (value) known.set(name, value.slice(0, MAX_VALUE_LENGTH));
  }
  const since = Math.floor(Date.now() / 1000);
  return { peer, endpoint, protocol, params: intern(`${known}`), since };
}
