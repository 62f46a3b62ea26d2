import {
  COMMENT,
  errorFrame,
  EventCursor,
  EventIds,
  type EventOptions,
  heartbeatFrame,
} from "./events.ts";
import { RegisteredStream, type StreamRegistry } from "./registry.ts";
import type { State } from "./state.ts";
import type { Subscriber, Topic } from "./topic.ts";

/** Options of {@linkcode Branch}. */
export interface BranchOptions extends EventOptions {
  /** Seconds between heartbeats; 0: none. */
  readonly heartbeat: number;
  /** Name of each topic, appended to the names of its events; undefined: the stream carries one topic, and nothing is appended. */
  readonly names?: readonly string[];
  /** Entity tag of the state that the listener has, for each topic. */
  readonly since?: readonly (string | undefined)[];
  /** See {@linkcode RegisteredStream.slot}. */
  readonly slot?: number;
}

/**
 * One listener's event stream: a branch of the tee whose trunk is a
 * {@linkcode Topic}.
 *
 * The stream buffers nothing (`highWaterMark: 0`): a frame is made when the
 * reader is ready, from the state that is the latest then. So a listener takes
 * the memory of one frame, however slow it is.
 *
 * A stream of several topics sends the changes of all of them together, once a
 * revision barrier has let them pass at one revision.
 */
export class Branch extends RegisteredStream
  implements Subscriber, UnderlyingDefaultSource<Uint8Array> {
  readonly stream: ReadableStream<Uint8Array>;
  #controller?: ReadableStreamDefaultController<Uint8Array>;
  readonly #ids: EventIds;
  readonly #cursors: readonly EventCursor[];
  #isScheduled = false;
  #isReaderReady = false;
  #heartbeatDue = false;
  #commentDue = false;
  #heartbeat?: ReturnType<typeof setInterval>;
  /** Message of an error that ends all topics. */
  #finalError?: string;
  #isClosed = false;

  /**
   * Opens a stream, which carries nothing until {@linkcode attach}.
   *
   * @param onSlow called when the stream is ended because its listener is too slow
   */
  constructor(
    private readonly registry: StreamRegistry,
    options: BranchOptions,
    onSlow: () => void,
  ) {
    super(options.slot);
    const { heartbeat, names, since, tag } = options;
    const { latency } = registry.counters;
    const ids = new EventIds(
      tag ? names?.map((_, i) => since?.[i]) : undefined,
    );
    const cursorOf = (suffix: string, index: number) =>
      new EventCursor(this, options, latency, ids, index, suffix);
    this.#ids = ids;
    this.#cursors = names === undefined
      ? [cursorOf("", 0)]
      : names.map((name, i) => cursorOf(` ${name}`, i));
    this.stream = new ReadableStream<Uint8Array>(this, { highWaterMark: 0 });
    if (heartbeat > 0) {
      this.#heartbeat = setInterval(() => {
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
    this.#isReaderReady = true;
    this.wake();
  }

  cancel(): void {
    this.#close();
  }

  /**
   * Subscribes the stream to a topic.
   *
   * @param resumeState the state that the listener has
   * @param index of the topic, when the stream carries several
   */
  attach(topic: Topic, resumeState?: State, index = 0): void {
    const cursor = this.#cursors[index];
    if (!this.#isOpen || cursor === undefined || cursor.isRevoked) return;
    cursor.attach(topic, resumeState);
    this.wake();
  }

  /**
   * Ends a topic with an error event, and the stream with the last topic.
   *
   * @param index of the topic; undefined: all
   */
  fail(message: string, _status?: number, index?: number): void {
    if (!this.#isOpen) return;
    const cursor = index === undefined ? undefined : this.#cursors[index];
    if (cursor === undefined) {
      this.#finalError = message;
      this.#detach();
    } else if (!cursor.isRevoked) cursor.revoke(message);
    this.wake();
  }

  override end(): void {
    if (this.#isClosed) return;
    this.#close();
    this.#controller?.close();
  }

  override keepAlive(): void {
    this.#commentDue = true;
    this.wake();
  }

  override get sent(): number {
    return this.#ids.count;
  }

  override get isUnread(): boolean {
    return !this.#isReaderReady;
  }

  override get isBehind(): boolean {
    return this.isUnread && this.#cursors.some(({ isBehind }) => isBehind);
  }

  protected override takeConflated(): number {
    let conflated = 0;
    for (const cursor of this.#cursors) {
      conflated += cursor.conflated;
      cursor.conflated = 0;
    }
    return conflated;
  }

  /** Sends the next frames, if the reader is ready and there are any. */
  wake(): void {
    if (!this.#isReaderReady || this.#isClosed || this.#isScheduled) return;
    if (this.#cursors.length === 1) return this.#send();
    // The microtask runs after all topics that change together have changed.
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (!this.#isReaderReady || this.#isClosed) return;
    const chunks = this.#next();
    if (chunks === undefined) return;
    this.#isReaderReady = false;
    this.#commentDue = false;
    const isLast = this.#finalError !== undefined ||
      this.#cursors.every(({ isRevoked }) => isRevoked);
    for (const chunk of chunks) {
      this.progressed(chunk.length);
      this.#controller?.enqueue(chunk);
      // When the connection has gone, the reader cancels as it gets a chunk.
      if (this.#isClosed) return;
    }
    if (isLast) this.end();
  }

  #next(): readonly Uint8Array[] | undefined {
    if (this.#finalError !== undefined) {
      return [errorFrame(this.#finalError, this.#ids.current)];
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
    const [only] = this.#cursors;
    if (this.#cursors.length === 1 && only && !only.isRevoked) {
      return only.nextFrame();
    }
    const frames: Uint8Array[] = [];
    for (const cursor of this.#cursors) {
      const finalFrame = cursor.takeFinalFrame();
      if (finalFrame !== undefined) frames.push(finalFrame);
    }
    if (this.#havePassedTogether) {
      for (const cursor of this.#cursors) {
        frames.push(...cursor.nextFrame() ?? []);
      }
    }
    return frames.length > 0 ? frames : undefined;
  }

  /** Whether the states of all topics passed the barrier together. */
  get #havePassedTogether(): boolean {
    const open = this.#cursors.filter(({ isRevoked }) => !isRevoked);
    const pass = open[0]?.topic?.pass;
    return open.every(({ topic }) =>
      topic !== undefined && topic.pass === pass
    );
  }

  #detach(): void {
    for (const cursor of this.#cursors) cursor.detach();
  }

  /** Whether the stream can carry states. */
  get #isOpen(): boolean {
    return !this.#isClosed && this.#finalError === undefined;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    this.#detach();
    this.registry.remove(this);
  }
}
