import { getLogger } from "@logtape/logtape";
import { Unavailable } from "../errors.ts";
import type { RecentStates } from "./recent_states.ts";
import type { State } from "./state.ts";
import { type ChangeKind, Topic } from "./topic.ts";
import { errorTrace } from "../log.ts";
import type { Watcher } from "../watcher/watcher.ts";

const log = getLogger(["lainlet", "broadcast"]);

/**
 * Called when a source's state may have changed.
 *
 * @param readAt when the change was read from the store, see {@linkcode now}; undefined when it was not just written there
 */
export type OnChange = (kind: ChangeKind, readAt?: number) => void;

/** What feeds a topic. Sources with equal ids have equal states. */
export interface StateSource {
  readonly id: string;
  readonly watcher:
    & Pick<Watcher<unknown>, "receivers" | "version">
    /** Missing when the state does not come from the store. */
    & Partial<Pick<Watcher<unknown>, "revision">>;
  /**
   * Makes the present state from scratch.
   *
   * @throws {Unavailable} when there is none at present
   */
  render(): State;
  /** Keeps the state up to date until the subscription ends. */
  subscribe(onChange: OnChange): SourceSubscription;
}

/** A subscription to a source. */
export interface SourceSubscription {
  /** As {@linkcode StateSource.render}, at the cost of what has changed. */
  render(): State;
  end(): void;
}

/** How many bytes of answers are kept for those who ask again. */
const KEPT = 32 * 1024 * 1024;

/** How many answers. */
const KEPT_ANSWERS = 1_000;

/** A topic that someone follows. */
interface Live {
  readonly source: StateSource;
  readonly topic: Topic;
  readonly followed: SourceSubscription;
  /** The version of the source that the topic's latest state was made of. */
  version: number;
  users: number;
}

/** An answer that nobody follows, and what it was made from. */
interface Kept {
  readonly version: number;
  readonly state: State;
  /** Of those who followed it. */
  readonly history?: RecentStates;
}

/** The answers of all sources: a topic for each that someone follows, and those last asked for. */
export class Topics {
  readonly #live = new Map<string, Live>();
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;

  /** Sources that someone follows. */
  get size(): number {
    return this.#live.size;
  }

  /**
   * A source's topic, for as long as it is used.
   *
   * @returns the topic, and what ends the use of it
   */
  acquire(source: StateSource): { topic: Topic; release: () => void } {
    const live = this.#live.get(source.id) ?? this.#begin(source);
    live.users++;
    live.source.watcher.receivers++;
    return { topic: live.topic, release: this.#releaser(live) };
  }

  #begin(source: StateSource): Live {
    const { version } = source.watcher;
    const first = this.latest(source);
    const history = this.#kept.get(source.id)?.history;
    // Before more is noted there: what it holds is counted as it was.
    this.#forget(source.id);
    const topic = new Topic(
      first,
      () => source.watcher.revision ?? 0,
      history,
    );
    const followed = source.subscribe((kind, readAt) => {
      live.version = source.watcher.version;
      topic.publish(render(source, followed), kind, readAt);
    });
    const live: Live = { source, topic, followed, version, users: 0 };
    this.#live.set(source.id, live);
    return live;
  }

  /** Of its own, to keep nothing alive but what it needs: there is one for each listener. */
  #releaser(live: Live): () => void {
    return () => {
      const { source, topic, followed, version } = live;
      source.watcher.receivers--;
      if (--live.users > 0) return;
      followed.end();
      this.#live.delete(source.id);
      const { latest } = topic;
      if (latest instanceof Unavailable) return;
      // Whoever comes back finds it, but not the frames of those who left.
      latest.dropCaches();
      const { recent: history } = topic;
      // What is there may be newer: a right that ends comes before the topic.
      this.#keep(source.id, { version, state: latest, history });
    };
  }

  /** The present answer of a source; encoded once for as long as it stands. */
  latest(source: StateSource): State | Unavailable {
    const live = this.#live.get(source.id);
    if (live !== undefined) return live.topic.latest;
    const { version } = source.watcher;
    const kept = this.#kept.get(source.id);
    this.#forget(source.id);
    let state = kept?.state;
    if (state === undefined || kept?.version !== version) {
      const fresh = render(source, source);
      if (fresh instanceof Unavailable) return fresh;
      // What was made of the same bytes (tag, compressed form) still holds.
      if (state === undefined || !fresh.equals(state)) state = fresh;
    }
    this.#keep(source.id, { version, state, history: kept?.history });
    return state;
  }

  #keep(id: string, kept: Kept): void {
    this.#kept.set(id, kept);
    this.#keptBytes += sizeOf(kept);
    for (const oldest of this.#kept.keys()) {
      const isWithin = this.#keptBytes <= KEPT &&
        this.#kept.size <= KEPT_ANSWERS;
      if (isWithin || oldest === id) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#keptBytes -= sizeOf(kept);
    this.#kept.delete(id);
  }
}

function sizeOf({ state, history }: Kept): number {
  return state.size + (history?.bytes ?? 0);
}

/** A source's answer; a view that fails is unavailable, not fatal. */
function render(
  { id }: StateSource,
  from: Pick<StateSource, "render">,
): State | Unavailable {
  try {
    return from.render();
  } catch (error) {
    if (error instanceof Unavailable) return error;
    log.error("a view failed", { view: id, error: errorTrace(error) });
    return new Unavailable("internal error");
  }
}
