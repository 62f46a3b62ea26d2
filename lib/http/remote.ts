import { onAbort } from "../abort.ts";
import type { State } from "../broadcast/state.ts";
import { Topic } from "../broadcast/topic.ts";
import { Unavailable } from "../errors.ts";
import type {
  EventStream,
  HttpRequest,
  HttpResponse,
} from "../view/custom_endpoint.ts";
import type { ViewStream } from "../view/views.ts";
import type { Post, ToMain, ToWorker } from "./link.ts";
import type { RequestHandler } from "./response.ts";
import { StateReader, type WireState } from "./wire.ts";

/** A worker's end of its link to the main thread, which handles its requests. */
export class RemoteHandler implements RequestHandler {
  readonly #pending = new Map<
    number,
    (result: HttpResponse | EventStream) => void
  >();
  readonly #streams = new Map<number, ViewStream>();
  readonly #topics = new Map<number, RemoteTopic>();
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
        this.#resolve(message.id, message.response);
        break;
      case "stream": {
        const { id, headers, options } = message;
        const start = (stream: ViewStream) => this.#start(id, stream);
        this.#resolve(id, { headers, options, start });
        break;
      }
      case "attach": {
        const { id, topic, revision, pass, had, which } = message;
        const remote = this.#topics.get(topic);
        if (remote?.topic === undefined) break;
        remote.revision = revision;
        remote.pass = pass;
        this.#streams.get(id)?.attach(
          remote.topic,
          had && remote.find(had.etag, had.state),
          which,
        );
        break;
      }
      case "fail":
        this.#streams.get(message.id)
          ?.fail(message.message, message.status, message.which);
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
