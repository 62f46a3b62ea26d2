import { Unavailable } from "../errors.ts";
import { COMMENT, errorFrame, HEARTBEAT } from "./frame.ts";
import type { State } from "./state.ts";
import type { Topic } from "./topic.ts";

/**
 * One listener's event stream: a branch of a topic's tee.
 *
 * The stream holds nothing ahead of its reader (`highWaterMark: 0`): when the
 * reader is ready and there is something to say, the frame is made then, from
 * what is newest then. So memory per listener is one frame, however slow it
 * is, and ids count what was really sent.
 */
export class Branch {
  readonly stream: ReadableStream<Uint8Array>;
  #controller?: ReadableStreamDefaultController<Uint8Array>;
  #topic?: Topic;
  /** The reader waits for a frame. */
  #hungry = false;
  #id = 0;
  /** The number of the topic's state that was looked at last. */
  #seen = 0;
  #sent?: State;
  /** The last thing sent of the topic was an error. */
  #broken = false;
  #heartbeatDue = false;
  #commentDue = false;
  #timer?: ReturnType<typeof setInterval>;
  #failure?: string;
  #isOver = false;
  #carriedAt = performance.now();

  /**
   * @param heartbeat seconds between heartbeats; 0: none
   * @param onOver called once, when the stream has ended or its reader left
   */
  constructor(heartbeat: number, private readonly onOver: () => void) {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#hungry = true;
        this.wake();
      },
      cancel: () => this.#leave(),
    }, { highWaterMark: 0 });
    if (heartbeat > 0) {
      this.#timer = setInterval(() => {
        this.#heartbeatDue = true;
        this.wake();
      }, heartbeat * 1000);
    }
  }

  /** Whether states can still be carried. */
  get isOpen(): boolean {
    return !this.#isOver && this.#failure === undefined;
  }

  /** Carries a topic's states from now on. */
  attach(topic: Topic): void {
    this.#topic = topic;
    topic.join(this);
    this.wake();
  }

  /** Ends the stream with an error event. */
  fail(message: string): void {
    if (!this.isOpen) return;
    this.#failure = message;
    this.#topic?.leave(this);
    this.#topic = undefined;
    this.wake();
  }

  /** Ends the stream, without a word. */
  end(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#controller?.close();
  }

  /** Sends a comment when nothing was carried for so many ms. */
  keepAlive(idle: number): void {
    if (performance.now() - this.#carriedAt < idle) return;
    this.#commentDue = true;
    this.wake();
  }

  /** Looks for something to send; called by the topic when there is a new state. */
  wake(): void {
    if (!this.#hungry || this.#isOver) return;
    const chunks = this.#next();
    if (chunks === undefined) return;
    this.#hungry = false;
    this.#carriedAt = performance.now();
    this.#commentDue = false;
    const over = this.#failure !== undefined;
    if (over) this.#leave();
    for (const chunk of chunks) this.#controller?.enqueue(chunk);
    if (over) this.#controller?.close();
  }

  #next(): readonly Uint8Array[] | undefined {
    if (this.#failure !== undefined) return [errorFrame(this.#failure)];
    const frame = this.#nextState();
    if (frame !== undefined) return frame;
    if (this.#heartbeatDue) {
      this.#heartbeatDue = false;
      return [HEARTBEAT];
    }
    if (this.#commentDue) return [COMMENT];
  }

  #nextState(): readonly Uint8Array[] | undefined {
    const topic = this.#topic;
    if (topic === undefined || topic.number === this.#seen) return;
    const seen = this.#seen;
    this.#seen = topic.number;
    const state = topic.latest;
    if (state instanceof Unavailable) {
      if (this.#broken) return;
      this.#broken = true;
      return [errorFrame(state.message)];
    }
    const sent = this.#sent;
    // States that were never sent may lie between two that are equal.
    if (!this.#broken && sent !== undefined && state.equals(sent)) return;
    const event = sent === undefined
      ? "init"
      : this.#broken
      ? "update"
      : topic.kindSince(seen);
    this.#broken = false;
    this.#sent = state;
    return state.frame(++this.#id, event);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#topic?.leave(this);
    this.onOver();
  }
}
