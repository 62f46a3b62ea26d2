import type { Member } from "../json.ts";
import type { Bytes } from "./state.ts";
import type { Watcher } from "../watcher/watcher.ts";

/** Whether what changed was written, or only removed. */
export type ChangeKind = "update" | "delete";

/** What feeds a topic: equal ids are equal answers. */
export interface Source {
  readonly id: string;
  readonly watcher: Pick<Watcher<unknown>, "receivers" | "version">;
  /**
   * The answer: the members of an object, JSON text, or bytes as they are sent.
   *
   * @throws {Unavailable} when there is none in the present state
   */
  render(): readonly Member[] | string | Bytes;
  /** Calls back when something under the prefix changed. @returns ends that */
  subscribe(onChange: (kind: ChangeKind) => void): () => void;
}
