/**
 * A client of lainlet, for programs and browsers.
 *
 *     const lainlet = new Client("http://127.0.0.1:9001");
 *     const nodes = await lainlet.get("nodes", {});
 *     for await (const { data } of lainlet.watch("proxywatcher", { appname: "shop" })) {
 *       console.log(data["shop.web.web"]?.containers);
 *     }
 *
 * @module
 */
import { ChildController } from "../abort.ts";
import { backoff, sleep } from "../time.ts";
import type { Data, EndpointName, Params, ViewName } from "./declared.ts";
import {
  errorMessage,
  LimitError,
  oneLine,
  PeerError,
  RefusedError,
} from "./errors.ts";
import { parseBounded, SILENCE_TIMEOUT, STEADY_AFTER } from "./limits.ts";
import { applyMergePatch, reuseEqualParts } from "./patch.ts";
import {
  ClientRequest,
  events,
  eventsAfterGet,
  isRetryable,
  LargeInitError,
  type Progress,
} from "./request.ts";

export { errorMessage, LimitError, PeerError, RefusedError };
export type { Data, EndpointName, Params, Progress, ViewName };

/** A state that differs from the previous one. */
export interface Update<T> {
  /** `delete`: things were only removed. */
  readonly kind: "init" | "update" | "delete";
  readonly data: T;
  /** The previous state. Parts that are equal in both are the same objects. */
  readonly previous?: T;
  /** Whether the stream was interrupted, so that states may have been missed. */
  readonly isAfterGap: boolean;
  /** The entity tag of `data`, for {@linkcode WatchOptions.from}. */
  readonly etag?: string;
}

/** The status of a watch. */
export interface WatchStatus {
  /** Whether lainlet responds. */
  readonly isOpen: boolean;
  /** Why there is no state at present. */
  readonly problem?: string;
  /** How much of the first state has arrived; only with {@linkcode WatchOptions.compressed}. */
  readonly progress?: Progress;
}

/** A state of an earlier watch of the same view. */
export type KnownState<T> = Pick<Update<T>, "data" | "etag">;

/** Options of {@linkcode Client.watch}. */
export interface WatchOptions<T = never> {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /**
   * Get the first state with a GET, which is compressed, and follow it with a
   * stream. A stream is not compressed; of a large view this saves nine of ten
   * bytes, but a small one takes another request.
   */
  readonly compressed?: boolean;
  /** Continue from this state; the first update is then the first state that differs. */
  readonly from?: KnownState<T>;
  /** Called when the status may have changed. */
  readonly onStatus?: (status: WatchStatus) => void;
}

/** A stream that is refused ends within this time after its error, in ms. */
const ERROR_GRACE = 200;

/** After this time without an event, a new watch asks why, in ms. */
const FIRST_EVENT_TIMEOUT = 2_000;

/** A longer `init` is not read from a stream when the state can be had compressed, in bytes. */
const MAX_UNCOMPRESSED = 1024 * 1024;

/** The events that a watch reads; others are ignored. */
const EVENTS = ["init", "update", "delete", "patch", "error", "unchanged"];

/**
 * A client of one lainlet. It trusts lainlet to answer in the declared shape,
 * and nothing else: memory and time of a request are bounded by `limits.ts`,
 * and redirects are not followed.
 */
export class Client {
  /**
   * @param base lainlet's URL, `http://127.0.0.1:9001`; behind a proxy it may have a path, `https://node1/lainlet/`
   * @param parse parses JSON, for programs that need numbers more exact than those of `JSON.parse`
   * @param timeout how long lainlet may send nothing before a request fails, in ms; for an open stream, which has heartbeats, that is 25 s
   */
  constructor(
    private readonly base: string,
    private readonly parse: (text: string) => unknown = JSON.parse,
    private readonly timeout: number = SILENCE_TIMEOUT,
  ) {}

  /**
   * Gets the present state.
   *
   * @throws {RefusedError} when lainlet refuses the request
   * @throws {LimitError} when the response exceeds a limit
   * @throws {PeerError} when lainlet cannot be reached, or does not respond in time
   * @throws {TypeError} when the base is not an HTTP URL
   */
  async get<N extends EndpointName>(
    name: N,
    params: Params<N>,
    signal?: AbortSignal,
  ): Promise<Data<N>> {
    const text = await this.text(name, params, signal);
    return trusted(parseBounded(text, this.parse));
  }

  /** Gets an answer as text, which need not be JSON. @throws as {@linkcode get} */
  async text(
    name: string,
    params: Readonly<Record<string, string | undefined>>,
    signal?: AbortSignal,
  ): Promise<string> {
    const request = new ClientRequest(this.timeout, signal);
    try {
      await request.open(this.#url(name, params));
      return await request.text();
    } finally {
      request.close();
    }
  }

  /**
   * Yields the present state, and then each state that differs from the
   * previous one. It reconnects until it is ended, and asks for patches where
   * the view has them. Errors of `parse` and `onStatus` end it.
   *
   * @throws {RefusedError} when lainlet refuses the watch, also later
   * @throws {TypeError} when the base is not an HTTP URL
   */
  watch<N extends ViewName>(
    name: N,
    params: Params<N>,
    options?: WatchOptions<Data<N>>,
  ): AsyncGenerator<Update<Data<N>>, void> {
    return trusted(this.watchAny(name, params, options));
  }

  /** As {@linkcode watch}, for a name that is not known at compile time. */
  async *watchAny(
    name: string,
    params: Readonly<Record<string, string | undefined>>,
    options: WatchOptions<unknown> = {},
  ): AsyncGenerator<Update<unknown>, void> {
    const ending = new ChildController(options.signal);
    try {
      yield* this.#states(name, params, options, ending);
    } finally {
      ending.abort();
    }
  }

  /** @param ending aborts with the options' signal, or with an error that a timer's callback throws */
  async *#states(
    name: string,
    params: Readonly<Record<string, string | undefined>>,
    {
      compressed = false,
      from,
      onStatus,
      signal: end = new AbortController().signal,
    }: WatchOptions<unknown>,
    ending: AbortController,
  ): AsyncGenerator<Update<unknown>, void> {
    const { signal } = ending;
    const later = (ms: number, call: () => void | Promise<void>) =>
      setTimeout(async () => {
        try {
          await call();
        } catch (error) {
          ending.abort(error);
        }
      }, ms);
    let last = from;
    let isAfterGap = from !== undefined;
    let patch: "merge" | undefined = "merge";
    /** Whether the first state comes by a GET. */
    let isGet = compressed;
    /** Whether the last connection ended because of a large `init`. */
    let wasLarge = false;
    for (let failures = 0; !end.aborted; failures++) {
      /** Why there is no state at present. */
      let problem: string | undefined;
      const since = last?.etag;
      /** Whether patches can be applied: lainlet knows the state that they are based on. */
      let hasBase = since !== undefined;
      let isSilent = true;
      let timer = later(FIRST_EVENT_TIMEOUT, async () => {
        const reason = await this.#silenceReason(signal);
        if (isSilent && reason !== undefined) {
          onStatus?.({ isOpen: true, problem: reason });
        }
      });
      const start = performance.now();
      /** How long lainlet asks to wait before a retry, in ms. */
      let retryAfter = 0;
      try {
        const query = { ...params, watch: "1", patch, tag: "1" };
        const urlSince = (etag: string | undefined) =>
          this.#url(name, query) +
          // The view may have its own parameter `since`.
          (etag === undefined ? "" : `&since=${encodeURIComponent(etag)}`);
        const onProgress = (progress: Progress) => {
          isSilent = false;
          onStatus?.({ isOpen: true, progress });
        };
        const maxInit = compressed && !wasLarge ? MAX_UNCOMPRESSED : Infinity;
        const { timeout } = this;
        const received = isGet && since === undefined
          ? eventsAfterGet(
            this.#url(name, params),
            urlSince,
            onProgress,
            timeout,
            signal,
          )
          : events(urlSince(since), timeout, signal, maxInit);
        for await (const { event, data: text, etag } of received) {
          if (!EVENTS.includes(event)) continue;
          isSilent = false;
          clearTimeout(timer);
          if (event === "unchanged") {
            onStatus?.({ isOpen: true });
            continue;
          }
          if (event === "error") {
            problem = oneLine(text);
            // A stream that ends now was refused, which is no status.
            timer = later(
              ERROR_GRACE,
              () => onStatus?.({ isOpen: true, problem }),
            );
            continue;
          }
          if (event !== "patch") hasBase = true;
          else if (!hasBase) {
            throw new PeerError("a patch without a state to apply it to");
          }
          problem = undefined;
          wasLarge = false;
          const value = parseBounded(text, this.parse);
          onStatus?.({ isOpen: true });
          const data = event === "patch"
            ? applyMergePatch(last?.data, value)
            : reuseEqualParts(last?.data, value);
          const previous = last;
          last = { data, etag };
          if (previous !== undefined && data === previous.data) continue;
          yield {
            kind: kindOf(event, previous),
            data,
            previous: previous?.data,
            isAfterGap,
            etag,
          };
          isAfterGap = false;
        }
        if (end.aborted) return;
        clearTimeout(timer);
        // Either the stream was refused, or lainlet restarts: a GET fails with the refusal.
        if (problem !== undefined) await this.text(name, params, signal);
        onStatus?.({ isOpen: false, problem: "lainlet ended the stream" });
      } catch (error) {
        if (error instanceof LargeInitError) {
          isGet = wasLarge = true;
          last = last && { data: last.data };
          continue;
        }
        const isRefused = error instanceof RefusedError;
        const isPeerFault = isRefused || error instanceof PeerError;
        if (end.aborted && (isPeerFault || error === end.reason)) return;
        if (!isPeerFault) throw error;
        const isRefusal = isRefused && !isRetryable(error.status);
        // Views whose answer is a list refuse patches.
        if (isRefusal && error.status === 400 && patch !== undefined) {
          patch = undefined;
          continue;
        }
        if (isRefusal) throw error;
        // There is no state yet: a stream waits for one.
        if (isRefused && isGet) {
          isGet = false;
          continue;
        }
        if (isRefused) retryAfter = error.retryAfter ?? 0;
        onStatus?.(
          error instanceof LimitError
            ? {
              isOpen: true,
              problem: `the response cannot be read: ${error.message}`,
            }
            : { isOpen: false, problem: error.message },
        );
      } finally {
        isSilent = false;
        clearTimeout(timer);
      }
      // A stream that ends soon after each connection counts as failing.
      if (performance.now() - start > STEADY_AFTER) failures = 0;
      isAfterGap = last !== undefined;
      await sleep(retryAfter + backoff(failures), signal);
    }
  }

  /** Asks why a watch has no state yet; undefined when lainlet cannot be reached, which the watch reports. */
  async #silenceReason(signal: AbortSignal): Promise<string | undefined> {
    try {
      await this.text("/readyz", {}, signal);
      return "waiting for the first state";
    } catch (error) {
      if (error instanceof RefusedError) {
        return `no state yet: ${error.message}`;
      }
      if (error instanceof PeerError) return undefined;
      throw error;
    }
  }

  #url(
    name: string,
    params: Readonly<Record<string, string | undefined>>,
  ): string {
    const url = new URL(this.base);
    if (!/^https?:$/.test(url.protocol)) {
      throw new TypeError(`"${this.base}" is not an HTTP URL`);
    }
    const path = name.startsWith("/") ? name : `/v2/${name}`;
    url.pathname = url.pathname.replace(/\/+$/, "") + path;
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(params)) {
      if (value !== undefined) query.set(key, value);
    }
    url.search = query.toString();
    url.hash = "";
    return url.href;
  }
}

/** Lainlet answers in the declared shape, as its tests check. */
function trusted<T>(answer: unknown): T {
  return answer as T;
}

function kindOf(event: string, previous: unknown): Update<never>["kind"] {
  if (previous === undefined) return "init";
  return event === "delete" ? "delete" : "update";
}
