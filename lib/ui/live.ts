/// <reference lib="dom" />
/**
 * Data of lainlet that follows its changes: the overview for the whole page,
 * and views for parts of it.
 *
 * @module
 */
import { useEffect, useState } from "preact/hooks";
import type { Data, Params, Progress, ViewName } from "../client/client.ts";
import {
  Feeds,
  type FeedSource,
  type FeedState,
  type Subscription,
} from "./feeds.ts";
import { browserName } from "./browser_name.ts";
import { DRAW_INTERVAL, SharedFeeds } from "./ports.ts";
import { base } from "./route.ts";

/** Silence after which the connection counts as lost, in ms: lainlet sends its status each second. */
const MAX_SILENCE = 10_000;

/** The name of the shared worker. Pages and workers of one name understand each other: changed messages need another one. */
const WORKER_NAME = "lainlet-1";

/** The overview as far as it is known, and whether it is current. */
export interface Overview {
  readonly overview?: Data<"overview">;
  /** Why nothing comes; undefined while something does. */
  readonly problem?: string;
  /** The page was hidden, and connects again. */
  readonly isResuming?: boolean;
  /** Why lainlet, which answers, sends no state. */
  readonly waiting?: string;
  /** How much of the first state has arrived. */
  readonly progress?: Progress;
  /** When the last state came. */
  readonly received?: Date;
}

/**
 * Watches the overview while the page is visible.
 *
 * @param onChange called for every state, and every change of the connection
 * @returns stops it
 */
export function watchOverview(
  source: FeedSource,
  onChange: (overview: Overview) => void,
): () => void {
  let current: Overview = {};
  let silence: ReturnType<typeof setTimeout> | undefined;
  const update = (changes: Partial<Overview>) => {
    current = { ...current, ...changes };
    onChange(current);
  };
  const receive = (
    { data, isOpen, problem, progress, received }: FeedState,
  ) => {
    const isNew = received !== undefined &&
      received !== current.received?.getTime();
    if (isNew) {
      clearTimeout(silence);
      silence = setTimeout(
        () => update({ problem: `nothing came for ${MAX_SILENCE / 1000} s` }),
        MAX_SILENCE,
      );
    }
    const isLost = isOpen === false;
    update({
      ...isNew
        ? { overview: dataOf("overview", data), received: new Date(received) }
        : {},
      ...isNew || isLost ? { isResuming: false } : {},
      progress,
      problem: isLost ? problem ?? "" : undefined,
      waiting: isLost ? undefined : problem,
    });
  };
  const subscription = source.subscribe("overview", {}, receive);
  const stop = whileVisible(subscription, () => {
    clearTimeout(silence);
    update({ isResuming: true, problem: undefined });
  });
  return () => {
    stop();
    clearTimeout(silence);
    subscription.end();
  };
}

/** The overview for a component. */
export function useOverview(): Overview {
  const [overview, setOverview] = useState<Overview>({});
  useEffect(() => {
    const throttle = new Throttle(setOverview);
    const stop = watchOverview(sourceOfPage(), (next) => throttle.push(next));
    return () => {
      stop();
      throttle.stop();
    };
  }, []);
  return overview;
}

/** Data of a view, as far as it is known. */
export interface ViewState<T> {
  readonly data?: T;
  /** Why there is no current state. */
  readonly problem?: string;
}

/** Watches a view for as long as a component is shown and the page is visible. */
export function useView<N extends ViewName>(
  name: N,
  params: Params<N>,
): ViewState<Data<N>> {
  const [state, setState] = useState<ViewState<Data<N>>>({});
  useEffect(() => {
    const throttle = new Throttle(setState);
    const subscription = sourceOfPage().subscribe(
      name,
      params,
      ({ data, problem }) =>
        throttle.push({ data: dataOf(name, data), problem }),
    );
    const stop = whileVisible(subscription);
    return () => {
      stop();
      subscription.end();
      throttle.stop();
    };
  }, [name, JSON.stringify(params)]);
  return state;
}

/** Lainlet sends the declared data, as its tests check. */
function dataOf<N extends ViewName>(_name: N, data: unknown): Data<N> {
  return data as Data<N>;
}

let source: FeedSource | undefined;

/** Where this page gets its views from: the shared worker, where it may have one. */
function sourceOfPage(): FeedSource {
  return source ??= named(sharedFeeds() ?? new Feeds(base()));
}

/** Undefined where the browser has no shared workers, or refuses them to a page that may store nothing. */
function sharedFeeds(): FeedSource | undefined {
  if (typeof SharedWorker === "undefined") return undefined;
  try {
    return new SharedFeeds(connectWorker, () => new Feeds(base()));
  } catch (error) {
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}

/** Names the streams of a source, so that they are found among the listeners. */
function named(source: FeedSource): FeedSource {
  return {
    subscribe: (name, params, onState) =>
      source.subscribe(name, { ...params, client: browserName() }, onState),
  };
}

function connectWorker(onFail: () => void): MessagePort {
  const worker = new SharedWorker(new URL("ui/worker.js", base()), {
    name: WORKER_NAME,
    type: "module",
  });
  worker.onerror = onFail;
  return worker.port;
}

/**
 * Pauses a subscription while the page is hidden.
 *
 * @param onHide called when that begins
 * @returns stops it
 */
function whileVisible(
  subscription: Subscription,
  onHide: () => void = () => {},
): () => void {
  const check = () => {
    if (!document.hidden) return subscription.resume();
    subscription.pause();
    onHide();
  };
  document.addEventListener("visibilitychange", check);
  if (document.hidden) check();
  return () => document.removeEventListener("visibilitychange", check);
}

/** Passes on the newest of the values that come, the first at once, then at intervals. */
export class Throttle<T> {
  #newest?: { readonly value: T };
  #timer?: ReturnType<typeof setTimeout>;
  #last = -Infinity;

  constructor(private readonly onValue: (newest: T) => void) {}

  push(value: T): void {
    this.#newest = { value };
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#last = performance.now();
      if (this.#newest) this.onValue(this.#newest.value);
    }, this.#last + DRAW_INTERVAL - performance.now());
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
