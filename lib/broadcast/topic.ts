import { Unavailable } from "../errors.ts";
import { RecentStates } from "./recent_states.ts";
import { State } from "./state.ts";

/** `delete` when all changes were removals. */
export type ChangeKind = "update" | "delete";

/** Someone who reads a topic's latest state when told that there is one. */
export interface Subscriber {
  wake(): void;
}

/**
 * The trunk of an n-way tee: the states of one source, of which it keeps the
 * latest. Its followers read that when they can; a state that is superseded
 * before a follower comes to read it is never sent there. As every state is
 * whole, that loses nothing, and no follower costs more than its place.
 */
export class Topic {
  readonly #followers = new Set<Subscriber>();
  #latest: State | Unavailable;
  #number = 1;
  #lastUpdate = 0;
  #readAt?: number;

  /**
   * @param revisionOf the revision of the store that the latest state rests on at present, 0 when that is not known
   * @param recent of the same source, from before
   */
  constructor(
    first: State | Unavailable,
    private readonly revisionOf: () => number = () => 0,
    readonly recent: RecentStates = new RecentStates(),
    /** Whether its states come together with those of others, see {@linkcode Together}. */
    readonly isBarrierOutput = false,
  ) {
    this.#latest = first;
    if (first instanceof State) this.recent.add(first);
  }

  get latest(): State | Unavailable {
    return this.#latest;
  }

  /** The number of the latest state; every other state has another one. */
  get sequence(): number {
    return this.#number;
  }

  /** When the change that made the latest state was read from the store, if one did: see {@linkcode OnChange}. */
  get readAt(): number | undefined {
    return this.#readAt;
  }

  /** The revision of the store that the latest state rests on, or a later one; 0: not known. */
  get revision(): number {
    return this.revisionOf();
  }

  /** The state that has an entity tag, if that is known still. */
  find(etag: string): State | undefined {
    const { latest } = this;
    const isLatest = latest instanceof State && latest.etag === etag;
    return isLatest ? latest : this.recent.find(etag);
  }

  /**
   * Whether the state that has an entity tag is newer than one that was the
   * latest before, or is.
   */
  isNewer(etag: string, { latest: than }: Topic): boolean {
    const { latest } = this;
    if (latest instanceof State && latest.etag === etag) {
      return !(than instanceof State && than.etag === etag);
    }
    return than instanceof State && this.recent.isAfter(etag, than);
  }

  /** How many follow. */
  get subscribers(): number {
    return this.#followers.size;
  }

  /** What happened since a state: `delete` when all changes were removals. */
  kindSince(number: number): ChangeKind {
    return this.#lastUpdate > number ? "update" : "delete";
  }

  subscribe(follower: Subscriber): void {
    this.#followers.add(follower);
  }

  unsubscribe(follower: Subscriber): void {
    this.#followers.delete(follower);
  }

  /** Tells all followers that the latest state rests on another revision. */
  notify(): void {
    for (const follower of this.#followers) follower.wake();
  }

  /**
   * Takes a state, and tells all followers, unless it is the one that is there.
   *
   * @param readAt as {@linkcode OnChange}'s
   */
  publish(
    next: State | Unavailable,
    kind: ChangeKind,
    readAt?: number,
  ): void {
    const last = this.#latest;
    this.#latest = next;
    // Though it is the same, the next one has more in common with it.
    if (isSame(next, last)) return;
    if (last instanceof State) last.dropCaches();
    if (next instanceof State) this.recent.add(next);
    this.#number++;
    this.#readAt = readAt;
    if (kind === "update") this.#lastUpdate = this.#number;
    for (const follower of this.#followers) follower.wake();
  }
}

function isSame(a: State | Unavailable, b: State | Unavailable): boolean {
  return a instanceof State
    ? b instanceof State && a.equals(b)
    : b instanceof Unavailable && a.message === b.message;
}
