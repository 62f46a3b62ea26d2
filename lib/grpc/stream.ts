import { Cursor } from "../broadcast/cursor.ts";
import {
  RegisteredStream,
  type StreamRegistry,
} from "../broadcast/registry.ts";
import type { Subscriber, Topic } from "../broadcast/topic.ts";
import { Unavailable } from "../errors.ts";
import type { ViewStream } from "../view/views.ts";
import type { Call } from "./call.ts";
import { CODE, type Code, codeOfStatus } from "./status.ts";

/**
 * One caller's stream of a view: a branch of the tee whose trunk is a
 * {@linkcode Topic}. A message is written when the caller has taken the one
 * before it, from the state that is the latest then. While there is no state,
 * the stream carries nothing.
 */
export class GrpcStream extends RegisteredStream
  implements Subscriber, ViewStream {
  readonly #cursor = new Cursor(this, false);
  #sent = 0;
  /** The caller has not taken all of the last message. */
  #isWriting = false;
  /** See {@linkcode Topic.readAt}, of the message that is being written. */
  #readAt?: number;
  /** How the call ends once the message that is being written is taken. */
  #ending?: readonly [code: Code, message: string];
  #isClosed = false;
  readonly #onTaken = (bytes: number, isLast: boolean) =>
    this.#taken(bytes, isLast);

  /**
   * Opens a stream, which carries nothing until {@linkcode attach}.
   *
   * @param slot see {@linkcode RegisteredStream.slot}
   * @param onSlow called when the stream is ended because the caller is too slow
   */
  constructor(
    private readonly registry: StreamRegistry,
    private readonly call: Call,
    slot: number,
    onSlow: () => void,
  ) {
    super(slot);
    call.open();
    registry.add(this, onSlow);
  }

  attach(topic: Topic): void {
    if (this.#ending !== undefined || this.#isClosed) return;
    this.#cursor.attach(topic);
    this.wake();
  }

  fail(message: string, status: number): void {
    this.#end(codeOfStatus(status), message);
  }

  override end(): void {
    this.#end(CODE.unavailable, "lainlet is shutting down");
  }

  /** Called when the call is over. */
  close(): void {
    this.#isClosed = true;
    this.#cursor.detach();
    this.registry.remove(this);
  }

  override get sent(): number {
    return this.#sent;
  }

  override get isUnread(): boolean {
    return this.#isWriting;
  }

  override get isBehind(): boolean {
    return this.#isWriting && this.#cursor.isBehind;
  }

  protected override takeConflated(): number {
    const { conflated } = this.#cursor;
    this.#cursor.conflated = 0;
    return conflated;
  }

  /** Writes the latest state, unless the caller has it or is still being written to. */
  wake(): void {
    if (this.#isWriting) return;
    const delivery = this.#cursor.next();
    if (delivery === undefined || delivery instanceof Unavailable) return;
    this.#sent++;
    this.#readAt = delivery.readAt;
    this.#isWriting = true;
    this.progressed(0);
    this.call.stream.write(delivery.state.bytes, this.#onTaken);
  }

  #taken(bytes: number, isLast: boolean): void {
    this.progressed(bytes);
    if (!isLast) return;
    this.registry.counters.latency.delivered(this.#readAt);
    this.#isWriting = false;
    if (this.#isClosed) return;
    if (this.#ending !== undefined) this.call.finish(...this.#ending);
    else this.wake();
  }

  #end(code: Code, message: string): void {
    if (this.#ending !== undefined || this.#isClosed) return;
    this.#ending = [code, message];
    this.#cursor.detach();
    if (!this.#isWriting) this.call.finish(code, message);
  }
}
