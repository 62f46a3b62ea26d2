import { getLogger } from "@logtape/logtape";
import { Unavailable } from "../errors.ts";
import { RecentStates } from "./recent_states.ts";
import type { State } from "./state.ts";
import { type ChangeKind, Topic } from "./topic.ts";
import { errorTrace } from "../log.ts";
import type { Watcher } from "../watcher/watcher.ts";

const log = getLogger(["lainlet", "broadcast"]);

/**
 * Called when a source's state may have changed.
 *
 * @param readAt when the change was read from the store, see {@linkcode now}; undefined when the change is not a write to the store
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
   * Renders the latest state from scratch.
   *
   * @throws {Unavailable} while there is none
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

/** Limits of the cache of states without subscribers. */
const MAX_CACHED_BYTES = 32 * 1024 * 1024;
const MAX_CACHED_STATES = 1_000;

/** A topic with subscribers. */
interface ActiveTopic {
  readonly source: StateSource;
  readonly topic: Topic;
  readonly subscription: SourceSubscription;
  /** Version of the source of which the topic's latest state was made. */
  version: number;
  users: number;
}

/** The state of a source without subscribers. */
interface CachedState {
  /** Version of the source of which it was made. */
  readonly version: number;
  readonly state: State;
  readonly recent?: RecentStates;
}

/** The states of all sources: one topic for each that has subscribers, and a cache of others. */
export class Topics {
  readonly #active = new Map<string, ActiveTopic>();
  /** Least recently used first. */
  readonly #cache = new Map<string, CachedState>();
  #cachedBytes = 0;

  /** Number of topics with subscribers. */
  get size(): number {
    return this.#active.size;
  }

  /** Returns a source's topic, and a function that releases it; to be called once. */
  acquire(source: StateSource): { topic: Topic; release: () => void } {
    const active = this.#active.get(source.id) ?? this.#activate(source);
    active.users++;
    active.source.watcher.receivers++;
    return { topic: active.topic, release: this.#releaseOf(active) };
  }

  #activate(source: StateSource): ActiveTopic {
    const { version } = source.watcher;
    const first = this.latest(source);
    const recent = this.#cache.get(source.id)?.recent;
    // Evicted before the topic adds to `recent`, whose size is subtracted.
    this.#evict(source.id);
    const topic = new Topic(first, () => source.watcher.revision ?? 0, recent);
    const subscription = source.subscribe((kind, readAt) => {
      active.version = source.watcher.version;
      topic.publish(render(source, subscription), kind, readAt);
    });
    const active: ActiveTopic = {
      source,
      topic,
      subscription,
      version,
      users: 0,
    };
    this.#active.set(source.id, active);
    return active;
  }

  /** Separate function: its closure, one for each listener, must not retain the request. */
  #releaseOf(active: ActiveTopic): () => void {
    return () => {
      const { source, topic, subscription, version } = active;
      source.watcher.receivers--;
      if (--active.users > 0) return;
      subscription.end();
      this.#active.delete(source.id);
      const { latest, recent } = topic;
      if (latest instanceof Unavailable) return;
      latest.dropCaches();
      // Rights change before topics do: the source may be newer than the state.
      this.#store(source.id, { version, state: latest, recent });
    };
  }

  /** Returns the latest state of a source, encoded once for each version of the source. */
  latest(source: StateSource): State | Unavailable {
    const active = this.#active.get(source.id);
    if (active !== undefined) return active.topic.latest;
    const { version } = source.watcher;
    const cached = this.#cache.get(source.id);
    this.#evict(source.id);
    let { state, recent } = cached ?? {};
    if (state === undefined || cached?.version !== version) {
      const fresh = render(source, source);
      if (fresh instanceof Unavailable) return fresh;
      if (state === undefined) state = fresh;
      // An equal state has its entity tag and its compressed form already.
      else if (!fresh.equals(state)) {
        // A client that has got the old one may continue from it.
        recent ??= new RecentStates();
        recent.add(state);
        recent.add(fresh);
        state.dropCaches();
        state = fresh;
      }
    }
    this.#store(source.id, { version, state, recent });
    return state;
  }

  #store(id: string, cached: CachedState): void {
    this.#cache.set(id, cached);
    this.#cachedBytes += sizeOf(cached);
    for (const oldest of this.#cache.keys()) {
      const fits = this.#cachedBytes <= MAX_CACHED_BYTES &&
        this.#cache.size <= MAX_CACHED_STATES;
      if (fits || oldest === id) break;
      this.#evict(oldest);
    }
  }

  #evict(id: string): void {
    const cached = this.#cache.get(id);
    if (cached === undefined) return;
    this.#cachedBytes -= sizeOf(cached);
    this.#cache.delete(id);
  }
}

function sizeOf({ state, recent }: CachedState): number {
  return state.size + (recent?.bytes ?? 0);
}

/** Renders a source's state. A view that fails is logged, and unavailable. */
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
