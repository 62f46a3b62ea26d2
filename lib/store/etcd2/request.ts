import { onAbort } from "../../abort.ts";
import { type Event, eventOf, MAX_NODE } from "./messages.ts";

/** Time that etcd gets to answer a small request, in ms: TLS included. */
export const TIMEOUT = 3_000;
/** Time that etcd gets for the next chunk of a large response, in ms. */
export const CHUNK_TIMEOUT = 8_000;

/** One HTTP request, and its response as it is read. */
export class HttpRequest {
  readonly #abort = new AbortController();
  readonly #remove?: () => void;
  #reader?: ReadableStreamDefaultReader<Uint8Array>;

  /** @param connection ends the request when it aborts */
  constructor(connection: AbortSignal) {
    this.#remove = onAbort(
      connection,
      () =>
        this.close(connection.reason ?? new Error("the connection was closed")),
    );
  }

  /**
   * Sends the request. The body is then there for {@linkcode read}.
   *
   * @param timeout time for the response's headers, in ms
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
      // The operator decides which hosts lainlet connects to, not a server.
      fetch(url, { ...options, signal, redirect: "manual" }),
    );
    this.#reader = response.body?.getReader();
    return response;
  }

  /**
   * Reads the next chunk of the body; undefined at its end.
   *
   * @param timeout in ms; Infinity: none
   * @throws {Error} when it does not come
   */
  async read(timeout: number): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    return (await this.#within(timeout, this.#reader.read())).value;
  }

  /**
   * Reads the rest of the body as text.
   *
   * @param limit in bytes
   * @param timeout for each chunk, in ms
   * @param first a chunk that was read already
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
    let chunk = first ?? await this.read(timeout);
    while (chunk !== undefined) {
      size += chunk.length;
      if (size > limit) throw new Error("etcd's response is too long");
      text += decoder.decode(chunk, { stream: true });
      chunk = await this.read(timeout);
    }
    return text + decoder.decode();
  }

  /** Ends the request at any point. To be called after its end, too. */
  close(reason: unknown = new Error("the request was canceled")): void {
    this.#remove?.();
    this.#abort.abort(reason);
    // After the headers, Deno's fetch loses its signal at a garbage collection.
    this.#reader?.cancel().catch(() => {});
  }

  async #within<T>(timeout: number, work: Promise<T>): Promise<T> {
    const timer = timeout === Infinity ? undefined : setTimeout(
      () => this.close(new Error(`etcd did not respond within ${timeout} ms`)),
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

/** A long poll for the next event, whose response headers have come. */
export class Poll {
  #isAnswered = false;
  #isStopped = false;
  /**
   * The event; undefined when {@linkcode stop} was called, or etcd ended the
   * poll, as it does with one that is 100 events behind. Rejects when the
   * response is no event.
   */
  readonly event: Promise<Event | undefined>;

  /** @param index etcd's index when it looked into its history */
  constructor(readonly index: number, private readonly request: HttpRequest) {
    this.event = this.#read();
    // The poll may be stopped before this is awaited.
    this.event.catch(() => {});
  }

  /** Whether a part of the event has come. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  stop(): void {
    this.#isStopped = true;
    this.request.close();
  }

  async #read(): Promise<Event | undefined> {
    let text: string;
    try {
      // The next event may be hours away.
      const first = await this.request.read(Infinity);
      if (first === undefined) return undefined;
      this.#isAnswered = true;
      text = await this.request.text(MAX_NODE, CHUNK_TIMEOUT, first);
    } catch (error) {
      // The next poll finds out about a lost connection.
      if (this.#isStopped || !this.#isAnswered) return undefined;
      throw error;
    } finally {
      this.request.close();
    }
    return text.trim() === "" ? undefined : eventOf(text);
  }
}
