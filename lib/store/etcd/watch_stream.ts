import type {
  IDuplexStream,
  IEvent,
  IWatchRequest,
  IWatchResponse,
} from "etcd3";
import type { Range } from "./range.ts";
import type { Issued } from "./token.ts";
import type { Batch, KeyChange } from "../store.ts";

/** Who receives one watch. */
export interface WatchSink {
  batch(batch: Batch): void;
  /** After batches: where etcd's history stood when it sent them. */
  sent?(revision: number): void;
  /** The watch is over: its start was compacted away, or etcd's reason not to serve it. */
  lost(reason: "compacted" | Error): void;
}

interface ServerWatch {
  readonly sink: WatchSink;
  /** Called with the reason when etcd refuses the watch. */
  readonly confirm: (refusal?: "compacted" | Error) => void;
  events: IEvent[];
}

/** One gRPC stream, on which etcd serves watches. */
export class WatchStream {
  readonly #creating: ServerWatch[] = [];
  readonly #watches = new Map<string, ServerWatch>();
  /** Called when the stream ends because it has no watches. */
  #onRetired?: () => void;
  #isOver = false;

  /**
   * @param issued the token that etcd knows this stream by
   * @param onFailure called when the stream ends, but not after {@linkcode close}
   */
  constructor(
    private readonly stream: IDuplexStream<IWatchRequest, IWatchResponse>,
    readonly issued: Issued,
    private readonly onFailure: (error: unknown) => void,
  ) {
    stream.on("data", (response) => this.#receive(response));
    stream.on("error", (error) => this.#fail(error));
    stream.on("end", () => this.#fail("etcd ended the watch stream"));
  }

  /**
   * Watches a range from a revision on; one call at a time, as a confirmation
   * does not say which request it answers.
   *
   * @returns stops the watch; or why etcd refused it
   */
  async create(
    range: Range,
    revision: number,
    sink: WatchSink,
  ): Promise<(() => void) | "compacted" | Error> {
    const { promise, resolve: confirm } = Promise.withResolvers<
      "compacted" | Error | undefined
    >();
    const watch: ServerWatch = { sink, confirm, events: [] };
    this.#creating.push(watch);
    this.stream.write({
      create_request: { ...range, start_revision: revision, fragment: true },
    });
    return await promise ?? (() => this.#stop(watch));
  }

  /** Ends the stream as soon as it has no watches: there are none to come. @param onRetired called then */
  retire(onRetired: () => void): void {
    this.#onRetired = onRetired;
    if (this.#watches.size > 0 || this.#isOver) return;
    this.#isOver = true;
    // What is canceled makes etcd3 connect anew for the next call.
    this.stream.end();
    onRetired();
  }

  /** Ends the stream, and all watches. */
  close(): void {
    this.#isOver = true;
    this.stream.cancel();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onFailure(error);
  }

  #stop(watch: ServerWatch): void {
    for (const [id, other] of this.#watches) {
      if (other !== watch) continue;
      this.#forget(id);
      if (!this.#isOver) {
        this.stream.write({ cancel_request: { watch_id: id } });
      }
    }
  }

  #forget(id: string): void {
    this.#watches.delete(id);
    if (this.#onRetired !== undefined) this.retire(this.#onRetired);
  }

  #receive(response: IWatchResponse): void {
    if (this.#isOver) return;
    if (response.created) {
      const watch = this.#creating.shift();
      if (watch === undefined) {
        return this.#fail("etcd confirmed a watch that was not asked for");
      }
      if (response.canceled) return watch.confirm(reasonOf(response));
      this.#watches.set(response.watch_id, watch);
      return watch.confirm();
    }
    const watch = this.#watches.get(response.watch_id);
    if (watch === undefined) return;
    if (response.canceled) {
      this.#forget(response.watch_id);
      return watch.sink.lost(reasonOf(response));
    }
    watch.events = watch.events.concat(response.events);
    // A revision's events may be spread over the fragments of a response.
    if (response.fragment) return;
    for (const batch of batches(watch.events)) watch.sink.batch(batch);
    watch.events = [];
    watch.sink.sent?.(Number(response.header?.revision));
  }
}

/** Events in the order that etcd sent them, as one batch per revision. */

export function* batches(events: readonly IEvent[]): Generator<Batch> {
  let changes: KeyChange[] = [];
  for (const [i, { type, kv }] of events.entries()) {
    const key = kv.key.toString();
    changes.push(type === "Delete" ? { key } : { key, value: kv.value });
    if (events[i + 1]?.kv.mod_revision !== kv.mod_revision) {
      yield { type: "batch", revision: Number(kv.mod_revision), changes };
      changes = [];
    }
  }
}
/** Why etcd canceled a watch. */

export function reasonOf(response: IWatchResponse): "compacted" | Error {
  return response.compact_revision !== "0"
    ? "compacted"
    : new Error(response.cancel_reason || "etcd canceled the watch");
}
