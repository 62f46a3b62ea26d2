import { State } from "../broadcast/state.ts";
import { Unavailable } from "../errors.ts";
import {
  isFresh,
  READ_PARAMS,
  revisionParam,
  STREAM_PARAMS,
} from "../view/params.ts";
import type { HttpRequest, HttpResponse } from "../view/custom_endpoint.ts";
import type { View } from "../view/view.ts";
import type { ViewRequest, Views } from "../view/views.ts";
import type { ListenerRequest } from "../stats/counters.ts";
import type { Cluster } from "../watcher/cluster.ts";
import { waitForRevision } from "../watcher/progress.ts";
import { isNotModified, stateResponse, withHeaders } from "./response.ts";
import type { Limits } from "./limits.ts";
import { Waits } from "./waits.ts";
import { onAbort } from "../abort.ts";
import type { Subscriber, Topic } from "../broadcast/topic.ts";
import type { ViewStream } from "../view/listener.ts";

/** When a client that got no place may come back, in seconds. */
const RETRY_AFTER = 10;

/** How long an answer may wait for a revision, or a proof, in ms. */
const READ_TIMEOUT = 5_000;

/** A request that is being answered. */
export interface RequestContext {
  readonly ask: HttpRequest;
  readonly params: URLSearchParams;
  /** Aborts when who asked has gone. */
  readonly signal?: AbortSignal;
  /** When the work for it began: waiting is none. As `performance.now()`. */
  readonly work: { begin: number };
}

/** A request for a view by HTTP. */
type ViewDemand = ViewRequest & { readonly view: View };

/** That there is no place for one more listener. */
export function tooManyListeners(why: string): Unavailable {
  return new Unavailable(why, RETRY_AFTER);
}

/** Whoever listens to a view by HTTP. */
export function listenerRequest(
  { view, params, peer }: ViewDemand,
): ListenerRequest {
  return {
    peer,
    endpoint: view.paths[0],
    protocol: "http",
    params,
    names: [...Object.keys(view.params), ...STREAM_PARAMS, ...READ_PARAMS],
  };
}

/** Answers that are states of views: of now, or when there is what is waited for. */
export class GetHandler {
  readonly #waits = new Waits();

  constructor(
    private readonly state: {
      readonly cluster: Cluster;
      readonly limits: Limits;
      readonly views: Views;
    },
  ) {}

  /** Ends all waits. */
  close(): void {
    this.#waits.close();
  }

  async get(view: View, request: RequestContext): Promise<HttpResponse> {
    const { ask, params, work } = request;
    const demand = { view, params, peer: ask.peer };
    const [isFirst, revision] = [isFresh(params), revisionParam(params)];
    if (isFirst || revision > 0) {
      await this.#waitUntilCurrent(demand, request, isFirst, revision);
      work.begin = performance.now();
    }
    const seconds = ask.ifNoneMatch === null
      ? undefined
      : preferredWait(ask.prefer);
    if (seconds === undefined) return this.#respond(demand, ask);
    if (isNotModified(ask, this.state.views.read(demand))) {
      const has = (state: State) => isNotModified(ask, state);
      await this.#waitInSlot(
        demand,
        request,
        seconds * 1000,
        (signal) => untilChanged(this.state.views, demand, has, signal),
      );
      work.begin = performance.now();
    }
    const answer = await this.#respond(demand, ask);
    return withHeaders(answer, {
      "Preference-Applied": `wait=${seconds}`,
      "Vary": "Accept-Encoding, Prefer",
    });
  }

  /** The present state, and which revision it rests on. */
  async #respond(demand: ViewRequest, ask: HttpRequest): Promise<HttpResponse> {
    const state = this.state.views.read(demand);
    const revision = demand.view.watcher(this.state.cluster).progress?.revision;
    const answer = await stateResponse(ask, state);
    // 0 and none: it is not known.
    if (!revision) return answer;
    return withHeaders(answer, { "Lainlet-Revision": String(revision) });
  }

  /**
   * Waits until a view has a revision, and for a proof of what it is then.
   *
   * @throws {Refusal} when the caller may not read it
   * @throws {Unavailable} when that takes too long
   */
  async #waitUntilCurrent(
    demand: ViewDemand,
    request: RequestContext,
    isProven: boolean,
    revision: number,
  ): Promise<void> {
    this.state.views.check(demand);
    const { progress } = demand.view.watcher(this.state.cluster);
    if (progress === undefined) return;
    if (!isProven && progress.revision >= revision) return;
    await this.#waitInSlot(demand, request, READ_TIMEOUT, async (signal) => {
      try {
        if (isProven) await progress.confirmed(signal);
        await waitForRevision(progress, revision, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        // Whose right has gone meanwhile need not come again.
        this.state.views.check(demand);
        throw new Unavailable(
          progress.revision < revision
            ? `revision ${revision} is not here yet`
            : "the store does not say whether the state is current",
        );
      }
    });
  }

  /**
   * Waits for something, in a listener's place.
   *
   * @param most in ms
   * @param until what is waited for, as long as the signal lets it
   * @throws {Unavailable} when there is no place
   */
  async #waitInSlot(
    demand: ViewDemand,
    { signal: gone }: RequestContext,
    most: number,
    until: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const place = this.state.limits.acquire(listenerRequest(demand));
    if (typeof place === "string") throw tooManyListeners(place);
    using wait = this.#waits.begin(most, gone);
    try {
      await until(wait.signal);
    } finally {
      place.release();
    }
  }
}

/** As long as a request may wait, in seconds: what is between may think it dead. */
const MAX_WAIT = 300;

/** One preference: what is between commas that are in no string. */
const PREFERENCE = /(?:[^,"]|"[^"]*(?:"|$))+/g;
const WAIT = /^\s*wait\s*(?:=|;|$)/i;
const SECONDS = /^\s*wait\s*=\s*("?)(\d+)\1\s*(?:;|$)/i;

/**
 * How long a request would wait for another state than the one it names.
 *
 * @param prefer the header
 * @returns seconds; undefined: it does not say, or nothing that can be
 * @see https://www.rfc-editor.org/rfc/rfc7240#section-4.3
 */
export function preferredWait(prefer: string | null): number | undefined {
  // Of several the first counts.
  const wait = prefer?.match(PREFERENCE)?.find((one) => WAIT.test(one));
  const [, , text] = SECONDS.exec(wait ?? "") ?? [];
  return text === undefined ? undefined : Math.min(Number(text), MAX_WAIT);
}

/**
 * Waits until a view has a state that is not known, or until there is nothing
 * to be had any more, or until the signal aborts.
 */
export async function untilChanged(
  views: Views,
  demand: ViewRequest,
  isKnown: (state: State) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const poll = new LongPoll(isKnown);
  const stop = views.subscribe(demand, poll);
  const remove = onAbort(signal, poll.end);
  try {
    await poll.ended;
  } finally {
    remove();
    poll.leave();
    stop();
  }
}

class LongPoll implements ViewStream, Subscriber {
  readonly #over = Promise.withResolvers<void>();
  #topic?: Topic;

  readonly ended = this.#over.promise;
  readonly end = () => this.#over.resolve();

  constructor(private readonly isKnown: (state: State) => boolean) {}

  /** The state that is there is known; of who listens, it holds this poll, too. */
  attach(topic: Topic): void {
    this.#topic = topic;
    topic.subscribe(this);
  }

  wake(): void {
    const latest = this.#topic?.latest;
    if (latest instanceof State && !this.isKnown(latest)) this.end();
  }

  /** Whoever asks again is told why. */
  fail(): void {
    this.end();
  }

  leave(): void {
    this.#topic?.unsubscribe(this);
  }
}
