import { Cursor } from "../broadcast/cursor.ts";
import { RegisteredStream } from "../broadcast/registry.ts";
import type { Subscriber, Topic } from "../broadcast/topic.ts";
import { Unavailable } from "../errors.ts";
import type { Http2Stream } from "../http2/stream.ts";
import type { DeliveryLatency } from "../stats/latency.ts";
import type { ViewStream } from "../view/listener.ts";
import { CODE, type Code, codeOf } from "./status.ts";

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
  #hasLeft = false;
  readonly #onTaken = (bytes: number, isLast: boolean) =>
    this.#taken(bytes, isLast);

  /**
   * @param slot see {@linkcode RegisteredStream.slot}
   * @param finish ends the call; called once at most
   */
  constructor(
    slot: number,
    private readonly stream: Http2Stream,
    private readonly latency: DeliveryLatency,
    private readonly finish: (code: Code, message: string) => void,
  ) {
    super(slot);
  }

  attach(topic: Topic): void {
    if (this.#ending !== undefined || this.#hasLeft) return;
    this.#cursor.attach(topic);
    this.wake();
  }

  fail(message: string, status: number): void {
    this.#end(codeOf(status), message);
  }

  override end(): void {
    this.#end(CODE.unavailable, "lainlet ends this stream");
  }

  /** Called when the call is over. */
  leave(): void {
    this.#hasLeft = true;
    this.#cursor.detach();
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
    this.stream.write(delivery.state.bytes, this.#onTaken);
  }

  #taken(bytes: number, isLast: boolean): void {
    this.progressed(bytes);
    if (!isLast) return;
    this.latency.delivered(this.#readAt);
    this.#isWriting = false;
    if (this.#hasLeft) return;
    if (this.#ending !== undefined) this.finish(...this.#ending);
    else this.wake();
  }

  #end(code: Code, message: string): void {
    if (this.#ending !== undefined || this.#hasLeft) return;
    this.#ending = [code, message];
    this.#cursor.detach();
    if (!this.#isWriting) this.finish(code, message);
  }
}
