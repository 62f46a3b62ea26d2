import type {
  DeliveryCounts,
  RegisteredStream,
  StreamRegistry,
} from "./registry.ts";
import { COMMENT, errorFrame, EventIds, heartbeatFrame } from "./events.ts";
import type { State } from "./state.ts";
import { Strand, type StrandOptions } from "./cursor.ts";
import type { Subscriber, Topic } from "./topic.ts";

/** How a stream is made. */
export interface BranchOptions extends StrandOptions {
  /** Seconds between heartbeats; 0: none. */
  readonly heartbeat: number;
  /** What is behind an event's name, for each of several topics that the stream carries; undefined: it carries one. */
  readonly names?: readonly string[];
  /** The entity tag of the state that the reader says it has, for each of them. */
  readonly since?: readonly (string | undefined)[];
  /** Where it is noted how the stream stands; undefined: nowhere. */
  readonly slot?: number;
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
export class Branch
  implements RegisteredStream, Subscriber, UnderlyingDefaultSource<Uint8Array> {
  readonly stream: ReadableStream<Uint8Array>;
  #controller?: ReadableStreamDefaultController<Uint8Array>;
  readonly #ids: EventIds;
  readonly #strands: readonly Strand[];
  #isLooking = false;
  /** The reader waits for a frame. */
  #hungry = false;
  #heartbeatDue = false;
  #commentDue = false;
  #timer?: ReturnType<typeof setInterval>;
  #failure?: string;
  #isOver = false;
  /** Something was taken since the last look. */
  #hasMoved = false;
  /** What was not reported yet, and how many frames were. */
  #bytes = 0;
  #reported = 0;
  /** For how long nothing was, in ms, as far as that was looked at. */
  #idle = 0;

  /**
   * Opens a stream, which carries nothing until {@linkcode attach}.
   *
   * @param onSlow called when the stream is ended because its reader is too slow
   */
  constructor(
    private readonly registry: StreamRegistry,
    private readonly options: BranchOptions,
    onSlow: () => void,
  ) {
    const { latency: delays } = registry.counters;
    const { heartbeat, names, since, tag } = options;
    const etags = tag ? names?.map((_, i) => since?.[i]) : undefined;
    const ids = this.#ids = new EventIds(etags);
    this.#strands = names === undefined
      ? [new Strand(options, delays, ids, 0, "")]
      : names.map((name, i) => new Strand(options, delays, ids, i, ` ${name}`));
    this.stream = new ReadableStream<Uint8Array>(this, { highWaterMark: 0 });
    if (heartbeat > 0) {
      this.#timer = setInterval(() => {
        this.#heartbeatDue = true;
        this.wake();
      }, heartbeat * 1000);
    }
    registry.add(this, onSlow);
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
    this.#close();
  }

  /**
   * Carries a topic's states from now on.
   *
   * @param had the one that the reader has
   * @param which of several topics
   */
  attach(topic: Topic, had?: State, which = 0): void {
    const strand = this.#strands[which];
    if (!this.#isOpen || strand === undefined || strand.isOver) return;
    strand.attach(topic, had);
    topic.subscribe(this);
    this.wake();
  }

  /**
   * Ends the stream with an error event.
   *
   * @param which of several topics it ends; undefined: all
   */
  fail(message: string, _status?: number, which?: number): void {
    if (!this.#isOpen) return;
    const strand = which === undefined ? undefined : this.#strands[which];
    if (strand === undefined) {
      this.#failure = message;
      this.#leaveAll();
    } else if (!strand.isOver) {
      strand.fail(message);
      this.#leave(strand);
    }
    this.wake();
  }

  /** Ends the stream, after what the reader has not taken yet. */
  end(): void {
    if (this.#isOver) return;
    this.#close();
    this.#controller?.close();
  }

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

  get slot(): number | undefined {
    return this.options.slot;
  }

  /** Frames with a state or a patch that were sent. */
  get sent(): number {
    return this.#ids.count;
  }

  /** Whether there is a newer state than the reader has taken. */
  get isBehind(): boolean {
    return !this.#hungry && this.#strands.some(({ isBehind }) => isBehind);
  }

  /** Adds what was carried since the last time. */
  report(sent: DeliveryCounts): void {
    sent.deliveries += this.sent - this.#reported;
    sent.bytes += this.#bytes;
    this.#reported = this.sent;
    this.#bytes = 0;
    for (const strand of this.#strands) {
      sent.conflated += strand.conflated;
      strand.conflated = 0;
    }
  }

  /** Looks for something to send; called by the topic when there is a new state. */
  wake(): void {
    if (!this.#hungry || this.#isOver || this.#isLooking) return;
    if (this.#strands.length === 1) return this.#look();
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
      this.#strands.every(({ isOver }) => isOver);
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
      return [errorFrame(this.#failure, this.#ids.current)];
    }
    const frames = this.#nextStates();
    if (frames !== undefined) return frames;
    if (this.#heartbeatDue) {
      this.#heartbeatDue = false;
      return [heartbeatFrame(this.#ids.current)];
    }
    if (this.#commentDue) return [COMMENT];
  }

  #nextStates(): readonly Uint8Array[] | undefined {
    const [only] = this.#strands;
    if (this.#strands.length === 1 && only && !only.isOver) return only.next();
    const frames: Uint8Array[] = [];
    for (const strand of this.#strands) {
      const farewell = strand.farewell();
      if (farewell !== undefined) frames.push(farewell);
    }
    if (this.#isTogether) {
      for (const strand of this.#strands) frames.push(...strand.next() ?? []);
    }
    return frames.length > 0 ? frames : undefined;
  }

  /** Whether all topics stand at one revision. */
  get #isTogether(): boolean {
    const open = this.#strands.filter(({ isOver }) => !isOver);
    return open.every(({ topic }) =>
      topic !== undefined && topic.revision === open[0]?.topic?.revision
    );
  }

  #leaveAll(): void {
    for (const strand of this.#strands) this.#leave(strand);
  }

  #leave(strand: Strand): void {
    strand.topic?.unsubscribe(this);
    strand.topic = undefined;
  }

  /** Whether states can still be carried. */
  get #isOpen(): boolean {
    return !this.#isOver && this.#failure === undefined;
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#leaveAll();
    this.registry.remove(this);
  }
}
