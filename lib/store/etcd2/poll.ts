import { type Exchange, PIECE_TIMEOUT } from "./exchange.ts";
import { MAX_LEAF } from "./leaves.ts";
import { type Event, eventOf } from "./messages.ts";

/** A request for the next event, whose headers have come. */
export class Poll {
  #isAnswered = false;
  #isStopped = false;
  /**
   * What happened; undefined when etcd ended the poll, as it does with one
   * that is 100 events behind, or when {@linkcode stop} did. Fails when it is
   * no event.
   */
  readonly event: Promise<Event | undefined>;

  /** @param index etcd's, taken together with its look into history */
  constructor(readonly index: number, private readonly exchange: Exchange) {
    this.event = this.#read();
    // It may be stopped before anybody waits.
    this.event.catch(() => {});
  }

  /** Whether something of the event has come. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  stop(): void {
    this.#isStopped = true;
    this.exchange.close();
  }

  async #read(): Promise<Event | undefined> {
    let text: string;
    try {
      // This may last for ever.
      const first = await this.exchange.read(Infinity);
      if (first === undefined) return undefined;
      this.#isAnswered = true;
      text = await this.exchange.text(MAX_LEAF, PIECE_TIMEOUT, first);
    } catch (error) {
      // A connection that is lost is found out by the next poll.
      if (this.#isStopped || !this.#isAnswered) return undefined;
      throw error;
    } finally {
      this.exchange.close();
    }
    return text.trim() === "" ? undefined : eventOf(text);
  }
}
