/// <reference lib="dom" />
/**
 * Views that a shared worker watches for all windows. Each window gets what
 * changed since the state that it has, when it is ready for more.
 *
 * @module
 */
import { isObject } from "../json.ts";
import type {
  FeedParams,
  FeedSource,
  FeedState,
  Subscription,
} from "./feeds.ts";

/** Time between a state and the next one for a window, at least, in ms: states may come faster than a person can look. */
export const DRAW_INTERVAL = 250;

/** A window that has not answered a message for this long is gone, in ms: each gets one a second. */
const MAX_UNANSWERED = 30_000;

/** A worker that has sent nothing for this long is gone, in ms. */
const MAX_SILENCE = 30_000;

/** How often either is checked, in ms. */
const CHECK_INTERVAL = 5_000;

/** What a window sends. `id` is that of the subscription. */
export type WindowMessage =
  | {
    readonly type: "subscribe";
    readonly id: number;
    readonly name: string;
    readonly params: FeedParams;
  }
  /** `ready`: the window has what was sent. */
  | {
    readonly type: "end" | "pause" | "ready" | "resume";
    readonly id: number;
  }
  /** The window is closed. */
  | { readonly type: "close" };

/** How data differs from that of the message before. */
type DataChange =
  /** It is another one: its JSON text, which is parsed faster than objects are copied. */
  | { readonly text: string }
  | {
    readonly changed: Readonly<Record<string, unknown>>;
    readonly removed: readonly string[];
  };

/** What the worker sends. */
export interface WorkerMessage {
  readonly id: number;
  /** Without its data; undefined: the subscription is unknown. */
  readonly state?: Omit<FeedState, "data">;
  readonly change?: DataChange;
}

/** How data differs; undefined: not at all. */
export function changeOf(
  before: unknown,
  after: unknown,
): DataChange | undefined {
  if (before === after) return undefined;
  if (!isObject(before) || !isObject(after)) {
    return { text: JSON.stringify(after) };
  }
  const changed = Object.keys(after)
    .filter((name) =>
      before[name] !== after[name] || !Object.hasOwn(before, name)
    )
    .map((name) => [name, after[name]] as const);
  const removed = Object.keys(before).filter((name) =>
    !Object.hasOwn(after, name)
  );
  return { changed: Object.fromEntries(changed), removed };
}

/** Applies a change; members stay sorted. */
export function applyChange(before: unknown, change: DataChange): unknown {
  if ("text" in change) return JSON.parse(change.text);
  if (!isObject(before)) throw new TypeError("a change of nothing");
  const { changed, removed } = change;
  const after: Record<string, unknown> = { ...before, ...changed };
  for (const name of removed) delete after[name];
  if (Object.keys(changed).every((name) => Object.hasOwn(before, name))) {
    return after;
  }
  return Object.fromEntries(
    Object.entries(after).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** Serves a window. */
export function servePort(port: MessagePort, feeds: FeedSource): void {
  const subscriptions = new Map<number, PortSubscription>();
  const end = (id: number) => {
    subscriptions.get(id)?.end();
    subscriptions.delete(id);
  };
  const close = () => {
    [...subscriptions.keys()].forEach(end);
    clearInterval(timer);
  };
  const timer = setInterval(() => {
    for (const [id, { isGone }] of subscriptions) if (isGone) end(id);
  }, CHECK_INTERVAL);
  port.onmessage = ({ data: message }: MessageEvent<WindowMessage>) => {
    if (message.type === "close") return close();
    const { id, type } = message;
    if (type === "subscribe") {
      const send = (message: Omit<WorkerMessage, "id">) =>
        port.postMessage({ id, ...message } satisfies WorkerMessage);
      const { name, params } = message;
      subscriptions.set(id, new PortSubscription(feeds, name, params, send));
      return;
    }
    if (type === "end") return end(id);
    const subscription = subscriptions.get(id);
    if (subscription === undefined) port.postMessage({ id });
    else subscription[type]();
  };
  // Where browsers have it; the message `close` does not come from a window that crashes.
  port.addEventListener("close", close);
}

/** What a window knows of a view. */
class PortSubscription {
  readonly #subscription: Subscription;
  /** The state that the window has. */
  #sent?: FeedState;
  #newest?: FeedState;
  /** When the message was sent that the window has not answered, as `performance.now()`. */
  #unansweredSince = Infinity;

  constructor(
    feeds: FeedSource,
    name: string,
    params: FeedParams,
    private readonly send: (message: Omit<WorkerMessage, "id">) => void,
  ) {
    this.#subscription = feeds.subscribe(name, params, (state) => {
      this.#newest = state;
      this.#update();
    });
  }

  get isGone(): boolean {
    return performance.now() - this.#unansweredSince > MAX_UNANSWERED;
  }

  ready(): void {
    this.#unansweredSince = Infinity;
    this.#update();
  }

  pause(): void {
    this.#subscription.pause();
    // A hidden window may answer late.
    this.#unansweredSince = Infinity;
  }

  resume(): void {
    this.#subscription.resume();
  }

  end(): void {
    this.#subscription.end();
  }

  /** Sends what is new to a window that is ready for it. */
  #update(): void {
    const newest = this.#newest;
    if (newest === undefined || newest === this.#sent) return;
    if (this.#unansweredSince !== Infinity) return;
    const { data, ...state } = newest;
    this.#unansweredSince = performance.now();
    this.send({ state, change: changeOf(this.#sent?.data, data) });
    this.#sent = newest;
  }
}

/** A port to the shared worker. */
export type Connect = (onFail: () => void) => MessagePort;

/** The views that the shared worker watches; without one, those of a source of the window's own. */
export class SharedFeeds implements FeedSource {
  readonly #subscriptions = new Map<number, SharedSubscription>();
  readonly #timer: ReturnType<typeof setInterval>;
  #port: MessagePort;
  #own?: FeedSource;
  #count = 0;
  #lastMessage = performance.now();

  /** @param openOwn called when the worker cannot be started */
  constructor(
    private readonly connect: Connect,
    private readonly openOwn: () => FeedSource,
  ) {
    this.#port = this.#open();
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL);
    // A page that is kept for Back is only hidden.
    addEventListener("pagehide", ({ persisted }) => {
      if (!persisted) this.close();
    });
  }

  /** Ends all subscriptions. */
  close(): void {
    clearInterval(this.#timer);
    this.#send({ type: "close" });
  }

  subscribe(
    name: string,
    params: FeedParams,
    onState: (state: FeedState) => void,
  ): Subscription {
    if (this.#own !== undefined) {
      return this.#own.subscribe(name, params, onState);
    }
    const id = this.#count++;
    const one = new SharedSubscription(
      name,
      params,
      onState,
      (type) => this.#send({ type, id }),
    );
    this.#subscriptions.set(id, one);
    this.#subscribe(id, one);
    return {
      pause: () => one.pause(),
      resume: () => one.resume(),
      end: () => {
        one.end();
        this.#subscriptions.delete(id);
      },
    };
  }

  #open(): MessagePort {
    const port = this.connect(() => this.#useOwn());
    port.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      this.#lastMessage = performance.now();
      const one = this.#subscriptions.get(data.id);
      if (one === undefined) return;
      if (data.state === undefined) this.#subscribe(data.id, one);
      else one.receive(data);
    };
    return port;
  }

  #send(message: WindowMessage): void {
    this.#port.postMessage(message);
  }

  #subscribe(id: number, { name, params, isPaused }: SharedSubscription): void {
    this.#send({ type: "subscribe", id, name, params });
    if (isPaused) this.#send({ type: "pause", id });
  }

  /** Connects again when the worker is silent: a system that is short of memory ends workers. */
  #check(): void {
    const isWaiting = [...this.#subscriptions.values()]
      .some(({ isPaused }) => !isPaused);
    const now = performance.now();
    if (!isWaiting) this.#lastMessage = now;
    if (now - this.#lastMessage < MAX_SILENCE) return;
    this.#lastMessage = now;
    this.#send({ type: "close" });
    this.#port = this.#open();
    for (const [id, one] of this.#subscriptions) this.#subscribe(id, one);
  }

  #useOwn(): void {
    if (this.#own !== undefined) return;
    this.close();
    const own = this.#own = this.openOwn();
    for (const one of this.#subscriptions.values()) one.moveTo(own);
    this.#subscriptions.clear();
  }
}

/** A subscription of this window. */
class SharedSubscription {
  isPaused = false;
  #data: unknown;
  /** In a source of this window's own. */
  #own?: Subscription;
  #timer?: ReturnType<typeof setTimeout>;

  constructor(
    readonly name: string,
    readonly params: FeedParams,
    private readonly onState: (state: FeedState) => void,
    private readonly send: (type: "end" | "pause" | "ready" | "resume") => void,
  ) {}

  receive({ change, state }: WorkerMessage): void {
    if (change !== undefined) this.#data = applyChange(this.#data, change);
    this.#timer = setTimeout(() => this.send("ready"), DRAW_INTERVAL);
    if (!this.isPaused) this.onState({ ...state, data: this.#data });
  }

  pause(): void {
    this.isPaused = true;
    if (this.#own) this.#own.pause();
    else this.send("pause");
  }

  resume(): void {
    this.isPaused = false;
    if (this.#own) this.#own.resume();
    else this.send("resume");
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.#own) this.#own.end();
    else this.send("end");
  }

  moveTo(source: FeedSource): void {
    clearTimeout(this.#timer);
    this.#own = source.subscribe(this.name, this.params, this.onState);
    if (this.isPaused) this.#own.pause();
  }
}
