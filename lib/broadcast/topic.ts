import { Unavailable } from "../errors.ts";
import { RecentStates } from "./recent_states.ts";
import { State } from "./state.ts";

/** `delete` when all changes were removals. */
export type ChangeKind = "update" | "delete";

/** Reads a topic's latest state. */
export interface Subscriber {
  /** Called when the topic has another state, or its state another revision. */
  wake(): void;
}

/**
 * The latest state of a source, for any number of subscribers.
 *
 * This is the trunk of an n-way tee, and the streams of its subscribers (`Branch`,
 * `GrpcStream`) are the branches. `ReadableStream.tee()` does not fit here: it
 * buffers without bound for the slower branch, and a chain of tees does not
 * shrink when a listener leaves. So the trunk buffers one state, the latest, and
 * a branch pulls it when its reader is ready (`highWaterMark: 0`). Each state
 * is complete, so skipping states that were replaced loses nothing; memory per
 * branch is bounded, and a slow listener delays no other.
 *
 * @see https://streams.spec.whatwg.org/#rs-tee
 */
export class Topic {
  readonly #subscribers = new Set<Subscriber>();
  #latest: State | Unavailable;
  #sequence = 1;
  /** Sequence of the last state that was not made by a removal. */
  #lastUpdate = 0;
  #readAt?: number;

  /**
   * @param currentRevision see {@linkcode revision}
   * @param recent states of the same source
   * @param currentPass see {@linkcode pass}; undefined: the topic is not the output of a barrier
   */
  constructor(
    first: State | Unavailable,
    private readonly currentRevision: () => number = () => 0,
    readonly recent: RecentStates = new RecentStates(),
    private readonly currentPass?: () => number | undefined,
  ) {
    this.#latest = first;
    if (first instanceof State) this.recent.add(first);
  }

  get latest(): State | Unavailable {
    return this.#latest;
  }

  /** Sequence number of the latest state. */
  get sequence(): number {
    return this.#sequence;
  }

  /** When the change that led to the latest state was read from the store, see {@linkcode now}; undefined: no such change. */
  get readAt(): number | undefined {
    return this.#readAt;
  }

  /** Revision of the store up to which the latest state is current; 0: unknown. */
  get revision(): number {
    return this.currentRevision();
  }

  /**
   * Number of the last pass of the `RevisionBarrier` whose output the topic is;
   * undefined if it is not the output of one. Two passes may have the same
   * revision, of different histories of the store. The number changes only when
   * the topic wakes its subscribers.
   */
  get pass(): number | undefined {
    return this.currentPass?.();
  }

  /** Returns the latest or a recent state by its entity tag. */
  find(etag: string): State | undefined {
    const { latest } = this;
    const isLatest = latest instanceof State && latest.etag === etag;
    return isLatest ? latest : this.recent.find(etag);
  }

  /**
   * Whether the state with an entity tag is newer than the latest of another
   * topic of the same source, one that may lag behind this one.
   */
  isNewer(etag: string, { latest: other }: Topic): boolean {
    const { latest } = this;
    if (latest instanceof State && latest.etag === etag) {
      return !(other instanceof State && other.etag === etag);
    }
    return other instanceof State && this.recent.isAfter(etag, other);
  }

  /** Number of subscribers. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Returns the kind of all changes since a sequence number, taken together. */
  kindSince(sequence: number): ChangeKind {
    return this.#lastUpdate > sequence ? "update" : "delete";
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
  }

  unsubscribe(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** Wakes all subscribers. */
  notify(): void {
    for (const subscriber of this.#subscribers) subscriber.wake();
  }

  /** Replaces the latest state. Wakes all subscribers, unless the states are equal. @param readAt see {@linkcode readAt} */
  publish(
    next: State | Unavailable,
    kind: ChangeKind,
    readAt?: number,
  ): void {
    const last = this.#latest;
    // Of two equal states the newer shares more blocks with the states to come.
    this.#latest = next;
    if (isSame(next, last)) return;
    if (last instanceof State) last.dropCaches();
    if (next instanceof State) this.recent.add(next);
    this.#sequence++;
    this.#readAt = readAt;
    if (kind === "update") this.#lastUpdate = this.#sequence;
    this.notify();
  }
}

function isSame(a: State | Unavailable, b: State | Unavailable): boolean {
  return a instanceof State
    ? b instanceof State && a.equals(b)
    : b instanceof Unavailable && a.message === b.message;
}
