import { Unavailable } from "../errors.ts";
import type { State } from "./state.ts";
import type { ChangeKind, Subscriber, Topic } from "./topic.ts";

/** A state to send to a listener. */
export interface Delivery {
  readonly state: State;
  /** The state that the listener has, of which a patch can be made; undefined: none. */
  readonly previous?: State;
  /** Whether the listener, which resumes, already has `state`. */
  readonly isUnchanged: boolean;
  /** `init`: the first state of the subscription. */
  readonly event: "init" | ChangeKind;
  /** When the change was read from the store, see {@linkcode Topic.readAt}; undefined for the first state. */
  readonly readAt?: number;
}

/**
 * Position of one listener in a topic: which state it was sent last, and which
 * one it is sent next. States in between are conflated.
 */
export class Cursor {
  /** States that the listener was not sent because a newer one came first; reset to 0 when it is reported. */
  conflated = 0;
  #topic?: Topic;
  /** {@linkcode Topic.sequence} up to which the listener is served. */
  #seen = 0;
  #sent?: State;
  /** The last sequence at which the topic's state was `#sent`. */
  #sentSequence = 0;
  #resumeState?: State;
  /** The topic took the place of another one, and nothing of it was sent. */
  #isReplaced = false;
  /** An error was delivered, and no state since. */
  #hasFailed = false;

  /**
   * @param subscriber woken when there may be something to send
   * @param deliversErrors whether the listener gets an error while there is no state
   */
  constructor(
    private readonly subscriber: Subscriber,
    private readonly deliversErrors: boolean,
  ) {}

  get topic(): Topic | undefined {
    return this.#topic;
  }

  /**
   * Subscribes to a topic, in place of the one before, if there was one. Then
   * the listener is sent what differs.
   *
   * @param resumeState the state that the listener has
   */
  attach(topic: Topic, resumeState?: State): void {
    this.#topic?.unsubscribe(this.subscriber);
    if (this.#sent === undefined) this.#resumeState = resumeState;
    if (this.#topic !== undefined) {
      this.#isReplaced = true;
      this.#seen = topic.sequence - 1;
      this.#sentSequence = -1;
    }
    this.#topic = topic;
    topic.subscribe(this.subscriber);
  }

  /** Ends the subscription, if there is one. */
  detach(): void {
    this.#topic?.unsubscribe(this.subscriber);
    this.#topic = undefined;
    this.#sent = this.#resumeState = undefined;
  }

  /** Whether the topic has changed since {@linkcode next}. */
  get isBehind(): boolean {
    return this.#topic !== undefined && this.#topic.sequence !== this.#seen;
  }

  /** Moves to the topic's latest state. @returns what to send; undefined: nothing */
  next(): Delivery | Unavailable | undefined {
    const topic = this.#topic;
    const seen = this.#seen;
    if (topic === undefined || topic.sequence === seen) return;
    const { sequence, latest: state } = topic;
    const resumeState = this.#resumeState;
    this.#seen = sequence;
    this.#resumeState = undefined;
    if (state instanceof Unavailable) return this.#fail(state);
    const sent = this.#sent;
    const hasFailed = this.#hasFailed;
    const isReplaced = this.#isReplaced;
    this.#isReplaced = false;
    // Consecutive states differ, others may be equal.
    const mayBeSame = sequence !== this.#sentSequence + 1;
    this.#sentSequence = sequence;
    if (!hasFailed && mayBeSame && sent?.equals(state)) return;
    this.#hasFailed = false;
    this.#sent = state;
    if (sent === undefined) {
      const isUnchanged = resumeState?.equals(state) ?? false;
      return { state, previous: resumeState, isUnchanged, event: "init" };
    }
    this.conflated += sequence - seen - 1;
    return {
      state,
      previous: hasFailed ? undefined : sent,
      isUnchanged: false,
      event: hasFailed || isReplaced ? "update" : topic.kindSince(seen),
      readAt: isReplaced ? undefined : topic.readAt,
    };
  }

  #fail(error: Unavailable): Unavailable | undefined {
    if (!this.deliversErrors || this.#hasFailed) return;
    this.#hasFailed = true;
    return error;
  }
}
