/**
 * The link between the main thread, which handles requests, and a worker, which
 * serves connections: the messages, and both ends.
 *
 * @module
 */
import { onAbort } from "../abort.ts";
import type { BranchOptions } from "../broadcast/branch.ts";
import { State } from "../broadcast/state.ts";
import { type ChangeKind, type Subscriber, Topic } from "../broadcast/topic.ts";
import { Unavailable } from "../errors.ts";
import type {
  EventStream,
  HttpRequest,
  HttpResponse,
} from "../view/custom_endpoint.ts";
import type { ViewStream } from "../view/views.ts";
import { mayWait } from "./gets.ts";
import type { RequestHandler } from "./response.ts";
import {
  ReceivedBodies,
  StateReader,
  StateWriter,
  type WireState,
} from "./wire.ts";

/** Messages from a worker to the main thread. Requests are identified by `id`. */
export type ToMain =
  | {
    readonly type: "request";
    readonly id: number;
    readonly request: HttpRequest;
  }
  /** The event stream of a request is open, or closed. */
  | { readonly type: "start" | "stop"; readonly id: number }
  /** The client of a request has left. */
  | { readonly type: "cancel"; readonly id: number }
  /** The topic's last state has arrived: the next one may be sent. */
  | { readonly type: "ack"; readonly topic: number };

/** Messages from the main thread to a worker. Topics are identified by numbers. */
export type ToWorker =
  | {
    readonly type: "response";
    readonly id: number;
    readonly response: HttpResponse;
  }
  /** The response is an event stream. */
  | {
    readonly type: "stream";
    readonly id: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly options: BranchOptions;
  }
  /** A stream subscribes to a topic. */
  | {
    readonly type: "attach";
    readonly id: number;
    readonly topic: number;
    /** Index of the topic among several of the stream. */
    readonly index?: number;
    readonly revision: number;
    /** See `Topic.pass`. */
    readonly pass?: number;
    /** The state that the client has, if it is known. */
    readonly resumeState?: { readonly etag: string; readonly state: WireState };
  }
  /** A stream, or one of its topics, ends with an error. */
  | {
    readonly type: "fail";
    readonly id: number;
    readonly message: string;
    readonly status: number;
    readonly index?: number;
  }
  | {
    readonly type: "state";
    readonly topic: number;
    readonly kind: ChangeKind;
    readonly readAt: number | undefined;
    readonly revision: number;
    /** See `Topic.pass`. */
    readonly pass?: number;
    /** A string is the message of an error; undefined: only the revision, or the pass, has changed. */
    readonly state: WireState | string | undefined;
  }
  /** No stream of the worker carries the topic any more. */
  | { readonly type: "drop"; readonly topic: number };

/** Posts a message to another thread. */
export type Post<T> = (message: T) => void;

/** Main thread's end of the link to one worker: passes its requests to a handler, and topics to its streams. */
export class WorkerLink {
  /** Event streams that the worker has not started yet. */
  readonly #unstarted = new Map<number, EventStream>();
  /** Requests that may wait, see {@linkcode mayWait}. */
  readonly #waitingRequests = new Map<number, AbortController>();
  readonly #stops = new Map<number, () => void>();
  readonly #topics = new Map<Topic, LinkedTopic>();
  readonly #topicsById = new Map<number, LinkedTopic>();
  #topicCount = 0;
  #isClosed = false;

  constructor(
    private readonly handler: RequestHandler,
    private readonly post: Post<ToWorker>,
  ) {}

  async receive(message: ToMain): Promise<void> {
    switch (message.type) {
      case "request":
        return await this.#handle(message.id, message.request);
      case "start":
        return this.#start(message.id);
      case "stop":
        this.#stops.get(message.id)?.();
        this.#stops.delete(message.id);
        return;
      case "cancel":
        return this.#waitingRequests.get(message.id)?.abort();
      case "ack":
        return this.#topicsById.get(message.topic)?.acknowledge();
    }
  }

  /** Ends all requests and streams of the worker, which has died: their slots are released. */
  close(): void {
    this.#isClosed = true;
    for (const controller of this.#waitingRequests.values()) controller.abort();
    for (const stream of this.#unstarted.values()) discard(stream);
    for (const stop of this.#stops.values()) stop();
  }

  async #handle(id: number, request: HttpRequest): Promise<void> {
    const controller = mayWait(request) ? new AbortController() : undefined;
    if (controller) this.#waitingRequests.set(id, controller);
    const result = await this.handler.handle(request, controller?.signal);
    this.#waitingRequests.delete(id);
    if (this.#isClosed) {
      if ("start" in result) discard(result);
    } else if ("start" in result) {
      const { headers, options } = result;
      this.#unstarted.set(id, result);
      this.post({ type: "stream", id, headers, options });
    } else this.post({ type: "response", id, response: result });
  }

  #start(id: number): void {
    const stream = this.#unstarted.get(id);
    if (stream === undefined) return;
    this.#unstarted.delete(id);
    const detaches = new Map<number, () => void>();
    const stop = stream.start({
      attach: (topic, resumeState, index = 0) => {
        const detach = detaches.get(index);
        detaches.set(index, this.#attach(id, topic, resumeState, index));
        detach?.();
      },
      fail: (message, status, index) =>
        this.post({ type: "fail", id, message, status, index }),
    });
    this.#stops.set(id, () => {
      for (const detach of detaches.values()) detach();
      stop();
    });
  }

  /** Attaches a stream to a topic, which all streams of the worker share. @returns detaches it */
  #attach(
    id: number,
    topic: Topic,
    resumeState?: State,
    index?: number,
  ): () => void {
    const linked = this.#topics.get(topic) ?? this.#link(topic);
    linked.users++;
    // Until then, the worker may hold an older state than the client has from a GET.
    const cancel = linked.whenSent(() =>
      this.post({
        type: "attach",
        id,
        topic: linked.id,
        index,
        revision: linked.revision,
        pass: linked.sentPass,
        resumeState: resumeState &&
          {
            etag: resumeState.etag,
            state: linked.writer.writeOutOfBand(resumeState),
          },
      })
    );
    return () => {
      cancel();
      if (--linked.users > 0) return;
      topic.unsubscribe(linked);
      this.#topics.delete(topic);
      this.#topicsById.delete(linked.id);
      this.post({ type: "drop", topic: linked.id });
    };
  }

  #link(topic: Topic): LinkedTopic {
    const linked = new LinkedTopic(this.#topicCount++, topic, this.post);
    this.#topics.set(topic, linked);
    this.#topicsById.set(linked.id, linked);
    topic.subscribe(linked);
    linked.wake();
    return linked;
  }
}

/** Ends an event stream that was not started: it holds a slot. */
function discard(stream: EventStream): void {
  stream.start({ attach() {}, fail() {} })();
}

/** Sends the latest state of a topic to a worker, and the next one when that is acknowledged. */
class LinkedTopic implements Subscriber {
  /** Number of streams that carry the topic. */
  users = 0;
  readonly writer = new StateWriter();
  #sentSequence = 0;
  #sentRevision = 0;
  /** Pass of the state that was sent last, see {@linkcode Topic.pass}. */
  sentPass?: number;
  #isAcknowledged = true;
  /** Called when the latest state has been sent. */
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly id: number,
    private readonly topic: Topic,
    private readonly post: Post<ToWorker>,
  ) {}

  /** The revision of the state that was sent last; a later one if that is still the latest state. */
  get revision(): number {
    const { pass, sequence, revision } = this.topic;
    return pass !== undefined || sequence !== this.#sentSequence
      ? this.#sentRevision
      : revision;
  }

  /** Calls back when the latest state has been sent; at once if it has. @returns cancels */
  whenSent(call: () => void): () => void {
    if (this.topic.sequence === this.#sentSequence) call();
    else this.#waiting.add(call);
    return () => this.#waiting.delete(call);
  }

  acknowledge(): void {
    this.#isAcknowledged = true;
    this.wake();
  }

  wake(): void {
    const { latest, pass, readAt, revision, sequence } = this.topic;
    const isNewState = sequence !== this.#sentSequence;
    const isNewPass = pass !== this.sentPass;
    if (!this.#isAcknowledged || !isNewState && !isNewPass) return;
    const kind = this.topic.kindSince(this.#sentSequence);
    this.#sentSequence = sequence;
    this.#sentRevision = revision;
    this.sentPass = pass;
    this.#isAcknowledged = false;
    const state = !isNewState
      ? undefined
      : latest instanceof State
      ? this.writer.write(latest)
      : latest.message;
    this.post({
      type: "state",
      topic: this.id,
      kind,
      readAt,
      revision,
      pass,
      state,
    });
    for (const call of this.#waiting) call();
    this.#waiting.clear();
  }
}

/** A worker's end of its link to the main thread, which handles its requests. */
export class RemoteHandler implements RequestHandler {
  readonly #pending = new Map<
    number,
    (result: HttpResponse | EventStream) => void
  >();
  readonly #streams = new Map<number, ViewStream>();
  readonly #topics = new Map<number, RemoteTopic>();
  readonly #bodies = new ReceivedBodies();
  /** Number of requests so far. */
  #count = 0;

  constructor(private readonly post: Post<ToMain>) {}

  handle(
    request: HttpRequest,
    signal?: AbortSignal,
  ): Promise<HttpResponse | EventStream> {
    const id = this.#count++;
    const { promise, resolve } = Promise.withResolvers<
      HttpResponse | EventStream
    >();
    this.#pending.set(id, resolve);
    this.post({ type: "request", id, request });
    if (signal === undefined) return promise;
    const remove = onAbort(signal, () => this.post({ type: "cancel", id }));
    return promise.finally(remove);
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case "response":
        this.#resolve(message.id, this.#bodies.share(message.response));
        break;
      case "stream": {
        const { id, headers, options } = message;
        const start = (stream: ViewStream) => this.#start(id, stream);
        this.#resolve(id, { headers, options, start });
        break;
      }
      case "attach": {
        const { id, topic, revision, pass, resumeState, index } = message;
        const remote = this.#topics.get(topic);
        if (remote?.topic === undefined) break;
        remote.revision = revision;
        remote.pass = pass;
        this.#streams.get(id)?.attach(
          remote.topic,
          resumeState && remote.find(resumeState.etag, resumeState.state),
          index,
        );
        break;
      }
      case "fail":
        this.#streams.get(message.id)
          ?.fail(message.message, message.status, message.index);
        break;
      case "state": {
        this.post({ type: "ack", topic: message.topic });
        let remote = this.#topics.get(message.topic);
        if (remote === undefined) {
          remote = new RemoteTopic();
          this.#topics.set(message.topic, remote);
        }
        remote.update(message);
        break;
      }
      case "drop":
        this.#topics.delete(message.topic);
        break;
    }
  }

  #resolve(id: number, result: HttpResponse | EventStream): void {
    this.#pending.get(id)?.(result);
    this.#pending.delete(id);
  }

  #start(id: number, stream: ViewStream): () => void {
    this.#streams.set(id, stream);
    this.post({ type: "start", id });
    return () => {
      this.#streams.delete(id);
      this.post({ type: "stop", id });
    };
  }
}

/** A worker's copy of a topic of the main thread. */
class RemoteTopic {
  /** Undefined until the first state has arrived. */
  topic?: Topic;
  revision = 0;
  /** See {@linkcode Topic.pass}. */
  pass?: number;
  readonly #reader = new StateReader();

  update(
    { state: wire, kind, readAt, revision, pass }: ToWorker & { type: "state" },
  ): void {
    this.revision = revision;
    this.pass = pass;
    if (wire === undefined) return this.topic?.notify();
    const state = typeof wire === "string"
      ? new Unavailable(wire)
      : this.#reader.read(wire);
    if (this.topic !== undefined) this.topic.publish(state, kind, readAt);
    else {
      this.topic = new Topic(
        state,
        () => this.revision,
        undefined,
        () => this.pass,
      );
    }
  }

  /** Returns the state with an entity tag; the same object for all streams, so that they share the patches from it. */
  find(etag: string, wire: WireState): State {
    const known = this.topic?.find(etag);
    if (known !== undefined) return known;
    const state = this.#reader.readOutOfBand(wire);
    this.topic?.recent.prepend(state);
    return state;
  }
}
