import type { Answer, Ask, Feed } from "../view/page.ts";
import type { Origin } from "./answer.ts";
import type { Listener } from "../view/views.ts";
import type { BranchOptions } from "../broadcast/branch.ts";
import { State } from "../broadcast/state.ts";
import { type Follower, Topic } from "../broadcast/topic.ts";
import { Unavailable } from "../errors.ts";
import type { ChangeKind } from "../broadcast/source.ts";
import { StateReader, StateWriter, type WireState } from "./wire.ts";

/** What a worker tells the thread that knows the cluster; requests have ids. */
export type ToOrigin =
  | { readonly type: "ask"; readonly id: number; readonly ask: Ask }
  | { readonly type: "start" | "stop"; readonly id: number }
  /** Who asked has gone. */
  | { readonly type: "gone"; readonly id: number }
  /** The topic's state was taken: another one may come. */
  | { readonly type: "taken"; readonly topic: number };

/** What it is told; topics have numbers. */
export type ToWorker =
  | { readonly type: "answer"; readonly id: number; readonly answer: Answer }
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

type Post<T> = (message: T) => void;

/** Answers a worker's requests; the end of the link where the origin is. */
export class OriginLink {
  readonly #feeds = new Map<number, Feed>();
  /** Requests that may wait for long. */
  readonly #waiting = new Map<number, AbortController>();
  readonly #stops = new Map<number, () => void>();
  readonly #topics = new Map<Topic, LinkedTopic>();
  readonly #byId = new Map<number, LinkedTopic>();
  #topicCount = 0;

  constructor(
    private readonly origin: Origin,
    private readonly post: Post<ToWorker>,
  ) {}

  async receive(message: ToOrigin): Promise<void> {
    switch (message.type) {
      case "ask": {
        const { id, ask } = message;
        const gone = ask.prefer === null ? undefined : new AbortController();
        if (gone) this.#waiting.set(id, gone);
        const answer = await this.origin.answer(ask, gone?.signal);
        this.#waiting.delete(id);
        if ("start" in answer) {
          const { headers, options } = answer;
          this.#feeds.set(id, answer);
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
        this.#waiting.get(message.id)?.abort();
        break;
      case "taken":
        this.#byId.get(message.topic)?.taken();
        break;
    }
  }

  #start(id: number): void {
    const feed = this.#feeds.get(id);
    if (feed === undefined) return;
    this.#feeds.delete(id);
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
      topic.join(linked);
      linked.wake();
    }
    const used = linked;
    used.users++;
    this.post({
      type: "attach",
      id,
      topic: used.id,
      which,
      revision: used.revision,
      had: had && { etag: had.etag, state: used.writeAside(had) },
    });
    return () => {
      if (--used.users > 0) return;
      topic.leave(used);
      this.#topics.delete(topic);
      this.#byId.delete(used.id);
      this.post({ type: "drop", topic: used.id });
    };
  }
}

/** Sends a worker the latest state of a topic, and the next one when that was taken. */
class LinkedTopic implements Follower {
  users = 0;
  readonly #writer = new StateWriter();
  #seen = 0;
  #revision = 0;
  #isFree = true;

  constructor(
    readonly id: number,
    private readonly topic: Topic,
    private readonly post: Post<ToWorker>,
  ) {}

  /** The one that the worker is to know: of topics that are gated, the one of what was posted. */
  get revision(): number {
    return this.topic.isGated ? this.#revision : this.topic.revision;
  }

  taken(): void {
    this.#isFree = true;
    this.wake();
  }

  /** A state that is not the latest, to be read after what was posted. */
  writeAside(state: State): WireState {
    return this.#writer.writeAside(state);
  }

  wake(): void {
    const { number, latest, readAt, revision } = this.topic;
    const isNew = number !== this.#seen;
    const isMoved = this.topic.isGated && revision !== this.#revision;
    if (!this.#isFree || !isNew && !isMoved) return;
    const kind = this.topic.kindSince(this.#seen);
    this.#seen = number;
    this.#revision = revision;
    this.#isFree = false;
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
  }
}

/** A topic of the origin's, as a worker has it. */
class RemoteTopic {
  topic?: Topic;
  revision = 0;
  readonly #reader = new StateReader();

  take(
    { state: wire, kind, readAt, revision }: ToWorker & { type: "state" },
  ): void {
    this.revision = revision;
    if (wire === undefined) return this.topic?.touch();
    const state = typeof wire === "string"
      ? new Unavailable(wire)
      : this.#reader.read(wire);
    if (this.topic !== undefined) this.topic.publish(state, kind, readAt);
    else this.topic = new Topic(state, () => this.revision);
  }

  /** The state that has an entity tag: one and the same for all readers, so that a patch from it is made once. */
  known(etag: string, wire: WireState): State {
    const known = this.topic?.known(etag);
    if (known !== undefined) return known;
    const state = this.#reader.readAside(wire);
    this.topic?.history.prepend(state);
    return state;
  }
}

/** Asks the origin for a worker; the worker's end of the link. */
export class RemoteOrigin implements Origin {
  readonly #asked = new Map<number, (answer: Answer | Feed) => void>();
  readonly #listeners = new Map<number, Listener>();
  readonly #topics = new Map<number, RemoteTopic>();
  #count = 0;

  constructor(private readonly post: Post<ToOrigin>) {}

  answer(ask: Ask, gone?: AbortSignal): Promise<Answer | Feed> {
    const id = this.#count++;
    const { promise, resolve } = Promise.withResolvers<Answer | Feed>();
    this.#asked.set(id, resolve);
    this.post({ type: "ask", id, ask });
    gone?.addEventListener("abort", () => this.post({ type: "gone", id }));
    return promise;
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case "answer":
        this.#resolve(message.id, message.answer);
        break;
      case "feed": {
        const { id, headers, options } = message;
        const start = (listener: Listener) => this.#start(id, listener);
        this.#resolve(id, { headers, options, start });
        break;
      }
      case "attach": {
        const { id, topic: number, revision, had, which } = message;
        const remote = this.#topics.get(number);
        if (remote?.topic === undefined) break;
        remote.revision = revision;
        this.#listeners.get(id)?.attach(
          remote.topic,
          had && remote.known(had.etag, had.state),
          which,
        );
        break;
      }
      case "fail":
        this.#listeners.get(message.id)
          ?.fail(message.message, message.status, message.which);
        break;
      case "state": {
        this.post({ type: "taken", topic: message.topic });
        let remote = this.#topics.get(message.topic);
        if (remote === undefined) {
          remote = new RemoteTopic();
          this.#topics.set(message.topic, remote);
        }
        remote.take(message);
        break;
      }
      case "drop":
        this.#topics.delete(message.topic);
        break;
    }
  }

  #resolve(id: number, answer: Answer | Feed): void {
    this.#asked.get(id)?.(answer);
    this.#asked.delete(id);
  }

  #start(id: number, listener: Listener): () => void {
    this.#listeners.set(id, listener);
    this.post({ type: "start", id });
    return () => {
      this.#listeners.delete(id);
      this.post({ type: "stop", id });
    };
  }
}
