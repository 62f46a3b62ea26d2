import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { ConnectionLost, type SimulatedLainlet } from "./lainlet.ts";
import { type Listener, Seen, Violation } from "./listeners.ts";
import { answerOf, LOCAL, QUESTIONS } from "./questions.ts";
import type { Reference } from "./reference.ts";

/** Time between two requests, in ms. */
const PAUSE = 1_500;

/** A response, and its entity tag. */
interface Held {
  readonly etag: string;
  readonly bytes: Buffer;
  readonly text: string;
}

/** A client that polls with the entity tags that it has: compressed or not, sometimes with `Prefer: wait`. */
export class PollListener implements Listener {
  readonly name: string;
  readonly isOpen = true;
  isStalled = false;
  readonly #leaving = new AbortController();
  #seen: Seen;
  #starts: number;
  /** By encoding. */
  readonly #held = new Map<string, Held>();
  readonly #byTag = new Map<string, Buffer>();
  readonly #texts: string[] = [];
  #failure?: Error;

  constructor(
    private readonly lainlet: SimulatedLainlet,
    private readonly question: number,
  ) {
    const { path = "" } = QUESTIONS[question] ?? {};
    this.name = `poll of ${path} on ${lainlet.name}`;
    this.#seen = new Seen(lainlet, question, this.name);
    this.#starts = lainlet.starts;
    this.#run(path).catch((error) => this.#failure = error);
  }

  async #run(path: string): Promise<void> {
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      try {
        if (!this.isStalled && this.lainlet.isUp) await this.#ask(path, signal);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  async #ask(path: string, signal: AbortSignal): Promise<void> {
    const encoding = Math.random() < 0.5 ? "gzip" : "identity";
    // Tags of both encodings: one of the other encoding must not match.
    const tags = [...this.#held.values()].map(({ etag }) => etag);
    const headers: Record<string, string> = { "Accept-Encoding": encoding };
    if (tags.length > 0) headers["If-None-Match"] = tags.join(", ");
    if (Math.random() < 0.3) headers["Prefer"] = "wait=2";
    const { lainlet } = this;
    const response = await lainlet.ask(path, LOCAL, { headers, signal });
    const bytes = Buffer.from(await response.arrayBuffer());
    const etag = response.headers.get("ETag") ?? "";
    if (response.status === 304) {
      const held = this.#held.get(encoding);
      if (held?.etag !== etag) {
        throw new Violation(
          "304 for a state that the client does not have",
          `${this.name}: ${etag} as ${encoding}, the client has ${held?.etag}`,
        );
      }
      this.#texts.push(held.text);
    } else if (response.status === 200) {
      const before = this.#byTag.get(etag) ?? bytes;
      if (!before.equals(bytes)) {
        throw new Violation("one entity tag for two responses", this.name);
      }
      this.#byTag.set(etag, bytes);
      const isZipped = response.headers.has("Content-Encoding");
      const json = isZipped ? gunzipSync(bytes) : bytes;
      const text = answerOf(new TextDecoder().decode(json));
      this.#held.set(encoding, { etag, bytes, text });
      this.#texts.push(text);
    }
  }

  check(reference: Reference, note: (text: string) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { starts } = this.lainlet;
    // A lainlet that restarts may begin with an older, saved state.
    if (starts !== this.#starts) {
      this.#seen = new Seen(this.lainlet, this.question, this.name);
    }
    this.#starts = starts;
    if (this.#texts.length === 0) return;
    for (const text of this.#texts.splice(0)) {
      note(`  ${this.name} gets ${text}`);
      this.#seen.look(reference, text);
    }
  }

  /** Each response is checked when it comes; a poll need not have the latest. */
  checkLatest(): void {}

  leave(): void {
    this.#leaving.abort();
  }
}
