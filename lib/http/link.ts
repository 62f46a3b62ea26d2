import type {
  EventStream,
  HttpRequest,
  HttpResponse,
} from "../view/custom_endpoint.ts";
import type { RequestHandler } from "./response.ts";
import type { BranchOptions } from "../broadcast/branch.ts";
import { State } from "../broadcast/state.ts";
import type { ChangeKind, Subscriber, Topic } from "../broadcast/topic.ts";
import { mayWait } from "./waits.ts";
import { StateWriter, type WireState } from "./wire.ts";

/** What a worker tells the thread that knows the cluster; requests have ids. */
export type ToMain =
  | { readonly type: "ask"; readonly id: number; readonly ask: HttpRequest }
  | { readonly type: "start" | "stop"; readonly id: number }
  /** Who asked has gone. */
  | { readonly type: "gone"; readonly id: number }
  /** The topic's state was taken: another one may come. */
  | { readonly type: "taken"; readonly topic: number };

/** What it is told; topics have numbers. */
export type ToWorker =
  | {
    readonly type: "answer";
    readonly id: number;
    readonly answer: HttpResponse;
  }
  | {
    readonly type: "feed";
    readonly id: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly options: BranchOptions;
  }
  | {
    readonly type: "attach";
    readonly id: number;
    readonly topic: number;
    readonly which?: number;
    readonly revision: number;
    /** What the reader has, if that is known. */
    readonly had?: { readonly etag: string; readonly state: WireState };
  }
  | {
    readonly type: "fail";
    readonly id: number;
    readonly message: string;
    readonly status: number;
    readonly which?: number;
  }
  | {
    readonly type: "state";
    readonly topic: number;
    readonly kind: ChangeKind;
    readonly readAt: number | undefined;
    readonly revision: number;
    /** Or why there is none; undefined: it is the same. */
    readonly state: WireState | string | undefined;
  }
  | { readonly type: "drop"; readonly topic: number };

export type Post<T> = (message: T) => void;

/** Answers a worker's requests; the end of the link where the origin is. */
export class WorkerLink {
  readonly #unstarted = new Map<number, EventStream>();
  /** Requests that may wait for long. */
  readonly #waitingRequests = new Map<number, AbortController>();
  readonly #stops = new Map<number, () => void>();
  readonly #topics = new Map<Topic, LinkedTopic>();
  readonly #byId = new Map<number, LinkedTopic>();
  #topicCount = 0;
  #isClosed = false;

  constructor(
    private readonly handler: RequestHandler,
    private readonly post: Post<ToWorker>,
  ) {}

  async receive(message: ToMain): Promise<void> {
    switch (message.type) {
      case "ask": {
        const { id, ask } = message;
        const gone = mayWait(ask) ? new AbortController() : undefined;
        if (gone) this.#waitingRequests.set(id, gone);
        const answer = await this.handler.handle(ask, gone?.signal);
        this.#waitingRequests.delete(id);
        if (this.#isClosed) {
          if ("start" in answer) discard(answer);
        } else if ("start" in answer) {
          const { headers, options } = answer;
          this.#unstarted.set(id, answer);
          this.post({ type: "feed", id, headers, options });
        } else this.post({ type: "answer", id, answer });
        break;
      }
      case "start":
        this.#start(message.id);
        break;
      case "stop":
        this.#stops.get(message.id)?.();
        this.#stops.delete(message.id);
        break;
      case "gone":
        this.#waitingRequests.get(message.id)?.abort();
        break;
      case "taken":
        this.#byId.get(message.topic)?.acknowledge();
        break;
    }
  }

  /** Ends whatever was begun for the worker, which has died: places are given back. */
  close(): void {
    this.#isClosed = true;
    for (const gone of this.#waitingRequests.values()) gone.abort();
    for (const feed of this.#unstarted.values()) discard(feed);
    for (const stop of this.#stops.values()) stop();
  }

  #start(id: number): void {
    const feed = this.#unstarted.get(id);
    if (feed === undefined) return;
    this.#unstarted.delete(id);
    const leaves: (() => void)[] = [];
    const stop = feed.start({
      attach: (topic, had, which) =>
        leaves.push(this.#attach(id, topic, had, which)),
      fail: (message, status, which) =>
        this.post({ type: "fail", id, message, status, which }),
    });
    this.#stops.set(id, () => {
      for (const leave of leaves) leave();
      stop();
    });
  }

  /** Lets a stream carry a topic, which is followed once for all streams of the worker. */
  #attach(
    id: number,
    topic: Topic,
    had?: State,
    which?: number,
  ): () => void {
    let linked = this.#topics.get(topic);
    if (linked === undefined) {
      linked = new LinkedTopic(this.#topicCount++, topic, this.post);
      this.#topics.set(topic, linked);
      this.#byId.set(linked.id, linked);
      topic.subscribe(linked);
      linked.wake();
    }
    const used = linked;
    used.users++;
    // An older state than the one that was found here, or was read by a GET,
    // would take the reader back.
    const cancel = used.whenSent(() =>
      this.post({
        type: "attach",
        id,
        topic: used.id,
        which,
        revision: used.revision,
        had: had && { etag: had.etag, state: used.writeOutOfBand(had) },
      })
    );
    return () => {
      cancel();
      if (--used.users > 0) return;
      topic.unsubscribe(used);
      this.#topics.delete(topic);
      this.#byId.delete(used.id);
      this.post({ type: "drop", topic: used.id });
    };
  }
}

/** Ends a feed that nobody takes, which holds a place. */
function discard(feed: EventStream): void {
  feed.start({ attach() {}, fail() {} })();
}

/** Sends a worker the latest state of a topic, and the next one when that was taken. */
class LinkedTopic implements Subscriber {
  users = 0;
  readonly #writer = new StateWriter();
  #sentNumber = 0;
  #sentRevision = 0;
  #isAcknowledged = true;
  /** What is to be done when the latest state was posted. */
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly id: number,
    private readonly topic: Topic,
    private readonly post: Post<ToWorker>,
  ) {}

  /** The one that the worker is to know: of what was posted, unless that is the latest state still. */
  get revision(): number {
    const { isBarrierOutput: isGated, sequence: number, revision } = this.topic;
    return isGated || number !== this.#sentNumber
      ? this.#sentRevision
      : revision;
  }

  /** Calls back when the latest state was posted: at once, if it was. @returns ends the wait */
  whenSent(act: () => void): () => void {
    if (this.topic.sequence === this.#sentNumber) act();
    else this.#waiting.add(act);
    return () => this.#waiting.delete(act);
  }

  acknowledge(): void {
    this.#isAcknowledged = true;
    this.wake();
  }

  /** A state that is not the latest, to be read after what was posted. */
  writeOutOfBand(state: State): WireState {
    return this.#writer.writeOutOfBand(state);
  }

  wake(): void {
    const { sequence: number, latest, readAt, revision } = this.topic;
    const isNew = number !== this.#sentNumber;
    const isMoved = this.topic.isBarrierOutput &&
      revision !== this.#sentRevision;
    if (!this.#isAcknowledged || !isNew && !isMoved) return;
    const kind = this.topic.kindSince(this.#sentNumber);
    this.#sentNumber = number;
    this.#sentRevision = revision;
    this.#isAcknowledged = false;
    const state = !isNew
      ? undefined
      : latest instanceof State
      ? this.#writer.write(latest)
      : latest.message;
    this.post({
      type: "state",
      topic: this.id,
      kind,
      readAt,
      revision,
      state,
    });
    for (const act of this.#waiting) act();
    this.#waiting.clear();
  }
}
