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

/** Views that somebody follows together. */
export interface Joint {
  /** In the order of the views, when there is a first state of all. */
  readonly topics: Promise<readonly Topic[]>;
  /** The state of one of them that has an entity tag, if that is known still. */
  known(etag: string, which: number): State | undefined;
  /** To be called once, by whoever follows them no more. */
  leave(): void;
}

/** A joint, and what ends it when nobody follows it any more. */
interface Live extends Omit<Joint, "leave"> {
  readonly end: () => void;
  users: number;
}

/** Topics that are let through together, once for all who follow the same. */
export class Joints {
  readonly #live = new Map<string, Live>();

  constructor(private readonly broadcast: Broadcast) {}

  join(shown: readonly Shown[]): Joint {
    const id = JSON.stringify(shown.map(({ source }) => source.id));
    let live = this.#live.get(id);
    if (live === undefined) {
      live = this.#begin(shown);
      this.#live.set(id, live);
    }
    const used = live;
    used.users++;
    const leave = () => {
      if (--used.users > 0) return;
      this.#live.delete(id);
      used.end();
    };
    return { topics: used.topics, known: used.known, leave };
  }

  #begin(shown: readonly Shown[]): Live {
    const used = shown.map(({ source }) => this.broadcast.use(source));
    const { promise, resolve } = Promise.withResolvers<readonly Topic[]>();
    const parts = used.map(({ topic }, i) => (
      { topic, progress: shown[i]?.progress }
    ));
    const together = new Together(parts, resolve);
    return {
      topics: promise,
      // What was let through was theirs before; and they are kept for longer.
      known: (etag, which) => used[which]?.topic.known(etag),
      end() {
        together.end();
        for (const { release } of used) release();
      },
      users: 0,
    };
  }
}
