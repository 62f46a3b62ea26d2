/// <reference lib="dom" />
/**
 * Data of lainlet that follows its changes: the overview for the whole page,
 * and views for parts of it.
 *
 * @module
 */
import { useEffect, useState } from "preact/hooks";
import { onAbort } from "../abort.ts";
import {
  Client,
  type Data,
  errorMessage,
  type Params,
  RefusedError,
  type Update,
  type ViewName,
  type WatchStatus,
} from "../client/client.ts";
import { base } from "./route.ts";

/** Time after which a request that was refused is retried, in ms. */
const REFUSED_RETRY = 10_000;

/** Silence after which the connection counts as lost, in ms: lainlet sends its status each second. */
const MAX_SILENCE = 10_000;

/** Interval between two drawings, at least, in ms: states may come faster than a person can look. */
const DRAW_INTERVAL = 250;

/** The overview as far as it is known, and whether it is current. */
export interface Overview {
  readonly overview?: Data<"overview">;
  /** Why nothing comes; undefined while something does. */
  readonly problem?: string;
  /** The page was hidden, and connects again. */
  readonly isResuming?: boolean;
  /** Why lainlet, which answers, sends no state. */
  readonly waiting?: string;
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
  base: string,
  onChange: (overview: Overview) => void,
): () => void {
  const client = new Client(base);
  let current: Overview = {};
  let silence: ReturnType<typeof setTimeout> | undefined;

  const update = (changes: Partial<Overview>) => {
    current = { ...current, ...changes };
    onChange(current);
  };
  const lose = (problem: string) => {
    update({ problem, isResuming: false });
  };
  const receive = ({ data }: Update<Data<"overview">>) => {
    clearTimeout(silence);
    silence = setTimeout(
      () => update({ problem: `nothing came for ${MAX_SILENCE / 1000} s` }),
      MAX_SILENCE,
    );
    update({
      isResuming: false,
      overview: data,
      problem: undefined,
      waiting: undefined,
      received: new Date(),
    });
  };
  const watch = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        const onStatus = ({ isOpen, problem = "" }: WatchStatus) => {
          if (!isOpen) lose(problem);
          else if (problem !== (current.waiting ?? "")) {
            update({ problem: undefined, waiting: problem || undefined });
          }
        };
        for await (
          const update of client.watch("overview", {}, { signal, onStatus })
        ) receive(update);
      } catch (error) {
        lose(errorMessage(error));
        if (!(error instanceof RefusedError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, REFUSED_RETRY));
      }
    }
  };
  return whileVisible((signal) => {
    onAbort(signal, () => {
      clearTimeout(silence);
      update({ isResuming: true, problem: undefined });
    });
    watch(signal);
  });
}

/** The overview for a component. */
export function useOverview(): Overview {
  const [overview, setOverview] = useState<Overview>({});
  useEffect(() => {
    const throttle = new Throttle(setOverview);
    const stop = watchOverview(base(), (overview) => throttle.push(overview));
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
    const client = new Client(base());
    const throttle = new Throttle(setState);
    let newest: ViewState<Data<N>> = {};
    const update = (next: ViewState<Data<N>>) => {
      newest = next;
      throttle.push(next);
    };
    const watch = async (signal: AbortSignal) => {
      try {
        const onStatus = ({ problem }: WatchStatus) =>
          update({ ...newest, problem });
        for await (
          const { data } of client.watch(name, params, { signal, onStatus })
        ) update({ data });
      } catch (error) {
        update({ ...newest, problem: errorMessage(error) });
      }
    };
    const stop = whileVisible(watch);
    return () => {
      stop();
      throttle.stop();
    };
  }, [name, JSON.stringify(params)]);
  return state;
}

/**
 * Runs something while the page is visible. A hidden page holds no connection:
 * browsers have six for a host.
 *
 * @param start its signal aborts when the page is hidden
 * @returns stops it
 */
function whileVisible(start: (signal: AbortSignal) => void): () => void {
  let visible = new AbortController();
  const check = () => {
    visible.abort();
    if (document.hidden) return;
    visible = new AbortController();
    start(visible.signal);
  };
  document.addEventListener("visibilitychange", check);
  check();
  return () => {
    document.removeEventListener("visibilitychange", check);
    visible.abort();
  };
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
