import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import type { Right, Rights } from "../access/rights.ts";
import { Topics } from "../broadcast/topics.ts";
import type { State } from "../broadcast/state.ts";
import {
  forbidden,
  NO_PERMISSION,
  NOT_READ_YET,
  Refusal,
  SUPER_REQUIRED,
  Unavailable,
} from "../errors.ts";
import { type BarrierView, SharedBarriers } from "./shared_barriers.ts";
import type { Query } from "./endpoint.ts";
import type { ViewContext, ViewDefinition } from "./view.ts";
import type { Topic } from "../broadcast/topic.ts";

const log = getLogger(["lainlet", "views"]);

/** A request for a view. */
export interface ViewRequest {
  readonly view: ViewDefinition;
  readonly params: URLSearchParams;
  /** The address of who asks. */
  readonly peer: string;
  /** The entity tag of the state that who asks has. */
  readonly since?: string;
}

/** The views of a cluster, for callers who may see them. */
export class Views {
  readonly #broadcast = new Topics();
  readonly #joints = new SharedBarriers(this.#broadcast);
  /** Streams that wait for the first read. */
  readonly #waiting = new Set<Waiting>();

  constructor(
    private readonly state: ViewContext,
    private readonly rights: Rights,
  ) {
    for (const { synced } of Object.values(state.cluster)) {
      synced.then(() => this.#beginReady());
    }
  }

  /** States that someone follows. */
  get topics(): number {
    return this.#broadcast.size;
  }

  /** A request as views and pages see it. */
  query(params: URLSearchParams, peer: string): Query {
    return { params, caller: this.rights.caller(peer), host: this.state.host };
  }

  /**
   * The present state of a view.
   *
   * @throws {Refusal} when the request is malformed, or not for this caller
   * @throws {Unavailable} when there is no state at present
   */
  read(demand: ViewRequest): State {
    const { view, params, peer } = demand;
    if (!this.#isReady(demand)) throw new Unavailable(NOT_READ_YET);
    const selection = view.select(this.query(params, peer));
    const state = this.#broadcast.latest(view.source(this.state, selection));
    if (state instanceof Unavailable) throw state;
    return state;
  }

  /**
   * Looks whether a view may be read.
   *
   * @throws as {@linkcode read} does
   */
  check(demand: ViewRequest): void {
    const { view, params, peer } = demand;
    if (!this.#isReady(demand)) throw new Unavailable(NOT_READ_YET);
    view.select(this.query(params, peer));
  }

  /**
   * Feeds a listener for as long as it may see what it asked for, as soon as
   * there is a state.
   *
   * @returns ends that; to be called once
   */
  subscribe(demand: ViewRequest, listener: ViewStream): () => void {
    const ends = new Ends();
    this.#whenReady(
      [demand],
      () => this.#feed(demand, listener, ends),
      ends,
    );
    return stopper(ends);
  }

  /**
   * Feeds a listener with several views, each for as long as it may see that;
   * their states come together.
   *
   * @returns ends that; to be called once
   */
  subscribeTogether(
    demands: readonly ViewRequest[],
    listener: ViewStream,
  ): () => void {
    const ends = new Ends();
    this.#whenReady(
      demands,
      () => this.#feedTogether(demands, listener, ends),
      ends,
    );
    return stopper(ends);
  }

  #feedTogether(
    demands: readonly ViewRequest[],
    listener: ViewStream,
    ends: Ends,
  ): void {
    const shown: (BarrierView & { readonly which: number })[] = [];
    demands.forEach(({ view, params, peer }, which) => {
      const fail = (message: string, status: number) =>
        listener.fail(message, status, which);
      try {
        const selection = view.select(this.query(params, peer));
        ends.add(this.#guard(peer, selection.right, fail));
        const source = view.source(this.state, selection);
        const { progress } = view.watcher(this.state.cluster);
        shown.push({ which, source, progress });
      } catch (error) {
        refuse(params, error, fail);
      }
    });
    if (shown.length === 0) return;
    const since = shown.map(({ which }) => demands[which]?.since);
    ends.add(
      this.#joints.join(shown, since, ({ topics, known }) => {
        shown.forEach(({ which }, i) => {
          const topic = topics[i];
          if (topic === undefined) return;
          const etag = since[i];
          const had = etag === undefined ? etag : known(etag, i);
          listener.attach(topic, had, which);
        });
      }),
    );
  }

  #feed(demand: ViewRequest, listener: ViewStream, ends: Ends): void {
    const { view, params, peer, since } = demand;
    try {
      const selection = view.select(this.query(params, peer));
      const fail = (message: string, status: number) =>
        listener.fail(message, status);
      ends.add(this.#guard(peer, selection.right, fail));
      const source = view.source(this.state, selection);
      const { topic, release } = this.#broadcast.acquire(source);
      ends.add(release);
      const had = since === undefined ? since : topic.find(since);
      listener.attach(topic, had);
    } catch (error) {
      refuse(
        params,
        error,
        (message, status) => listener.fail(message, status),
      );
    }
  }

  /** Ends a stream when its caller loses the right to it. */
  #guard(peer: string, right: Right, fail: Fail): () => void {
    return this.rights.subscribe(peer, () => {
      if (this.rights.caller(peer).may(right)) return;
      const { message, status } = lacking(right);
      fail(message, status);
    });
  }

  #isReady({ view, peer }: ViewRequest): boolean {
    return view.watcher(this.state.cluster).isSynced &&
      this.rights.isReadyFor(peer);
  }

  /** Begins a stream, as soon as all that it rests on has been read, unless it ends before. */
  #whenReady(
    demands: readonly ViewRequest[],
    begin: () => void,
    ends: Ends,
  ): void {
    if (demands.every((demand) => this.#isReady(demand))) return begin();
    const waiting = { demands, begin };
    this.#waiting.add(waiting);
    ends.add(() => this.#waiting.delete(waiting));
  }

  #beginReady(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.demands.every((demand) => this.#isReady(demand))) continue;
      this.#waiting.delete(waiting);
      waiting.begin();
    }
  }
}

/** Tells a listener that there is nothing for it any more, as {@linkcode ViewStream.fail} does. */
type Fail = (message: string, status: number) => void;

function refuse(params: URLSearchParams, error: unknown, fail: Fail): void {
  if (error instanceof Refusal) return fail(error.message, error.status);
  log.error("a view failed", { params: `${params}`, error: `${error}` });
  fail("internal error", STATUS_CODE.InternalServerError);
}

/** A stream that waits. */
interface Waiting {
  /** For what. */
  readonly demands: readonly ViewRequest[];
  readonly begin: () => void;
}

/** What is to be done when a stream is over. */
class Ends {
  readonly #ends: (() => void)[] = [];

  add(end: () => void): void {
    this.#ends.push(end);
  }

  run(): void {
    for (const end of this.#ends) end();
  }
}

/** Of its own, to keep nothing of the request alive: there is one for each listener. */
function stopper(ends: Ends): () => void {
  return () => ends.run();
}

function lacking(right: Right): Refusal {
  return forbidden(right.kind === "super" ? SUPER_REQUIRED : NO_PERMISSION);
}
/** A stream that carries a view's states. */

export interface ViewStream {
  /** Carries a topic's states from now on. @param had the one that the reader has, if that is known */
  attach(topic: Topic, had?: State, which?: number): void;
  /**
   * Ends the stream, as there is nothing for it any more.
   *
   * @param status of HTTP
   * @param which of several views it is about; undefined: all
   */
  fail(message: string, status: number, which?: number): void;
}
