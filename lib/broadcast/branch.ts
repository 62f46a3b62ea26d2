import { Unavailable } from "../errors.ts";
import type { Delays } from "../vitals/delays.ts";
import { eventId } from "./event_id.ts";
import {
  COMMENT,
  errorFrame,
  heartbeatFrame,
  notesOf,
  unchanged,
} from "./frame.ts";
import type { State } from "./state.ts";
import type { Follower, Topic } from "./topic.ts";

/** How a stream is made. */
export interface BranchOptions {
  /** Seconds between heartbeats; 0: none. */
  readonly heartbeat: number;
  /** Send what changed as a JSON Merge Patch, where that can be said. */
  readonly patch: boolean;
  /** Say the entity tag of each state, and the revision that it rests on, before it. */
  readonly tag: boolean;
  /** What is behind an event's name, for each of several topics that the stream carries; undefined: it carries one. */
  readonly names?: readonly string[];
  /** The entity tag of the state that the reader says it has, for each of them. */
  readonly since?: readonly (string | undefined)[];
  /** Where it is noted how the stream stands; undefined: nowhere. */
  readonly place?: number;
}

/** A topic that a stream carries. */
interface Carried {
  /** Behind an event's name. */
  readonly suffix: string;
  topic?: Topic;
  /** The number of the topic's state that was looked at last. */
  seen: number;
  sent?: State;
  /** Of several topics: the entity tag of the state that the reader has; for ids. */
  etag?: string;
  /** What the reader has from another stream. */
  had?: State;
  /** The last thing sent of the topic was an error. */
  isBroken: boolean;
  /** Why the reader may see it no more. */
  failure?: string;
  isOver: boolean;
}

/** What streams carried. */
export interface Sent {
  deliveries: number;
  conflated: number;
  bytes: number;
}

/**
 * One listener's event stream: a branch of a topic's tee.
 *
 * The stream holds nothing ahead of its reader (`highWaterMark: 0`): when the
 * reader is ready and there is something to say, the frame is made then, from
 * what is newest then. So memory per listener is one frame, however slow it
 * is, and ids count what was really sent.
 *
 * A stream of several topics, which are gated together, carries what is new of
 * all of them at once, when all stand at one revision.
 */
export class Branch implements Follower, UnderlyingDefaultSource<Uint8Array> {
  readonly stream: ReadableStream<Uint8Array>;
  #controller?: ReadableStreamDefaultController<Uint8Array>;
  readonly #carried: readonly Carried[];
  #isLooking = false;
  /** The reader waits for a frame. */
  #hungry = false;
  #id = 0;
  #heartbeatDue = false;
  #commentDue = false;
  #timer?: ReturnType<typeof setInterval>;
  #failure?: string;
  #isOver = false;
  /** Something was taken since the last look. */
  #hasMoved = false;
  /** What was not reported yet, and the last id that was. */
  #bytes = 0;
  #conflated = 0;
  #reported = 0;
  /** For how long nothing was, in ms, as far as that was looked at. */
  #idle = 0;

  /**
   * @param delays where it is noted when states were taken
   * @param onOver called once, when the stream has ended or its reader left
   */
  constructor(
    private readonly options: BranchOptions,
    private readonly delays: Delays,
    private readonly onOver: () => void,
  ) {
    const { heartbeat, names, since } = options;
    this.#carried = (names?.map((name) => ` ${name}`) ?? [""]).map((
      suffix,
      i,
    ) => ({
      suffix,
      seen: 0,
      etag: since?.[i],
      isBroken: false,
      isOver: false,
    }));
    this.stream = new ReadableStream<Uint8Array>(this, { highWaterMark: 0 });
    if (heartbeat > 0) {
      this.#timer = setInterval(() => {
        this.#heartbeatDue = true;
        this.wake();
      }, heartbeat * 1000);
    }
  }

  /** Called by the stream, as are {@linkcode pull} and {@linkcode cancel}. */
  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  pull(): void {
    this.#hungry = true;
    this.wake();
  }

  cancel(): void {
    this.#leave();
  }

  /**
   * Carries a topic's states from now on.
   *
   * @param had the one that the reader has
   * @param which of several topics
   */
  attach(topic: Topic, had?: State, which = 0): void {
    const carried = this.#carried[which];
    if (!this.#isOpen || carried === undefined || carried.isOver) return;
    carried.topic = topic;
    carried.had = had;
    topic.join(this);
    this.wake();
  }

  /**
   * Ends the stream with an error event.
   *
   * @param which of several topics it ends; undefined: all
   */
  fail(message: string, _status?: number, which?: number): void {
    if (!this.#isOpen) return;
    const carried = which === undefined ? undefined : this.#carried[which];
    if (carried === undefined) {
      this.#failure = message;
      this.#leaveAll();
    } else if (!carried.isOver) {
      carried.failure = message;
      carried.etag = undefined;
      carried.isOver = true;
      carried.topic?.leave(this);
      carried.topic = undefined;
    }
    this.wake();
  }

  /** Ends the stream, after what the reader has not taken yet. */
  end(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#controller?.close();
  }

  /** Called now and then: a clock is too dear for each frame. */
  tick(elapsed: number, idle: number): number {
    this.#idle = this.#hasMoved ? 0 : this.#idle + elapsed;
    this.#hasMoved = false;
    if (!this.#hungry) return this.#idle;
    if (this.#idle >= idle) {
      this.#commentDue = true;
      this.wake();
    }
    return 0;
  }

  get place(): number | undefined {
    return this.options.place;
  }

  /** Frames with a state or a patch that were sent. */
  get sent(): number {
    return this.#id;
  }

  /** Whether there is a newer state than the reader has taken. */
  get isBehind(): boolean {
    return !this.#hungry &&
      this.#carried.some(({ topic, seen }) =>
        topic !== undefined && topic.number !== seen
      );
  }

  /** Adds what was carried since the last time. */
  report(sent: Sent): void {
    sent.deliveries += this.#id - this.#reported;
    sent.conflated += this.#conflated;
    sent.bytes += this.#bytes;
    this.#reported = this.#id;
    this.#conflated = this.#bytes = 0;
  }

  /** Looks for something to send; called by the topic when there is a new state. */
  wake(): void {
    if (!this.#hungry || this.#isOver || this.#isLooking) return;
    if (this.#carried.length === 1) return this.#look();
    // All topics that change together have changed by then.
    this.#isLooking = true;
    queueMicrotask(() => {
      this.#isLooking = false;
      this.#look();
    });
  }

  #look(): void {
    if (!this.#hungry || this.#isOver) return;
    const chunks = this.#next();
    if (chunks === undefined) return;
    this.#hungry = false;
    this.#hasMoved = true;
    this.#commentDue = false;
    const over = this.#failure !== undefined ||
      this.#carried.every(({ isOver }) => isOver);
    for (const chunk of chunks) {
      this.#bytes += chunk.length;
      this.#controller?.enqueue(chunk);
      // A reader whose connection has gone leaves when it is given something.
      if (this.#isOver) return;
    }
    if (over) this.end();
  }

  #next(): readonly Uint8Array[] | undefined {
    if (this.#failure !== undefined) {
      return [errorFrame(this.#failure, this.#idOf(0))];
    }
    const frames = this.#nextStates();
    if (frames !== undefined) return frames;
    if (this.#heartbeatDue) {
      this.#heartbeatDue = false;
      return [heartbeatFrame(this.#idOf(0))];
    }
    if (this.#commentDue) return [COMMENT];
  }

  #nextStates(): readonly Uint8Array[] | undefined {
    const [only] = this.#carried;
    if (this.#carried.length === 1 && only && !only.isOver) {
      return this.#nextState(only);
    }
    const frames: Uint8Array[] = [];
    for (const carried of this.#carried) {
      const { failure, suffix } = carried;
      if (failure === undefined) continue;
      carried.failure = undefined;
      frames.push(errorFrame(failure, this.#idOf(0), `error${suffix}`));
    }
    if (this.#isTogether) {
      for (const one of this.#carried) {
        frames.push(...this.#nextState(one) ?? []);
      }
    }
    return frames.length > 0 ? frames : undefined;
  }

  /** Whether all topics stand at one revision. */
  get #isTogether(): boolean {
    const open = this.#carried.filter(({ isOver }) => !isOver);
    return open.every(({ topic }) =>
      topic !== undefined && topic.revision === open[0]?.topic?.revision
    );
  }

  #nextState(carried: Carried): readonly Uint8Array[] | undefined {
    const { topic, seen, had, sent, isBroken, suffix } = carried;
    if (topic === undefined || topic.number === seen) return;
    carried.seen = topic.number;
    const state = topic.latest;
    carried.had = undefined;
    if (state instanceof Unavailable) {
      if (isBroken) return;
      carried.isBroken = true;
      return [errorFrame(state.message, this.#idOf(0), `error${suffix}`)];
    }
    // Two that follow each other differ, but not those further apart.
    if (
      !isBroken && sent !== undefined && topic.number !== seen + 1 &&
      state.equals(sent)
    ) return;
    const notes = this.options.tag
      ? notesOf(state.etag, topic.revision)
      : undefined;
    carried.isBroken = false;
    carried.sent = state;
    if (this.#areIdsNames) carried.etag = state.etag;
    if (had?.equals(state)) return [unchanged(notes ?? "", suffix)];
    const id = this.#idOf(++this.#id);
    // Before the first one there was nothing to miss.
    if (sent !== undefined) this.#conflated += topic.number - seen - 1;
    if (sent !== undefined) this.delays.taken(topic.readAt);
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

  /** Whether ids tell what the reader has, so that it can go on from there. */
  get #areIdsNames(): boolean {
    return this.options.tag && this.options.names !== undefined;
  }

  /** The id of an event. @param count where ids count */
  #idOf(count: number): number | string {
    if (!this.#areIdsNames) return count;
    return eventId(this.#carried.map(({ etag }) => etag));
  }

  #leaveAll(): void {
    for (const carried of this.#carried) {
      carried.topic?.leave(this);
      carried.topic = undefined;
    }
  }

  /** Whether states can still be carried. */
  get #isOpen(): boolean {
    return !this.#isOver && this.#failure === undefined;
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#leaveAll();
    this.onOver();
  }
}
