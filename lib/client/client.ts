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
import { errorMessage, LimitError, PeerError, RefusedError } from "./errors.ts";
import { events } from "./events.ts";
import { ClientRequest } from "./request.ts";
import { parseBounded } from "./json.ts";
import { oneLine, STEADY } from "./limits.ts";
import { applyMergePatch, reuseEqualParts } from "./patch.ts";
import { isRetryable } from "./retry.ts";

export { errorMessage, LimitError, PeerError, RefusedError };
export type { Data, EndpointName, Params, ViewName };

/** A state that differs from the one before. */
export interface Update<T> {
  /** `delete`: something was only removed. */
  readonly kind: "init" | "update" | "delete";
  readonly data: T;
  /** The state before; what is equal in both is the same object. */
  readonly previous?: T;
  /** The stream was interrupted: there may have been states between the two. */
  readonly isAfterGap: boolean;
}

/** How a watch is doing: lainlet answers, perhaps without a state for the reason given, or the connection is lost. */
export interface WatchStatus {
  readonly isOpen: boolean;
  readonly problem?: string;
}

/** How to watch. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  readonly onStatus?: (status: WatchStatus) => void;
}

/** How soon a stream that is refused ends after its error, in ms. */
const ERROR_GRACE = 200;

/** How long a watch may have nothing to say at its beginning, in ms. */
const PATIENCE = 2_000;

/** Events that carry a state, or what makes one of the last, or say why there is none, or no other. */
const EVENTS = ["init", "update", "delete", "patch", "error", "unchanged"];

/**
 * Asks one lainlet. It trusts in no more than that what lainlet answers is of
 * the declared shape: whoever is at the other end, it takes no more memory
 * and time than `limits.ts` says, and follows no redirect.
 */
export class Client {
  /**
   * @param base where it is, `http://127.0.0.1:9001`; behind a proxy perhaps with a path, `https://node1/lainlet/`
   * @param parse for those to whom the numbers of `JSON.parse` are not exact enough
   */
  constructor(
    private readonly base: string,
    private readonly parse: (text: string) => unknown = JSON.parse,
  ) {}

  /**
   * The present state.
   *
   * @throws {RefusedError} when lainlet does not answer that
   * @throws {LimitError} when the answer is more than `limits.ts` allows
   * @throws {PeerError} when it cannot be reached, does not keep up, or is not lainlet
   * @throws {TypeError} when the base is no URL of HTTP
   */
  async get<N extends EndpointName>(
    name: N,
    params: Params<N>,
    signal?: AbortSignal,
  ): Promise<Data<N>> {
    const text = await this.text(name, params, signal);
    return trusted(parseBounded(text, this.parse));
  }

  /** {@linkcode get} as it came, which need not be JSON then. */
  async text(
    name: string,
    params: Readonly<Record<string, string | undefined>>,
    signal?: AbortSignal,
  ): Promise<string> {
    const exchange = new ClientRequest(signal);
    try {
      await exchange.open(this.#url(name, params));
      return await exchange.text();
    } finally {
      exchange.close();
    }
  }

  /**
   * All states from now on, none like the one before it. It reconnects by
   * itself, for as long as that takes, and asks for patches where there are.
   * What is not the other end's fault ends it: what `parse` and `onStatus`
   * throw, above all.
   *
   * @throws {RefusedError} when lainlet does not, or no longer, answer that
   * @throws {TypeError} when the base is no URL of HTTP
   */
  watch<N extends ViewName>(
    name: N,
    params: Params<N>,
    options?: WatchOptions,
  ): AsyncGenerator<Update<Data<N>>, void> {
    return trusted(this.watchAny(name, params, options));
  }

  /** {@linkcode watch} of a name that is only known when the program runs. */
  async *watchAny(
    name: string,
    params: Readonly<Record<string, string | undefined>>,
    options: WatchOptions = {},
  ): AsyncGenerator<Update<unknown>, void> {
    const over = new ChildController(options.signal);
    try {
      yield* this.#states(name, params, options, over);
    } finally {
      over.abort();
    }
  }

  /** @param over aborts with the options' signal; aborted, too, with an error of what is said by a timer, of which nobody else would hear */
  async *#states(
    name: string,
    params: Readonly<Record<string, string | undefined>>,
    { signal: end = new AbortController().signal, onStatus }: WatchOptions,
    over: AbortController,
  ): AsyncGenerator<Update<unknown>, void> {
    const { signal } = over;
    const later = (ms: number, say: () => void | Promise<void>) =>
      setTimeout(async () => {
        try {
          await say();
        } catch (error) {
          over.abort(error);
        }
      }, ms);
    let last: { readonly data: unknown; readonly etag?: string } | undefined;
    let isAfterGap = false;
    let patch: "merge" | undefined = "merge";
    for (let failures = 0; !end.aborted; failures++) {
      /** Why there is no state at the moment. */
      let problem: string | undefined;
      const since = last?.etag;
      /** Whether lainlet knows what there is to patch. */
      let isWhole = since !== undefined;
      let isSilent = true;
      let timer = later(PATIENCE, async () => {
        const why = await this.#whySilent(signal);
        if (isSilent && why !== undefined) {
          onStatus?.({ isOpen: true, problem: why });
        }
      });
      const begin = performance.now();
      /** How long lainlet asks to wait, in ms. */
      let retryAfter = 0;
      try {
        const asked = { ...params, watch: "1", patch, tag: "1" };
        const url = this.#url(name, asked) +
          // A view may have a parameter of this name, too.
          (since === undefined ? "" : `&since=${encodeURIComponent(since)}`);
        for await (const { event, data: text, etag } of events(url, signal)) {
          if (!EVENTS.includes(event)) continue;
          isSilent = false;
          clearTimeout(timer);
          if (event === "unchanged") {
            onStatus?.({ isOpen: true });
            continue;
          }
          if (event === "error") {
            problem = oneLine(text);
            // Of a stream that ends with this, it is no status.
            timer = later(
              ERROR_GRACE,
              () => onStatus?.({ isOpen: true, problem }),
            );
            continue;
          }
          if (event !== "patch") isWhole = true;
          else if (!isWhole) throw new PeerError("there is no state to patch");
          problem = undefined;
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
          };
          isAfterGap = false;
        }
        if (end.aborted) return;
        clearTimeout(timer);
        // A refusal ends a stream after an error, but so may a restart: this tells.
        if (problem !== undefined) await this.text(name, params, signal);
        onStatus?.({ isOpen: false, problem: "lainlet ended the stream" });
      } catch (error) {
        const isRefused = error instanceof RefusedError;
        const isTheirs = isRefused || error instanceof PeerError;
        if (end.aborted && (isTheirs || error === end.reason)) return;
        if (!isTheirs) throw error;
        const isRefusal = isRefused && !isRetryable(error.status);
        // Not every answer can be patched, and only the server knows which.
        if (isRefusal && error.status === 400 && patch !== undefined) {
          patch = undefined;
          continue;
        }
        if (isRefusal) throw error;
        if (isRefused) retryAfter = error.retryAfter ?? 0;
        onStatus?.(
          error instanceof LimitError
            ? {
              isOpen: true,
              problem: `the answer cannot be read: ${error.message}`,
            }
            : { isOpen: false, problem: error.message },
        );
      } finally {
        isSilent = false;
        clearTimeout(timer);
      }
      // One that says something and ends, again and again, does not go well.
      if (performance.now() - begin > STEADY) failures = 0;
      isAfterGap = last !== undefined;
      await sleep(retryAfter + backoff(failures), signal);
    }
  }

  /** Why a watch has nothing to say: lainlet may have read nothing yet. */
  async #whySilent(signal: AbortSignal): Promise<string | undefined> {
    try {
      await this.text("/readyz", {}, signal);
      return "no state yet";
    } catch (error) {
      if (error instanceof RefusedError) {
        return `no state yet: ${error.message}`;
      }
      // When it cannot be reached, the watch says so.
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
      throw new TypeError(`"${this.base}" is no URL of HTTP`);
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

/** What lainlet answers is as its endpoints declare it: its tests see to that. */
function trusted<T>(answer: unknown): T {
  return answer as T;
}

function kindOf(event: string, previous: unknown): Update<never>["kind"] {
  if (previous === undefined) return "init";
  return event === "delete" ? "delete" : "update";
}
