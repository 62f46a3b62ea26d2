import { ChildController, onAbort } from "../abort.ts";
import { ByteBuffer } from "./bytes.ts";
import { errorMessage, PeerError, RefusedError } from "./errors.ts";
import { MAX_REFUSAL, MAX_SIZE, PROGRESS, SILENCE } from "./limits.ts";
import { parseRetryAfter } from "./retry.ts";

/**
 * One request, and what is read of its answer. Whoever is at the other end,
 * it follows no redirect, and does not wait for what is dead or crawls.
 */
export class ClientRequest {
  readonly #closing: ChildController;
  readonly #signal: AbortSignal;
  #reader?: ReadableStreamDefaultReader<Uint8Array>;
  /** How much longer to wait, in ms. */
  #patience = SILENCE;
  /** Bytes since there was progress. */
  #come = 0;

  /** @param signal ends it, as {@linkcode close} does, which is to be called in any case */
  constructor(signal?: AbortSignal) {
    this.#closing = new ChildController(signal);
    this.#signal = this.#closing.signal;
    // Deno's fetch forgets its signal as soon as garbage is collected, once the
    // headers are there.
    onAbort(this.#signal, () => this.#reader?.cancel().catch(() => {}));
  }

  /**
   * Asks; what follows the headers is there for {@linkcode read}.
   *
   * @returns the media type of the answer
   * @throws {RefusedError} when the answer is an error
   * @throws {PeerError} when nobody can be reached, it does not come, or is no answer of lainlet's
   */
  async open(url: string): Promise<string> {
    const { status, type, headers, body } = await this.#waiting(
      fetch(url, { signal: this.#signal, redirect: "manual" }),
    );
    this.#reader = body?.getReader();
    if (status >= 400) {
      const retryAfter = parseRetryAfter(headers.get("Retry-After"));
      throw new RefusedError(status, await this.#refusal(), retryAfter);
    }
    // Browsers do not say where to.
    const location = type === "opaqueredirect"
      ? "somewhere else"
      : headers.get("Location");
    if (location !== null) throw new PeerError(`it redirects to ${location}`);
    if (status !== 200) throw new PeerError(`it answers with HTTP ${status}`);
    return headers.get("Content-Type")?.replace(/\s*;.*/s, "") ?? "";
  }

  /**
   * The next bytes of the answer; undefined at its end.
   *
   * @throws {PeerError} when the connection is lost, nothing comes, or too little
   */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    const { done, value } = await this.#waiting(this.#reader.read());
    if (done) return undefined;
    this.#come += value.length;
    if (this.#come >= PROGRESS) this.progress();
    return value;
  }

  /**
   * The whole answer as text.
   *
   * @throws as {@linkcode read} does, and when it is too long
   */
  async text(): Promise<string> {
    const bytes = new ByteBuffer(MAX_SIZE, "the answer");
    for (let more; (more = await this.read()) !== undefined;) {
      bytes.append(more);
    }
    return new TextDecoder().decode(bytes.array.subarray(0, bytes.length));
  }

  /** Something whole came: the next may take its time again. */
  progress(): void {
    this.#patience = SILENCE;
    this.#come = 0;
  }

  /** Ends it, wherever it is. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Waits as long as there is patience; time between two calls does not count.
   *
   * @throws {PeerError} when there is none left, or the network fails
   * @throws the signal's reason, when it aborts
   */
  async #waiting<T>(what: Promise<T>): Promise<T> {
    const begin = performance.now();
    const timer = setTimeout(() => {
      const little = this.#come > 0 ? "too little" : "nothing";
      this.#closing.abort(
        new PeerError(`${little} came for ${SILENCE / 1000} s`),
      );
    }, this.#patience);
    try {
      const result = await what;
      this.#signal.throwIfAborted();
      return result;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new PeerError(errorMessage(error), { cause: error });
    } finally {
      clearTimeout(timer);
      this.#patience -= performance.now() - begin;
    }
  }

  /** What is said with an error, or its beginning. */
  async #refusal(): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    for (let more; (more = await this.read()) !== undefined;) {
      text += decoder.decode(more.subarray(0, MAX_REFUSAL), { stream: true });
      if (text.length >= MAX_REFUSAL) break;
    }
    return text;
  }
}
