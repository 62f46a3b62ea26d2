import type { State } from "../broadcast/state.ts";
import type { Topic } from "../broadcast/topic.ts";

/** A stream that carries a view's states. */
export interface ViewStream {
  /** Carries a topic's states from now on. @param had the one that the reader has, if that is known */
  attach(topic: Topic, had?: State, which?: number): void;
  /**
   * Ends the stream, as there is nothing for it any more.
   *
   * @param status of HTTP
   * @param which of several views it is about; undefined: all
   */
  fail(message: string, status: number, which?: number): void;
}
