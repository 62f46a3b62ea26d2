import { onAbort } from "../abort.ts";
import { Topic } from "../broadcast/topic.ts";
import type { State } from "../broadcast/state.ts";
import { Unavailable } from "../errors.ts";
import type {
  EventStream,
  HttpRequest,
  HttpResponse,
} from "../view/custom_endpoint.ts";
import type { ViewStream } from "../view/listener.ts";
import type { RequestHandler } from "./response.ts";
import type { Post, ToMain, ToWorker } from "./link.ts";
import { StateReader, type WireState } from "./wire.ts";

/** A topic of the origin's, as a worker has it. */
class RemoteTopic {
  topic?: Topic;
  revision = 0;
  readonly #reader = new StateReader();

  take(
    { state: wire, kind, readAt, revision }: ToWorker & { type: "state" },
  ): void {
    this.revision = revision;
    if (wire === undefined) return this.topic?.notify();
    const state = typeof wire === "string"
      ? new Unavailable(wire)
      : this.#reader.read(wire);
    if (this.topic !== undefined) this.topic.publish(state, kind, readAt);
    else this.topic = new Topic(state, () => this.revision);
  }

  /** The state that has an entity tag: one and the same for all readers, so that a patch from it is made once. */
  known(etag: string, wire: WireState): State {
    const known = this.topic?.find(etag);
    if (known !== undefined) return known;
    const state = this.#reader.readOutOfBand(wire);
    this.topic?.recent.prepend(state);
    return state;
  }
}

/** Asks the origin for a worker; the worker's end of the link. */
export class RemoteHandler implements RequestHandler {
  readonly #pending = new Map<
    number,
    (answer: HttpResponse | EventStream) => void
  >();
  readonly #streams = new Map<number, ViewStream>();
  readonly #topics = new Map<number, RemoteTopic>();
  #count = 0;

  constructor(private readonly post: Post<ToMain>) {}

  handle(
    ask: HttpRequest,
    gone?: AbortSignal,
  ): Promise<HttpResponse | EventStream> {
    const id = this.#count++;
    const { promise, resolve } = Promise.withResolvers<
      HttpResponse | EventStream
    >();
    this.#pending.set(id, resolve);
    this.post({ type: "ask", id, ask });
    if (gone === undefined) return promise;
    const remove = onAbort(gone, () => this.post({ type: "gone", id }));
    return promise.finally(remove);
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case "answer":
        this.#resolve(message.id, message.answer);
        break;
      case "feed": {
        const { id, headers, options } = message;
        const start = (listener: ViewStream) => this.#start(id, listener);
        this.#resolve(id, { headers, options, start });
        break;
      }
      case "attach": {
        const { id, topic: number, revision, had, which } = message;
        const remote = this.#topics.get(number);
        if (remote?.topic === undefined) break;
        remote.revision = revision;
        this.#streams.get(id)?.attach(
          remote.topic,
          had && remote.known(had.etag, had.state),
          which,
        );
        break;
      }
      case "fail":
        this.#streams.get(message.id)
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

  #resolve(id: number, answer: HttpResponse | EventStream): void {
    this.#pending.get(id)?.(answer);
    this.#pending.delete(id);
  }

  #start(id: number, listener: ViewStream): () => void {
    this.#streams.set(id, listener);
    this.post({ type: "start", id });
    return () => {
      this.#streams.delete(id);
      this.post({ type: "stop", id });
    };
  }
}
