import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import type { Right, Rights } from "../access/rights.ts";
import type { State } from "../broadcast/state.ts";
import type { Topic } from "../broadcast/topic.ts";
import { Topics } from "../broadcast/topics.ts";
import {
  forbidden,
  gone,
  NO_PERMISSION,
  NOT_READ_YET,
  Refusal,
  SUPER_REQUIRED,
  Unavailable,
} from "../errors.ts";
import { errorTrace } from "../log.ts";
import type { Query, Selection } from "./endpoint.ts";
import { type BarrierView, SharedBarriers } from "./shared_barriers.ts";
import type { View, ViewContext, ViewDefinition } from "./view.ts";

const log = getLogger(["lainlet", "views"]);

/** A request for a view. */
export interface ViewRequest {
  readonly view: ViewDefinition & Partial<Pick<View, "file">>;
  /** Path at which it was requested, where a view of an API file may be replaced; undefined: the view stays. */
  readonly path?: string;
  readonly params: URLSearchParams;
  /** The caller's address. */
  readonly peer: string;
  /** The entity tag of the state that the client has. */
  readonly since?: string;
}

/** A stream that carries the states of one or several views. */
export interface ViewStream {
  /**
   * Carries a topic's states from now on, in place of those of the topic before.
   *
   * @param resumeState the state that the client has, if it is known
   * @param index the index of the view, of several
   */
  attach(topic: Topic, resumeState?: State, index?: number): void;
  /**
   * Ends the stream with an error.
   *
   * @param status an HTTP status
   * @param index the index of the view that failed, of several; undefined: all
   */
  fail(message: string, status: number, index?: number): void;
}

/** Reads and watches views for callers who have the right to them. */
export class Views {
  readonly #topics = new Topics();
  readonly #barriers = new SharedBarriers(this.#topics);
  /** Streams that wait until the store was read. */
  readonly #waiting = new Set<WaitingStream>();
  /** Streams with a view of an API file. */
  readonly #replaceable = new Set<ReplaceableStream>();

  /** @param viewAt the view that is served at a path now, for views of API files */
  constructor(
    private readonly context: ViewContext,
    private readonly rights: Rights,
    private readonly viewAt: (path: string) => View | undefined,
  ) {
    for (const { synced } of Object.values(context.cluster)) {
      synced.then(() => this.#startReady());
    }
  }

  /** How many topics are watched. */
  get topics(): number {
    return this.#topics.size;
  }

  /** A request as endpoints see it. */
  query(params: URLSearchParams, peer: string): Query {
    const { host } = this.context;
    return { params, caller: this.rights.caller(peer), host };
  }

  /**
   * The present state of a view.
   *
   * @throws {Refusal} when the request is malformed, or the caller may not make it
   * @throws {Unavailable} when there is no state at present
   */
  read(request: ViewRequest): State {
    if (!this.#isReady(request)) throw new Unavailable(NOT_READ_YET);
    const { view, selection } = this.#select(request);
    const state = this.#topics.latest(view.source(this.context, selection));
    if (state instanceof Unavailable) throw state;
    return state;
  }

  /**
   * Checks whether the caller may read a view now.
   *
   * @throws as {@linkcode read}, but not for a state that is unavailable
   */
  check(request: ViewRequest): void {
    if (!this.#isReady(request)) throw new Unavailable(NOT_READ_YET);
    this.#select(request);
  }

  /**
   * Attaches a stream to a view as soon as the view can be read. The stream
   * fails when its caller loses the right to the view.
   *
   * @returns ends the subscription; to be called once
   */
  subscribe(request: ViewRequest, stream: ViewStream): () => void {
    const cleanup = new Cleanup();
    const open = () =>
      this.#whenReady(
        [request],
        () => this.#attach(request, stream, cleanup),
        cleanup,
      );
    open();
    return this.#ends([request], open, cleanup);
  }

  /**
   * Attaches a stream to several views, whose states are then always of one
   * revision. Each view fails by itself when the caller loses the right to it.
   *
   * @returns ends the subscription; to be called once
   */
  subscribeTogether(
    requests: readonly ViewRequest[],
    stream: ViewStream,
  ): () => void {
    const cleanup = new Cleanup();
    const open = () =>
      this.#whenReady(
        requests,
        () => this.#attachTogether(requests, stream, cleanup),
        cleanup,
      );
    open();
    return this.#ends(requests, open, cleanup);
  }

  /**
   * To be called when other views are served in place of views of API files:
   * the streams of these go on with those, or end with an error.
   */
  reopen(): void {
    for (const stream of [...this.#replaceable]) {
      const current = this.#currentOfAll(stream.requests);
      if (current.every((view, i) => view === stream.current[i])) continue;
      stream.current = current;
      stream.cleanup.run();
      stream.open();
    }
  }

  /** The view that is served in place of a requested one; undefined: none is. */
  #currentOf({ view, path }: ViewRequest): ViewDefinition | undefined {
    const mayChange = view.file !== undefined && path !== undefined;
    return mayChange ? this.viewAt(path) : view;
  }

  #currentOfAll(
    requests: readonly ViewRequest[],
  ): (ViewDefinition | undefined)[] {
    return requests.map((request) => this.#currentOf(request));
  }

  /**
   * Selects the data of a request, by the view that is served now.
   *
   * @throws {Refusal} when the request is malformed, or the caller may not make it
   */
  #select(
    request: ViewRequest,
  ): { view: ViewDefinition; selection: Selection } {
    const { params, peer } = request;
    const view = this.#currentOf(request);
    if (view === undefined) throw gone();
    return { view, selection: view.select(this.query(params, peer)) };
  }

  /** Returns a function that ends a subscription. @param open opens it again, with the views that are served then */
  #ends(
    requests: readonly ViewRequest[],
    open: () => void,
    cleanup: Cleanup,
  ): () => void {
    if (requests.every(({ view }) => view.file === undefined)) {
      return runner(cleanup);
    }
    const current = this.#currentOfAll(requests);
    const stream = { requests, current, open, cleanup };
    this.#replaceable.add(stream);
    return () => {
      this.#replaceable.delete(stream);
      cleanup.run();
    };
  }

  #attachTogether(
    requests: readonly ViewRequest[],
    stream: ViewStream,
    cleanup: Cleanup,
  ): void {
    const views: (BarrierView & { readonly index: number })[] = [];
    requests.forEach((request, index) => {
      const { params, peer } = request;
      const fail = (message: string, status: number) =>
        stream.fail(message, status, index);
      try {
        const { view, selection } = this.#select(request);
        cleanup.add(this.#watchRight(peer, selection.right, fail));
        const source = view.source(this.context, selection);
        const { progress } = view.watcher(this.context.cluster);
        views.push({ index, source, progress });
      } catch (error) {
        failWith(error, params, fail);
      }
    });
    if (views.length === 0) return;
    const since = views.map(({ index }) => requests[index]?.since);
    cleanup.add(
      this.#barriers.join(views, since, (barrier) => {
        views.forEach(({ index }, i) => {
          const topic = barrier.topics[i];
          if (topic === undefined) return;
          const etag = since[i];
          const resumeState = etag === undefined
            ? undefined
            : barrier.find(etag, i);
          stream.attach(topic, resumeState, index);
        });
      }),
    );
  }

  #attach(request: ViewRequest, stream: ViewStream, cleanup: Cleanup): void {
    const { params, peer, since } = request;
    const fail = (message: string, status: number) =>
      stream.fail(message, status);
    try {
      const { view, selection } = this.#select(request);
      cleanup.add(this.#watchRight(peer, selection.right, fail));
      const source = view.source(this.context, selection);
      const { topic, release } = this.#topics.acquire(source);
      cleanup.add(release);
      const resumeState = since === undefined ? undefined : topic.find(since);
      stream.attach(topic, resumeState);
    } catch (error) {
      failWith(error, params, fail);
    }
  }

  /** Calls `fail` when a caller loses a right. @returns ends that */
  #watchRight(peer: string, right: Right, fail: Fail): () => void {
    return this.rights.subscribe(peer, () => {
      if (this.rights.caller(peer).may(right)) return;
      const { message, status } = forbidden(
        right.kind === "super" ? SUPER_REQUIRED : NO_PERMISSION,
      );
      fail(message, status);
    });
  }

  #isReady(request: ViewRequest): boolean {
    const current = this.#currentOf(request);
    // Nothing is needed to say that it was removed.
    if (current === undefined) return true;
    return current.watcher(this.context.cluster).isSynced &&
      this.rights.isReadyFor(request.peer);
  }

  /** Starts a stream when everything that it needs was read, unless it ends before. */
  #whenReady(
    requests: readonly ViewRequest[],
    start: () => void,
    cleanup: Cleanup,
  ): void {
    if (requests.every((request) => this.#isReady(request))) return start();
    const waiting = { requests, start };
    this.#waiting.add(waiting);
    cleanup.add(() => this.#waiting.delete(waiting));
  }

  #startReady(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.requests.every((one) => this.#isReady(one))) continue;
      this.#waiting.delete(waiting);
      waiting.start();
    }
  }
}

/** A stream that waits until what it needs was read. */
interface WaitingStream {
  readonly requests: readonly ViewRequest[];
  readonly start: () => void;
}

/** A stream with a view that may be replaced. */
interface ReplaceableStream {
  readonly requests: readonly ViewRequest[];
  /** The views that it carries; undefined: removed. */
  current: readonly (ViewDefinition | undefined)[];
  readonly open: () => void;
  readonly cleanup: Cleanup;
}

/** As {@linkcode ViewStream.fail}, for one view. */
type Fail = (message: string, status: number) => void;

function failWith(error: unknown, params: URLSearchParams, fail: Fail): void {
  if (error instanceof Refusal) return fail(error.message, error.status);
  if (error instanceof Unavailable) {
    return fail(error.message, STATUS_CODE.ServiceUnavailable);
  }
  log.error("a view failed", {
    params: `${params}`,
    error: errorTrace(error),
  });
  fail("internal error", STATUS_CODE.InternalServerError);
}

/** What to do when a subscription ends, or opens again. */
class Cleanup {
  readonly #steps: (() => void)[] = [];

  add(step: () => void): void {
    this.#steps.push(step);
  }

  run(): void {
    for (const step of this.#steps.splice(0)) step();
  }
}

/** Separate function: its closure must not retain the request, as there is one per stream. */
function runner(cleanup: Cleanup): () => void {
  return () => cleanup.run();
}
