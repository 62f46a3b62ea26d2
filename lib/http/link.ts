import type { Answer, Ask } from "../view/page.ts";
import type { Feed, Origin } from "./answer.ts";
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
  | { readonly type: "attach"; readonly id: number; readonly topic: number }
  | {
    readonly type: "fail";
    readonly id: number;
    readonly message: string;
    readonly status: number;
  }
  | {
    readonly type: "state";
    readonly topic: number;
    readonly kind: ChangeKind;
    readonly readAt: number | undefined;
    /** Or why there is none. */
    readonly state: WireState | string;
  }
  | { readonly type: "drop"; readonly topic: number };

type Post<T> = (message: T) => void;

/** Answers a worker's requests; the end of the link where the origin is. */
export class OriginLink {
  readonly #feeds = new Map<number, Feed>();
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
        const { id } = message;
        const answer = await this.origin.answer(message.ask);
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
      case "taken":
        this.#byId.get(message.topic)?.taken();
        break;
    }
  }

  #start(id: number): void {
    const feed = this.#feeds.get(id);
    if (feed === undefined) return;
    this.#feeds.delete(id);
    let leave = () => {};
    const stop = feed.start({
      attach: (topic) => leave = this.#attach(id, topic),
      fail: (message, status) =>
        this.post({ type: "fail", id, message, status }),
    });
    this.#stops.set(id, () => {
      leave();
      stop();
    });
  }

  /** Lets a stream carry a topic, which is followed once for all streams of the worker. */
  #attach(id: number, topic: Topic): () => void {
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
    this.post({ type: "attach", id, topic: used.id });
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
  #isFree = true;

  constructor(
    readonly id: number,
    private readonly topic: Topic,
    private readonly post: Post<ToWorker>,
  ) {}

  taken(): void {
    this.#isFree = true;
    this.wake();
  }

  wake(): void {
    const { number, latest, readAt } = this.topic;
    if (!this.#isFree || number === this.#seen) return;
    const kind = this.topic.kindSince(this.#seen);
    this.#seen = number;
    this.#isFree = false;
    const state = latest instanceof State
      ? this.#writer.write(latest)
      : latest.message;
    this.post({ type: "state", topic: this.id, kind, readAt, state });
  }
}

/** Asks the origin for a worker; the worker's end of the link. */
export class RemoteOrigin implements Origin {
  readonly #asked = new Map<number, (answer: Answer | Feed) => void>();
  readonly #listeners = new Map<number, Listener>();
  readonly #topics = new Map<number, Topic>();
  readonly #readers = new Map<number, StateReader>();
  #count = 0;

  constructor(private readonly post: Post<ToOrigin>) {}

  answer(ask: Ask): Promise<Answer | Feed> {
    const id = this.#count++;
    const { promise, resolve } = Promise.withResolvers<Answer | Feed>();
    this.#asked.set(id, resolve);
    this.post({ type: "ask", id, ask });
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
        const topic = this.#topics.get(message.topic);
        if (topic !== undefined) {
          this.#listeners.get(message.id)?.attach(topic);
        }
        break;
      }
      case "fail":
        this.#listeners.get(message.id)?.fail(message.message, message.status);
        break;
      case "state": {
        const { kind, readAt, topic: number } = message;
        this.post({ type: "taken", topic: number });
        const state = typeof message.state === "string"
          ? new Unavailable(message.state)
          : this.#readerOf(number).read(message.state);
        const topic = this.#topics.get(number);
        if (topic === undefined) this.#topics.set(number, new Topic(state));
        else topic.publish(state, kind, readAt);
        break;
      }
      case "drop":
        this.#topics.delete(message.topic);
        this.#readers.delete(message.topic);
        break;
    }
  }

  #resolve(id: number, answer: Answer | Feed): void {
    this.#asked.get(id)?.(answer);
    this.#asked.delete(id);
  }

  #readerOf(topic: number): StateReader {
    let reader = this.#readers.get(topic);
    if (reader === undefined) {
      reader = new StateReader();
      this.#readers.set(topic, reader);
    }
    return reader;
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
