import { Unavailable } from "../errors.ts";
import type { DeliveryLatency } from "../stats/latency.ts";
import { errorFrame, type EventIds, notesOf, unchanged } from "./events.ts";
import type { State } from "./state.ts";
import type { Topic } from "./topic.ts";

/** How the states of a topic are told. */
export interface StrandOptions {
  /** Send what changed as a JSON Merge Patch, where that can be said. */
  readonly patch: boolean;
  /** Say the entity tag of each state, and the revision that it rests on, before it. */
  readonly tag: boolean;
}

/** A topic that a stream carries: what the reader has of it, and what it is told next. */
export class Strand {
  topic?: Topic;
  /** The reader is told no more of the topic than why. */
  isOver = false;
  /** States that the reader never got, as newer ones came first; whoever reports them sets them to 0. */
  conflated = 0;
  /** The number of the topic's state that was looked at last. */
  #seen = 0;
  #sent?: State;
  /** What the reader has from another stream. */
  #had?: State;
  /** The last thing sent of the topic was an error. */
  #isBroken = false;
  #failure?: string;

  /**
   * @param delays where it is noted when states were taken
   * @param which of the stream's topics it is
   * @param suffix what is behind an event's name
   */
  constructor(
    private readonly options: StrandOptions,
    private readonly delays: DeliveryLatency,
    private readonly ids: EventIds,
    private readonly which: number,
    private readonly suffix: string,
  ) {}

  /** Whether there is a newer state than the last one that was looked at. */
  get isBehind(): boolean {
    return this.topic !== undefined && this.topic.sequence !== this.#seen;
  }

  /** Takes the topic. @param had the state that the reader has */
  attach(topic: Topic, had?: State): void {
    this.topic = topic;
    this.#had = had;
  }

  /** Ends it, as the reader may see the topic no more. @param message why */
  fail(message: string): void {
    this.#failure = message;
    this.isOver = true;
    this.ids.set(this.which, undefined);
  }

  /** The frame that says why the reader may see the topic no more, once. */
  farewell(): Uint8Array | undefined {
    const failure = this.#failure;
    if (failure === undefined) return;
    this.#failure = undefined;
    return errorFrame(failure, this.ids.current, `error${this.suffix}`);
  }

  /** The frame that brings the reader to the topic's latest state, in chunks; undefined: there is nothing to say. */
  next(): readonly Uint8Array[] | undefined {
    const { topic, ids, suffix } = this;
    const seen = this.#seen;
    if (topic === undefined || topic.sequence === seen) return;
    this.#seen = topic.sequence;
    const state = topic.latest;
    const had = this.#had;
    this.#had = undefined;
    const isBroken = this.#isBroken;
    if (state instanceof Unavailable) {
      if (isBroken) return;
      this.#isBroken = true;
      return [errorFrame(state.message, ids.current, `error${suffix}`)];
    }
    const sent = this.#sent;
    // Two that follow each other differ, but not those further apart.
    if (
      !isBroken && sent !== undefined && topic.sequence !== seen + 1 &&
      state.equals(sent)
    ) return;
    this.#isBroken = false;
    this.#sent = state;
    let notes: string | undefined;
    if (this.options.tag) {
      notes = notesOf(state.etag, topic.revision);
      ids.set(this.which, state.etag);
    }
    if (had?.equals(state)) return [unchanged(notes ?? "", suffix)];
    const id = ids.next();
    // Before the first one there was nothing to miss.
    if (sent !== undefined) {
      this.conflated += topic.sequence - seen - 1;
      this.delays.delivered(topic.readAt);
    }
    const from = isBroken ? undefined : sent ?? had;
    const patch = this.options.patch && from?.isObject && state.isObject &&
      state.patchFrom(from);
    if (patch) return patch.frame(id, `patch${suffix}`, notes);
    const event = sent === undefined
      ? "init"
      : isBroken
      ? "update"
      : topic.kindSince(seen);
    return state.frame(id, event + suffix, notes);
  }
}
