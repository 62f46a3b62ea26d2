import { onAbort } from "../../abort.ts";
import { type Event, eventOf, MAX_LEAF } from "./messages.ts";

/** How long etcd may take to answer a small request, in ms: TLS included. */
export const TIMEOUT = 3_000;
/** How long etcd may take for the next piece of a large answer, in ms. */
export const PIECE_TIMEOUT = 8_000;

/** One request, and what is read of its answer. */
export class Exchange {
  readonly #abort = new AbortController();
  readonly #remove?: () => void;
  #reader?: ReadableStreamDefaultReader<Uint8Array>;

  /** @param connection ends it, too */
  constructor(connection: AbortSignal) {
    this.#remove = onAbort(
      connection,
      () =>
        this.close(connection.reason ?? new Error("the connection was closed")),
    );
  }

  /**
   * Asks; what follows the headers is there for {@linkcode read}.
   *
   * @param timeout how long the headers may take, in ms
   * @throws {Error} when they do not come
   */
  async open(
    url: string,
    options: RequestInit & { client: Deno.HttpClient },
    timeout: number,
  ): Promise<Response> {
    const { signal } = this.#abort;
    const response = await this.#within(
      timeout,
      // Where to is for whoever runs lainlet to say.
      fetch(url, { ...options, signal, redirect: "manual" }),
    );
    this.#reader = response.body?.getReader();
    return response;
  }

  /**
   * The next bytes of the answer; undefined at its end.
   *
   * @param timeout how long they may take, in ms; Infinity: for ever
   * @throws {Error} when they do not come
   */
  async read(timeout: number): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    return (await this.#within(timeout, this.#reader.read())).value;
  }

  /**
   * The rest of the answer as text.
   *
   * @param limit how long it may be, in bytes
   * @param timeout how long each piece may take, in ms
   * @param first what was read already
   * @throws {Error} when it does not come, or is too long
   */
  async text(
    limit: number,
    timeout: number,
    first?: Uint8Array,
  ): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    let size = 0;
    let piece = first ?? await this.read(timeout);
    while (piece !== undefined) {
      size += piece.length;
      if (size > limit) throw new Error("etcd's answer is too long");
      text += decoder.decode(piece, { stream: true });
      piece = await this.read(timeout);
    }
    return text + decoder.decode();
  }

  /** Ends it, wherever it is; to be called at its end, too. */
  close(reason: unknown = new Error("the request was given up")): void {
    this.#remove?.();
    this.#abort.abort(reason);
    // Deno's fetch forgets its signal when garbage is collected, once the
    // headers are there.
    this.#reader?.cancel().catch(() => {});
  }

  async #within<T>(timeout: number, work: Promise<T>): Promise<T> {
    const timer = timeout === Infinity ? undefined : setTimeout(
      () => this.close(new Error(`etcd did not answer within ${timeout} ms`)),
      timeout,
    );
    const { signal } = this.#abort;
    try {
      const result = await work;
      signal.throwIfAborted();
      return result;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

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
