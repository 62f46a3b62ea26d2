import type { StateSource, Topics } from "../broadcast/topics.ts";
import type { State } from "../broadcast/state.ts";
import { RevisionBarrier } from "../broadcast/revision_barrier.ts";
import type { Topic } from "../broadcast/topic.ts";
import type { Progress } from "../watcher/progress.ts";

/** A view that is followed together with others. */
export interface BarrierView {
  readonly source: StateSource;
  readonly progress?: Progress;
}

/** Views that somebody follows together, and there is a state of all. */
export interface SharedBarrier {
  /** In the order of the views. */
  readonly topics: readonly Topic[];
  /** The state of one of them that has an entity tag, if that is known still. */
  known(etag: string, which: number): State | undefined;
}

/** Somebody who follows a joint, and has not begun. */
interface Waiting {
  /** The entity tags of the states that the reader has, in the order of the views. */
  readonly since: readonly (string | undefined)[];
  readonly begin: (joint: SharedBarrier) => void;
}

/** Topics that are let through together, and what ends that when nobody follows them any more. */
interface BarrierInUse {
  /** When there is a first state of all. */
  joint?: SharedBarrier;
  /** No promise, which would keep hold of those who have left. */
  readonly waiting: Set<Waiting>;
  /** Lets those begin whose states are let through. */
  begin(): void;
  readonly end: () => void;
  users: number;
}

/** Topics that are let through together, once for all who follow the same. */
export class SharedBarriers {
  readonly #live = new Map<string, BarrierInUse>();

  constructor(private readonly broadcast: Topics) {}

  /**
   * Follows views.
   *
   * @param since the entity tags of the states that the reader has, in the order of the views
   * @param begin called once, as soon as there is a first state of all, and none is older than the reader's: at once, if that is so
   * @returns ends that; to be called once
   */
  join(
    shown: readonly BarrierView[],
    since: Waiting["since"],
    begin: Waiting["begin"],
  ): () => void {
    const id = JSON.stringify(shown.map(({ source }) => source.id));
    let live = this.#live.get(id);
    if (live === undefined) {
      live = this.#begin(shown);
      this.#live.set(id, live);
    }
    const used = live;
    used.users++;
    const waiting = { since, begin };
    used.waiting.add(waiting);
    used.begin();
    return () => {
      used.waiting.delete(waiting);
      if (--used.users > 0) return;
      this.#live.delete(id);
      used.end();
    };
  }

  #begin(shown: readonly BarrierView[]): BarrierInUse {
    const used = shown.map(({ source }) => this.broadcast.acquire(source));
    const parts = used.map(({ topic }, i) => (
      { topic, progress: shown[i]?.progress }
    ));
    const together = new RevisionBarrier(parts, (topics) => {
      live.joint ??= {
        topics,
        // What was let through was theirs before; and they are kept for longer.
        known: (etag, which) => used[which]?.topic.find(etag),
      };
      live.begin();
    });
    /** Whether a reader has a state that is still to be let through. */
    const isAhead = ({ since }: Waiting, { topics }: SharedBarrier) =>
      topics.some((topic, i) => {
        const etag = since[i];
        return etag !== undefined && used[i]?.topic.isNewer(etag, topic);
      });
    const live: BarrierInUse = {
      waiting: new Set(),
      begin() {
        const { joint, waiting } = live;
        if (joint === undefined) return;
        for (const one of waiting) {
          if (isAhead(one, joint)) continue;
          waiting.delete(one);
          one.begin(joint);
        }
      },
      end() {
        together.end();
        for (const { release } of used) release();
      },
      users: 0,
    };
    return live;
  }
}
