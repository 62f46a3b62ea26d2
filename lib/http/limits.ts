import { canonicalAddress } from "../access/address.ts";

/** How many streams there may be at a time. */
export interface LimitsOptions {
  readonly listeners: number;
  /** To one address. */
  readonly listenersPerAddress: number;
}

/** Counts the streams of all threads. */
export class Limits {
  readonly #perAddress = new Map<string, number>();
  readonly #perEndpoint = new Map<string, number>();
  readonly #refusals = new Map([
    ["max.listeners", 0],
    ["max.listeners.per.address", 0],
  ]);
  #listeners = 0;

  constructor(private readonly options: LimitsOptions) {}

  /** Live streams. */
  get listeners(): number {
    return this.#listeners;
  }

  /** Live streams of each endpoint that ever had one, by path. */
  get perEndpoint(): ReadonlyMap<string, number> {
    return this.#perEndpoint;
  }

  /** Streams that were one too many. */
  get refused(): number {
    return this.#refusals.values().reduce((sum, count) => sum + count, 0);
  }

  /** The same by the flag that limits them. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  /**
   * Takes a place for a stream.
   *
   * @param endpoint its path, as {@linkcode perEndpoint} is to count it
   * @returns gives it back; or, when there is none, why not
   */
  take(peer: string, endpoint: string): (() => void) | string {
    const { listeners, listenersPerAddress } = this.options;
    const address = canonicalAddress(peer);
    const count = this.#perAddress.get(address) ?? 0;
    if (this.#listeners >= listeners) {
      this.#refuse("max.listeners");
      return `too many listeners: ${listeners} are served at a time`;
    }
    if (count >= listenersPerAddress) {
      this.#refuse("max.listeners.per.address");
      return `too many listeners: ${listenersPerAddress} are served at a time to one address`;
    }
    this.#listeners++;
    this.#perAddress.set(address, count + 1);
    this.#add(endpoint, 1);
    return () => {
      this.#listeners--;
      this.#add(endpoint, -1);
      const left = (this.#perAddress.get(address) ?? 0) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    };
  }

  #refuse(flag: string): void {
    this.#refusals.set(flag, (this.#refusals.get(flag) ?? 0) + 1);
  }

  #add(endpoint: string, by: number): void {
    const count = this.#perEndpoint.get(endpoint) ?? 0;
    this.#perEndpoint.set(endpoint, count + by);
  }
}
