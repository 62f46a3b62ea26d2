import type {
  DeliveryCounts,
  RegisteredStream,
} from "../broadcast/registry.ts";
import { State } from "../broadcast/state.ts";
import type { Subscriber, Topic } from "../broadcast/topic.ts";
import type { Http2Stream } from "../http2/stream.ts";
import type { DeliveryLatency } from "../stats/latency.ts";
import type { ViewStream } from "../view/listener.ts";
import { CODE, type Code, codeOf } from "./status.ts";

/**
 * One caller's stream: a branch of a topic's tee. Nothing is written before
 * the caller has taken what was written before, and then it is the newest; so
 * what a slow one costs is its place. While there is no state, it carries
 * nothing.
 */
export class GrpcStream implements RegisteredStream, Subscriber, ViewStream {
  #topic?: Topic;
  /** The number of the topic's state that was looked at last. */
  #seen = 0;
  #sent?: State;
  #isBusy = false;
  /** Of the message under way, as the topic's. */
  #readAt?: number;
  /** How the call ends, as soon as the message under way is written. */
  #ending?: readonly [code: Code, message: string];
  #hasLeft = false;
  readonly #onTaken = (bytes: number, isLast: boolean) =>
    this.#taken(bytes, isLast);
  /** Messages, and how many of them were not reported yet. */
  #sentCount = 0;
  #deliveries = 0;
  #conflated = 0;
  #bytes = 0;
  /** Something was taken since the last look. */
  #hasMoved = false;
  /** For how long nothing was, in ms, as far as that was looked at. */
  #idle = 0;

  /**
   * @param slot where it is noted how the stream stands
   * @param delays where it is noted when states were taken
   * @param finish ends the call; called once at most
   */
  constructor(
    readonly slot: number,
    private readonly stream: Http2Stream,
    private readonly delays: DeliveryLatency,
    private readonly finish: (code: Code, message: string) => void,
  ) {}

  attach(topic: Topic): void {
    if (this.#ending !== undefined || this.#hasLeft) return;
    this.#topic = topic;
    topic.subscribe(this);
    this.wake();
  }

  fail(message: string, status: number): void {
    this.#end(codeOf(status), message);
  }

  end(): void {
    this.#end(CODE.unavailable, "lainlet ends this stream");
  }

  /** To be called when the caller has gone. */
  leave(): void {
    this.#hasLeft = true;
    this.#topic?.unsubscribe(this);
    this.#topic = undefined;
    this.#sent = undefined;
  }

  wake(): void {
    const topic = this.#topic;
    if (this.#isBusy || topic === undefined || topic.sequence === this.#seen) {
      return;
    }
    const missed = topic.sequence - this.#seen - 1;
    this.#seen = topic.sequence;
    const { latest } = topic;
    if (!(latest instanceof State)) return;
    if (this.#sent !== undefined) {
      // Two that follow each other differ, but not those further apart.
      if (missed > 0 && latest.equals(this.#sent)) return;
      this.#conflated += missed;
      this.#readAt = topic.readAt;
    }
    this.#sent = latest;
    this.#sentCount++;
    this.#deliveries++;
    this.#isBusy = true;
    this.stream.write(latest.bytes, this.#onTaken);
  }

  get sent(): number {
    return this.#sentCount;
  }

  get isBehind(): boolean {
    return this.#isBusy && this.#topic !== undefined &&
      this.#topic.sequence !== this.#seen;
  }

  tick(elapsed: number): number {
    this.#idle = this.#hasMoved || !this.#isBusy ? 0 : this.#idle + elapsed;
    this.#hasMoved = false;
    return this.#idle;
  }

  report(sent: DeliveryCounts): void {
    sent.deliveries += this.#deliveries;
    sent.conflated += this.#conflated;
    sent.bytes += this.#bytes;
    this.#deliveries = this.#conflated = this.#bytes = 0;
  }

  #taken(bytes: number, isLast: boolean): void {
    this.#bytes += bytes;
    this.#hasMoved = true;
    if (!isLast) return;
    this.delays.delivered(this.#readAt);
    this.#isBusy = false;
    if (this.#hasLeft) return;
    if (this.#ending !== undefined) this.finish(...this.#ending);
    else this.wake();
  }

  #end(code: Code, message: string): void {
    if (this.#ending !== undefined || this.#hasLeft) return;
    this.#ending = [code, message];
    this.#topic?.unsubscribe(this);
    this.#topic = undefined;
    if (!this.#isBusy) this.finish(code, message);
  }
}
