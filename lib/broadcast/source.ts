import type { State } from "./state.ts";
import type { Watcher } from "../watcher/watcher.ts";

/** Whether what changed was written, or only removed. */
export type ChangeKind = "update" | "delete";

/** What feeds a topic: equal ids are equal answers. */
export interface Source {
  readonly id: string;
  readonly watcher: Pick<Watcher<unknown>, "receivers" | "version">;
  /**
   * The answer in the present state, made anew.
   *
   * @throws {Unavailable} when there is none
   */
  render(): State;
  /** Keeps the answer as it is. @param onChange called when what it is made of has changed */
  follow(onChange: (kind: ChangeKind) => void): Followed;
}

/** An answer that is kept. */
export interface Followed {
  /** As {@linkcode Source.render}, from what is kept. */
  render(): State;
  end(): void;
}
