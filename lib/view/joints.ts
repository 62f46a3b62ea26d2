import type { Broadcast } from "../broadcast/broadcast.ts";
import type { Source } from "../broadcast/source.ts";
import type { State } from "../broadcast/state.ts";
import { Together } from "../broadcast/together.ts";
import type { Topic } from "../broadcast/topic.ts";
import type { Progress } from "../watcher/progress.ts";

/** A view that is followed together with others. */
export interface Shown {
  readonly source: Source;
  readonly progress?: Progress;
}

/** Views that somebody follows together, and there is a state of all. */
export interface Joint {
  /** In the order of the views. */
  readonly topics: readonly Topic[];
  /** The state of one of them that has an entity tag, if that is known still. */
  known(etag: string, which: number): State | undefined;
}

type OnOpen = (joint: Joint) => void;

/** Topics that are let through together, and what ends that when nobody follows them any more. */
interface Live {
  /** When there is a first state of all. */
  joint?: Joint;
  /** Who is told of it; no promise, which would keep hold of those who have left. */
  readonly waiting: Set<OnOpen>;
  readonly end: () => void;
  users: number;
}

/** Topics that are let through together, once for all who follow the same. */
export class Joints {
  readonly #live = new Map<string, Live>();

  constructor(private readonly broadcast: Broadcast) {}

  /**
   * Follows views.
   *
   * @param onOpen called once, as soon as there is a first state of all: at once, if there is
   * @returns ends that; to be called once
   */
  join(shown: readonly Shown[], onOpen: OnOpen): () => void {
    const id = JSON.stringify(shown.map(({ source }) => source.id));
    let live = this.#live.get(id);
    if (live === undefined) {
      live = this.#begin(shown);
      this.#live.set(id, live);
    }
    const used = live;
    used.users++;
    if (used.joint === undefined) used.waiting.add(onOpen);
    else onOpen(used.joint);
    return () => {
      used.waiting.delete(onOpen);
      if (--used.users > 0) return;
      this.#live.delete(id);
      used.end();
    };
  }

  #begin(shown: readonly Shown[]): Live {
    const used = shown.map(({ source }) => this.broadcast.use(source));
    const parts = used.map(({ topic }, i) => (
      { topic, progress: shown[i]?.progress }
    ));
    const together = new Together(parts, (topics) => {
      const joint: Joint = {
        topics,
        // What was let through was theirs before; and they are kept for longer.
        known: (etag, which) => used[which]?.topic.known(etag),
      };
      live.joint = joint;
      for (const onOpen of live.waiting) onOpen(joint);
      live.waiting.clear();
    });
    const live: Live = {
      waiting: new Set(),
      end() {
        together.end();
        for (const { release } of used) release();
      },
      users: 0,
    };
    return live;
  }
}
