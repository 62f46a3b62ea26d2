/**
 * Views of lainlet, each watched once for any number of subscribers.
 *
 * @module
 */
import { ChildController } from "../abort.ts";
import {
  Client,
  errorMessage,
  type KnownState,
  type Progress,
  type WatchStatus,
} from "../client/client.ts";
import { sleep } from "../time.ts";

/** A caller that was refused may get the right meanwhile. */
const RETRY = 10_000;

/**
 * Streams at a time, besides that of the overview. Browsers have six
 * connections for a host, and files and GETs need some.
 */
const MAX_STREAMS = 3;

/** How long a stream is kept while another view waits for its turn, in ms. */
const TURN = 1_000;

/** After this time a stream without a response is ended for a view that waits, in ms. */
const MAX_TURN = 10_000;

/** A view, as far as it is known. */
export interface FeedState {
  /** The last state. */
  readonly data?: unknown;
  /** When it came, in ms since 1970. */
  readonly received?: number;
  /** Whether lainlet responds; undefined: not known yet. */
  readonly isOpen?: boolean;
  /** Why there is no current state. */
  readonly problem?: string;
  /** How much of the first state has arrived. */
  readonly progress?: Progress;
}

/** Parameters of a view; undefined ones are not sent. */
export type FeedParams = Readonly<Record<string, string | undefined>>;

/** A subscription to a view. */
export interface Subscription {
  /** Tells the subscriber nothing until it is resumed. A view without other subscribers has no stream meanwhile. */
  pause(): void;
  resume(): void;
  end(): void;
}

/** Where views come from. */
export interface FeedSource {
  /** Calls back with each state of a view, and each change of the connection. */
  subscribe(
    name: string,
    params: FeedParams,
    onState: (state: FeedState) => void,
  ): Subscription;
}

/** The views that this context watches by itself. */
export class Feeds implements FeedSource {
  readonly #client: Client;
  readonly #feeds = new Map<string, Feed>();
  readonly #turns = new Turns();

  /** @param retry time after which a watch that failed for good is retried, in ms */
  constructor(base: string, private readonly retry = RETRY) {
    this.#client = new Client(base);
  }

  subscribe(
    name: string,
    params: FeedParams,
    onState: (state: FeedState) => void,
  ): Subscription {
    const key = JSON.stringify([name, Object.entries(params).sort()]);
    const feed = this.#feeds.get(key) ??
      new Feed(
        this.#client,
        name,
        params,
        this.retry,
        // Each page needs the overview, all the time.
        name === "overview" ? undefined : this.#turns,
      );
    this.#feeds.set(key, feed);
    const subscriber = { onState };
    feed.add(subscriber);
    return {
      pause: () => feed.pause(subscriber),
      resume: () => feed.resume(subscriber),
      end: () => {
        if (feed.remove(subscriber) === 0) this.#feeds.delete(key);
      },
    };
  }
}

interface Subscriber {
  readonly onState: (state: FeedState) => void;
}

/** A view, watched while it has subscribers that are not paused. */
class Feed {
  /** Whether each is paused. */
  readonly #subscribers = new Map<Subscriber, boolean>();
  #known?: KnownState<unknown>;
  #state: FeedState = {};
  #running?: AbortController;

  constructor(
    private readonly client: Client,
    private readonly name: string,
    private readonly params: FeedParams,
    private readonly retry: number,
    private readonly turns: Turns | undefined,
  ) {}

  add(subscriber: Subscriber): void {
    this.#subscribers.set(subscriber, true);
    this.resume(subscriber);
  }

  pause(subscriber: Subscriber): void {
    this.#subscribers.set(subscriber, true);
    this.#update();
  }

  resume(subscriber: Subscriber): void {
    this.#subscribers.set(subscriber, false);
    // The state from before the stream ended is passed on once it is known to be current.
    if (this.#running !== undefined) subscriber.onState(this.#state);
    this.#update();
  }

  /** @returns how many subscribers are left */
  remove(subscriber: Subscriber): number {
    this.#subscribers.delete(subscriber);
    this.#update();
    return this.#subscribers.size;
  }

  /** Starts or ends the watch, as the subscribers need it. */
  #update(): void {
    const isNeeded = [...this.#subscribers.values()].includes(false);
    if (isNeeded === (this.#running !== undefined)) return;
    this.#running?.abort();
    this.#running = isNeeded ? new AbortController() : undefined;
    if (this.#running !== undefined) this.#run(this.#running.signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const turn = await this.turns?.take(signal);
      try {
        await this.#watch(signal, turn);
      } catch (error) {
        if (signal.aborted) return;
        this.#publish({ isOpen: false, problem: errorMessage(error) });
        turn?.end();
        await sleep(this.retry, signal);
      } finally {
        turn?.end();
      }
    }
  }

  async #watch(signal: AbortSignal, turn: Turn | undefined): Promise<void> {
    const onStatus = (status: WatchStatus) => {
      if (signal.aborted) return;
      const { isOpen, problem, progress } = status;
      if (progress === undefined) turn?.serve();
      const { isOpen: wasOpen, problem: old, progress: last } = this.#state;
      if (isOpen === wasOpen && problem === old && progress === last) return;
      this.#publish({ isOpen, problem, progress });
    };
    const updates = this.client.watchAny(this.name, this.params, {
      signal: turn?.signal ?? signal,
      compressed: true,
      from: this.#known,
      onStatus,
    });
    for await (const { data, etag } of updates) {
      this.#known = { data, etag };
      this.#publish({ data, received: Date.now() });
      turn?.serve();
    }
  }

  #publish(changes: Partial<FeedState>): void {
    this.#state = { ...this.#state, ...changes };
    for (const [{ onState }, isPaused] of this.#subscribers) {
      if (!isPaused) onState(this.#state);
    }
  }
}

/** A permission to have a stream. */
interface Turn {
  /** Aborts when another view has waited long enough. */
  readonly signal: AbortSignal;
  /** The stream is up to date: it may end for another one, which costs little. */
  serve(): void;
  end(): void;
}

/** Lets more views than there may be streams take turns, each from the state that it has. */
class Turns {
  readonly #holders = new Set<Holder>();
  readonly #waiting: (() => void)[] = [];
  #free = MAX_STREAMS;
  #timer?: ReturnType<typeof setInterval>;

  /** Waits for a turn, which ends with the signal, too. */
  async take(signal: AbortSignal): Promise<Turn> {
    if (this.#free > 0) this.#free--;
    else {
      this.#timer ??= setInterval(() => this.#pass(), TURN / 4);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const holder = new Holder(signal, () => {
      if (!this.#holders.delete(holder)) return;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    });
    this.#holders.add(holder);
    return holder;
  }

  /** Ends the turns that were long enough, one for each view that waits. */
  #pass(): void {
    if (this.#waiting.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    [...this.#holders].filter((one) => one.isDone)
      .slice(0, this.#waiting.length)
      .forEach((one) => one.controller.abort());
  }
}

class Holder implements Turn {
  readonly controller: ChildController;
  readonly #begin = performance.now();
  #isServed = false;

  constructor(signal: AbortSignal, private readonly onEnd: () => void) {
    this.controller = new ChildController(signal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get isDone(): boolean {
    return performance.now() - this.#begin >
      (this.#isServed ? TURN : MAX_TURN);
  }

  serve(): void {
    this.#isServed = true;
  }

  end(): void {
    this.controller.abort();
    this.onEnd();
  }
}
