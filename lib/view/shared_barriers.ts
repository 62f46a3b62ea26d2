import { RevisionBarrier } from "../broadcast/revision_barrier.ts";
import type { State } from "../broadcast/state.ts";
import type { Topic } from "../broadcast/topic.ts";
import type { StateSource, Topics } from "../broadcast/topics.ts";
import type { Progress } from "../watcher/progress.ts";

/** A view that is watched jointly with others. */
export interface BarrierView {
  readonly source: StateSource;
  /** Missing when the view does not come from the store. */
  readonly progress?: Progress;
}

/** Views whose states are always of one revision. */
export interface SharedBarrier {
  /** In the order of the views. */
  readonly topics: readonly Topic[];
  /** Finds a recent state of a view by its entity tag. */
  find(etag: string, view: number): State | undefined;
}

/** A stream that has not started. */
interface PendingStart {
  /** The entity tags of the states that the client has, in the order of the views. */
  readonly since: readonly (string | undefined)[];
  readonly start: (barrier: SharedBarrier) => void;
}

/** A barrier for as long as streams use it. */
interface BarrierInUse {
  /** Set when all views have a first state. */
  barrier?: SharedBarrier;
  /** Not a promise, which would retain streams that have ended. */
  readonly pending: Set<PendingStart>;
  /** Starts the streams whose states have passed the barrier. */
  startPending(): void;
  readonly end: () => void;
  users: number;
}

/** Revision barriers, one for all streams that watch the same views. */
export class SharedBarriers {
  readonly #inUse = new Map<string, BarrierInUse>();

  constructor(private readonly topics: Topics) {}

  /**
   * Watches views jointly.
   *
   * @param since the entity tags of the states that the client has, in the order of the views
   * @param start called once, when all views have a state, and none is older than the client's; perhaps at once
   * @returns ends the watch; to be called once
   */
  join(
    views: readonly BarrierView[],
    since: PendingStart["since"],
    start: PendingStart["start"],
  ): () => void {
    const id = JSON.stringify(views.map(({ source }) => source.id));
    const inUse = this.#inUse.get(id) ?? this.#open(views);
    this.#inUse.set(id, inUse);
    inUse.users++;
    const pending = { since, start };
    inUse.pending.add(pending);
    inUse.startPending();
    return () => {
      inUse.pending.delete(pending);
      if (--inUse.users > 0) return;
      this.#inUse.delete(id);
      inUse.end();
    };
  }

  #open(views: readonly BarrierView[]): BarrierInUse {
    const acquired = views.map(({ source }) => this.topics.acquire(source));
    const parts = acquired.map(({ topic }, i) => (
      { topic, progress: views[i]?.progress }
    ));
    const revisionBarrier = new RevisionBarrier(parts, (topics) => {
      inUse.barrier ??= {
        topics,
        // These topics get each state before the barrier passes it on, and keep it longer.
        find: (etag, view) => acquired[view]?.topic.find(etag),
      };
      inUse.startPending();
    });
    /** Whether the client has a state that has not passed the barrier. */
    const isAhead = ({ since }: PendingStart, { topics }: SharedBarrier) =>
      topics.some((topic, i) => {
        const etag = since[i];
        return etag !== undefined && acquired[i]?.topic.isNewer(etag, topic);
      });
    const inUse: BarrierInUse = {
      pending: new Set(),
      startPending() {
        const { barrier, pending } = inUse;
        if (barrier === undefined) return;
        for (const one of pending) {
          if (isAhead(one, barrier)) continue;
          pending.delete(one);
          one.start(barrier);
        }
      },
      end() {
        revisionBarrier.end();
        for (const { release } of acquired) release();
      },
      users: 0,
    };
    return inUse;
  }
}
