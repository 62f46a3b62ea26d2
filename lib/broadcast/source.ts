import type { State } from "./state.ts";
import type { Watcher } from "../watcher/watcher.ts";

/** Whether what changed was written, or only removed. */
export type ChangeKind = "update" | "delete";

/**
 * Called when what an answer is made of has changed.
 *
 * @param readAt when that was read from the store, see {@linkcode now}; undefined when it was not just written there
 */
export type OnChange = (kind: ChangeKind, readAt?: number) => void;

/** What feeds a topic: equal ids are equal answers. */
export interface StateSource {
  readonly id: string;
  readonly watcher:
    & Pick<Watcher<unknown>, "receivers" | "version">
    /** Not of what is no store's. */
    & Partial<Pick<Watcher<unknown>, "revision">>;
  /**
   * The answer in the present state, made anew.
   *
   * @throws {Unavailable} when there is none
   */
  render(): State;
  /** Keeps the answer as it is. */
  subscribe(onChange: OnChange): SourceSubscription;
}

/** An answer that is kept. */
export interface SourceSubscription {
  /** As {@linkcode StateSource.render}, from what is kept. */
  render(): State;
  end(): void;
}
