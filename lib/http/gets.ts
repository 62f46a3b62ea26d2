import { ChildController, onAbort } from "../abort.ts";
import { State } from "../broadcast/state.ts";
import type { Subscriber, Topic } from "../broadcast/topic.ts";
import { Unavailable } from "../errors.ts";
import type { ListenerRequest } from "../stats/counters.ts";
import type { HttpRequest, HttpResponse } from "../view/custom_endpoint.ts";
import {
  isFresh,
  READ_PARAMS,
  revisionParam,
  STREAM_PARAMS,
} from "../view/params.ts";
import type { View } from "../view/view.ts";
import type { ViewStream } from "../view/views.ts";
import type { ViewRequest, Views } from "../view/views.ts";
import type { Cluster } from "../watcher/cluster.ts";
import { waitForRevision } from "../watcher/progress.ts";
import type { Limits } from "./limits.ts";
import { isNotModified, stateResponse, withHeaders } from "./response.ts";

/** When a client that exceeded a limit may retry, in seconds. */
const RETRY_AFTER = 10;

/** How long a GET may wait for a revision, or for a freshness check, in ms. */
const READ_TIMEOUT = 5_000;

/** A request that is being handled. */
export interface RequestContext {
  readonly request: HttpRequest;
  /** Path of the URL, without a trailing slash. */
  readonly path: string;
  readonly params: URLSearchParams;
  /** Aborts when the client has left. */
  readonly signal?: AbortSignal;
  /** When the work began, as `performance.now()`; reset after a wait, which does not count as work. */
  readonly work: { begin: number };
}

/** A request for a view over HTTP. */
type HttpViewRequest = ViewRequest & { readonly view: View };

/** Matches a URL with a parameter that lets its GET wait. */
const READ_PARAM = new RegExp(`[?&](?:${READ_PARAMS.join("|")})=`);

/** Whether a request may wait, so that it has to notice when its client leaves. */
export function mayWait(
  { url, prefer }: Pick<HttpRequest, "url" | "prefer">,
): boolean {
  return prefer !== null || READ_PARAM.test(url);
}

/** Returns the error for a listener that a limit rejects. */
export function tooManyListeners(message: string): Unavailable {
  return new Unavailable(message, RETRY_AFTER);
}

/** Describes the listener to a view over HTTP. */
export function listenerRequest(
  { view, params, peer }: HttpViewRequest,
): ListenerRequest {
  return {
    peer,
    endpoint: view.paths[0],
    protocol: "http",
    params,
    names: [...Object.keys(view.params), ...STREAM_PARAMS, ...READ_PARAMS],
  };
}

/**
 * Answers GETs of views: at once, or as soon as the state has a revision
 * (`revision`), is confirmed (`fresh`), or differs from `If-None-Match`
 * (`Prefer: wait`).
 */
export class GetHandler {
  readonly #closing = new AbortController();

  constructor(
    private readonly context: {
      readonly cluster: Cluster;
      readonly limits: Limits;
      readonly views: Views;
    },
  ) {}

  /** Ends all waits, and those to come. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Returns the response to a GET.
   *
   * @throws {Refusal} if the request is malformed, or the caller may not read the view
   * @throws {Unavailable} if there is no state, or a wait timed out or exceeds a limit
   */
  async get(view: View, context: RequestContext): Promise<HttpResponse> {
    const { request, path, params } = context;
    const viewRequest = { view, path, params, peer: request.peer };
    const [mustConfirm, revision] = [isFresh(params), revisionParam(params)];
    if (mustConfirm || revision > 0) {
      await this.#waitUntilCurrent(viewRequest, context, mustConfirm, revision);
    }
    const seconds = request.ifNoneMatch === null
      ? undefined
      : preferredWait(request.prefer);
    if (seconds === undefined) return this.#respond(viewRequest, request);
    const { views } = this.context;
    if (isNotModified(request, views.read(viewRequest))) {
      const clientHas = (state: State) => isNotModified(request, state);
      await this.#waitAsListener(
        viewRequest,
        context,
        seconds * 1000,
        (signal) => untilChanged(views, viewRequest, clientHas, signal),
      );
    }
    const response = await this.#respond(viewRequest, request);
    return withHeaders(response, {
      "Preference-Applied": `wait=${seconds}`,
      "Vary": "Accept-Encoding, Prefer",
    });
  }

  /** Returns the current state, with the revision that it reflects. */
  async #respond(
    viewRequest: ViewRequest,
    request: HttpRequest,
  ): Promise<HttpResponse> {
    const { cluster, views } = this.context;
    const state = views.read(viewRequest);
    const revision = viewRequest.view.watcher(cluster).progress?.revision;
    const response = await stateResponse(request, state);
    // Undefined or 0: the revision is unknown.
    if (!revision) return response;
    return withHeaders(response, { "Lainlet-Revision": String(revision) });
  }

  /**
   * Waits until the state of a view is confirmed, and has a revision.
   *
   * @throws {Refusal} if the caller may not read it
   * @throws {Unavailable} if that takes too long
   */
  async #waitUntilCurrent(
    viewRequest: HttpViewRequest,
    context: RequestContext,
    mustConfirm: boolean,
    revision: number,
  ): Promise<void> {
    const { cluster, views } = this.context;
    views.check(viewRequest);
    const { progress } = viewRequest.view.watcher(cluster);
    if (progress === undefined) return;
    if (!mustConfirm && progress.revision >= revision) return;
    const wait = async (signal: AbortSignal) => {
      try {
        if (mustConfirm) await progress.confirmed(signal);
        await waitForRevision(progress, revision, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        // A caller that has lost its right meanwhile is refused, and need not retry.
        views.check(viewRequest);
        throw new Unavailable(
          progress.revision < revision
            ? `revision ${revision} is not reached yet`
            : "the store has not confirmed the state in time",
        );
      }
    };
    await this.#waitAsListener(viewRequest, context, READ_TIMEOUT, wait);
  }

  /**
   * Waits, counted as a listener, and not as work, however it ends.
   *
   * @param timeout in ms
   * @param wait gets a signal that aborts after the timeout, or when the client leaves or lainlet stops
   * @throws {Unavailable} if there are too many listeners
   */
  async #waitAsListener(
    viewRequest: HttpViewRequest,
    { signal, work }: RequestContext,
    timeout: number,
    wait: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const slot = this.context.limits.acquire(listenerRequest(viewRequest));
    if (typeof slot === "string") throw tooManyListeners(slot);
    const deadline = new ChildController(this.#closing.signal, signal);
    const timer = setTimeout(() => deadline.abort(), timeout);
    try {
      await wait(deadline.signal);
    } finally {
      clearTimeout(timer);
      deadline.abort();
      slot.release();
      work.begin = performance.now();
    }
  }
}

/** Maximum wait for another state, in seconds: proxies may close a connection that is silent for longer. */
const MAX_WAIT = 300;

/** Matches one preference of the header: commas in quotes do not separate. */
const PREFERENCE = /(?:[^,"]|"[^"]*(?:"|$))+/g;
const WAIT = /^\s*wait\s*(?:=|;|$)/i;
const SECONDS = /^\s*wait\s*=\s*("?)(\d+)\1\s*(?:;|$)/i;

/**
 * Returns the `wait` preference in seconds, at most {@linkcode MAX_WAIT};
 * undefined if there is none, or it is malformed.
 *
 * @param prefer the `Prefer` header
 * @see https://www.rfc-editor.org/rfc/rfc7240#section-4.3
 */
export function preferredWait(prefer: string | null): number | undefined {
  // The first of several counts.
  const wait = prefer?.match(PREFERENCE)?.find((one) => WAIT.test(one));
  const [, , text] = SECONDS.exec(wait ?? "") ?? [];
  return text === undefined ? undefined : Math.min(Number(text), MAX_WAIT);
}

/** Waits until a view has a state that the client does not have, the caller loses its right, or the signal aborts. */
async function untilChanged(
  views: Views,
  request: ViewRequest,
  clientHas: (state: State) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const poll = new LongPoll(clientHas);
  const stop = views.subscribe(request, poll);
  const remove = onAbort(signal, poll.end);
  try {
    await poll.ended;
  } finally {
    remove();
    poll.close();
    stop();
  }
}

/** A listener that waits for one state. */
class LongPoll implements ViewStream, Subscriber {
  readonly #ended = Promise.withResolvers<void>();
  #topic?: Topic;

  readonly ended = this.#ended.promise;
  readonly end = () => this.#ended.resolve();

  constructor(private readonly clientHas: (state: State) => boolean) {}

  /**
   * Ignores the current state, because the client has it; a view that lists
   * listeners differs, but only by this one. A second topic has the states of
   * another view, which ends the wait.
   */
  attach(topic: Topic): void {
    if (this.#topic !== undefined) return this.end();
    this.#topic = topic;
    topic.subscribe(this);
  }

  wake(): void {
    const latest = this.#topic?.latest;
    if (latest instanceof State && !this.clientHas(latest)) this.end();
  }

  /** Ends the wait; reading the view then throws the reason. */
  fail(): void {
    this.end();
  }

  close(): void {
    this.#topic?.unsubscribe(this);
  }
}
