import type {
  IDuplexStream,
  IEvent,
  IWatchRequest,
  IWatchResponse,
} from "etcd3";
import { AccessDenied } from "../connection.ts";
import type { Batch, KeyChange } from "../store.ts";
import { isPermissionDenied, type Range } from "./range.ts";
import type { IssuedToken } from "./token.ts";

/** Why a watch ended: its next revision was compacted, or etcd's error. */
export type WatchEnd = "compacted" | Error;

/** Receives what a watch sends. */
export interface WatchSink {
  /** Called with each revision that changed something in the range. */
  batch(batch: Batch): void;
  /** Called after the batches of a response. @param revision the current revision when etcd sent it */
  sent?(revision: number): void;
  /** Called when etcd refuses or ends the watch. */
  ended(reason: WatchEnd): void;
}

interface ServerWatch {
  readonly sink: WatchSink;
  /** Called when etcd confirms the watch, or refuses it for a reason. */
  readonly confirm: (refusal?: WatchEnd) => void;
  events: IEvent[];
}

/** One gRPC stream, over which etcd serves several watches. */
export class WatchStream {
  readonly #creating: ServerWatch[] = [];
  readonly #watches = new Map<string, ServerWatch>();
  /** Called when the stream ends because it has no watches. */
  #onRetired?: () => void;
  #isOver = false;

  /**
   * @param token the token that etcd knows this stream by
   * @param onFailure called when the stream ends, but not after {@linkcode close}
   */
  constructor(
    private readonly stream: IDuplexStream<IWatchRequest, IWatchResponse>,
    readonly token: IssuedToken,
    private readonly onFailure: (error: unknown) => void,
  ) {
    stream.on("data", (response) => this.#receive(response));
    stream.on("error", (error) => this.#fail(error));
    stream.on("end", () => this.#fail("etcd ended the watch stream"));
  }

  /**
   * Watches a range from a revision on. To be called once at a time: a
   * confirmation does not say which request it answers.
   *
   * @returns a function that stops the watch, or why etcd refused it
   */
  async create(
    range: Range,
    revision: number,
    sink: WatchSink,
  ): Promise<(() => void) | WatchEnd> {
    const { promise, resolve: confirm } = Promise.withResolvers<
      WatchEnd | undefined
    >();
    const watch: ServerWatch = { sink, confirm, events: [] };
    this.#creating.push(watch);
    this.stream.write({
      create_request: { ...range, start_revision: revision, fragment: true },
    });
    return await promise ?? (() => this.#stop(watch));
  }

  /** Ends the stream as soon as it has no watches. None are created after this call. @param onRetired called then */
  retire(onRetired: () => void): void {
    this.#onRetired = onRetired;
    if (this.#watches.size > 0 || this.#isOver) return;
    this.#isOver = true;
    // Not `cancel`: that makes etcd3 reconnect for the next call.
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
      this.#remove(id);
      if (!this.#isOver) {
        this.stream.write({ cancel_request: { watch_id: id } });
      }
    }
  }

  #remove(id: string): void {
    this.#watches.delete(id);
    if (this.#onRetired !== undefined) this.retire(this.#onRetired);
  }

  #receive(response: IWatchResponse): void {
    if (this.#isOver) return;
    if (response.created) {
      const watch = this.#creating.shift();
      if (watch === undefined) {
        return this.#fail("etcd confirmed a watch that was not requested");
      }
      if (response.canceled) return watch.confirm(endOf(response));
      this.#watches.set(response.watch_id, watch);
      return watch.confirm();
    }
    const watch = this.#watches.get(response.watch_id);
    if (watch === undefined) return;
    if (response.canceled) {
      this.#remove(response.watch_id);
      return watch.sink.ended(endOf(response));
    }
    watch.events = watch.events.concat(response.events);
    // The events of a revision may be spread over fragments.
    if (response.fragment) return;
    for (const batch of batches(watch.events)) watch.sink.batch(batch);
    watch.events = [];
    watch.sink.sent?.(Number(response.header?.revision));
  }
}

/** Returns one batch for each revision of the events, in the order that etcd sent them. */
function* batches(events: readonly IEvent[]): Generator<Batch> {
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

/** Returns why etcd canceled a watch. */
function endOf(response: IWatchResponse): WatchEnd {
  if (response.compact_revision !== "0") return "compacted";
  const error = new Error(response.cancel_reason || "etcd canceled the watch");
  return isPermissionDenied(error) ? new AccessDenied(error.message) : error;
}
