import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { ConnectionLost, type SimulatedLainlet } from "./lainlet.ts";
import { type Listener, ReceivedStates, Violation } from "./listener.ts";
import type { Reference } from "./reference.ts";
import { comparableBody, LOCAL, requestAt } from "./requests.ts";

/** The time between two requests, in ms. */
const PAUSE = 1_500;

/** A cached response, and its entity tag. */
interface CachedResponse {
  readonly etag: string;
  readonly text: string;
}

/** A client that polls with the entity tags of its cached responses, compressed or not, sometimes with `Prefer: wait`. */
export class PollListener implements Listener {
  readonly name: string;
  readonly isOpen = true;
  isStalled = false;
  readonly #abort = new AbortController();
  #received: ReceivedStates;
  #starts: number;
  /** The last response in each encoding. */
  readonly #cached = new Map<string, CachedResponse>();
  /** By entity tag: the body. */
  readonly #bodies = new Map<string, Buffer>();
  readonly #texts: string[] = [];
  #failure?: Error;

  constructor(
    private readonly lainlet: SimulatedLainlet,
    private readonly requestIndex: number,
  ) {
    const { path } = requestAt(requestIndex);
    this.name = `poll of ${path} on ${lainlet.name}`;
    this.#received = new ReceivedStates(lainlet, requestIndex, this.name);
    this.#starts = lainlet.starts;
    this.#run(path).catch((error) => this.#failure = error);
  }

  async #run(path: string): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        if (!this.isStalled && this.lainlet.isUp) {
          await this.#poll(path, signal);
        }
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  async #poll(path: string, signal: AbortSignal): Promise<void> {
    const encoding = Math.random() < 0.5 ? "gzip" : "identity";
    // Also the tag of the other encoding, which must not match.
    const tags = [...this.#cached.values()].map(({ etag }) => etag);
    const headers: Record<string, string> = { "Accept-Encoding": encoding };
    if (tags.length > 0) headers["If-None-Match"] = tags.join(", ");
    if (Math.random() < 0.3) headers["Prefer"] = "wait=2";
    const { lainlet } = this;
    const response = await lainlet.fetch(path, LOCAL, { headers, signal });
    const bytes = Buffer.from(await response.arrayBuffer());
    const etag = response.headers.get("ETag") ?? "";
    if (response.status === 304) {
      const cached = this.#cached.get(encoding);
      if (cached?.etag !== etag) {
        throw new Violation(
          "304 for a state that the client does not have",
          `${this.name}: ${etag} as ${encoding}, the client has ${cached?.etag}`,
        );
      }
      this.#texts.push(cached.text);
    } else if (response.status === 200) {
      const before = this.#bodies.get(etag) ?? bytes;
      if (!before.equals(bytes)) {
        throw new Violation("one entity tag for two responses", this.name);
      }
      this.#bodies.set(etag, bytes);
      const isZipped = response.headers.has("Content-Encoding");
      const json = isZipped ? gunzipSync(bytes) : bytes;
      const text = comparableBody(new TextDecoder().decode(json));
      this.#cached.set(encoding, { etag, text });
      this.#texts.push(text);
    }
  }

  check(reference: Reference, log: (text: string) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { starts } = this.lainlet;
    // A lainlet that restarts may begin with an older, saved state.
    if (starts !== this.#starts) {
      this.#received = new ReceivedStates(
        this.lainlet,
        this.requestIndex,
        this.name,
      );
    }
    this.#starts = starts;
    if (this.#texts.length === 0) return;
    for (const text of this.#texts.splice(0)) {
      log(`  ${this.name} gets ${text}`);
      this.#received.check(reference, text);
    }
  }

  /** Does nothing: a poll need not have the latest state. */
  checkLatest(): void {}

  disconnect(): void {
    this.#abort.abort();
  }
}
