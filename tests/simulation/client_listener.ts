import { Client } from "../../lib/client/client.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import { BEHIND, type Listener, neverExisted, Violation } from "./listener.ts";
import type { Reference } from "./reference.ts";
import { comparable, requestAt } from "./requests.ts";

/** A watch with the client library, which reconnects and resumes. */
export class ClientListener implements Listener {
  readonly name: string;
  readonly #abort = new AbortController();
  readonly #states: string[] = [];
  #last = 0;
  #starts = 0;
  #text?: string;
  #isStalled = false;
  #wake?: () => void;
  isOpen = true;
  #failure?: unknown;

  /** @param host where its requests go: to the lainlet, or with `ANY` to any lainlet */
  constructor(
    private readonly lainlet: SimulatedLainlet,
    private readonly requestIndex: number,
    private readonly host: string = lainlet.name,
  ) {
    const { path } = requestAt(requestIndex);
    this.name = `the client of ${path} on ${host}`;
    this.#run(host, path).catch((error) => this.#failure = error)
      .finally(() => this.isOpen = false);
  }

  async #run(host: string, path: string): Promise<void> {
    const { pathname, searchParams } = new URL(path, "http://x");
    const watch = new Client(`http://${host}`).watchAny(
      pathname,
      Object.fromEntries(searchParams),
      { signal: this.#abort.signal },
    );
    for await (const { data } of watch) {
      this.#states.push(comparable(data));
      if (!this.#isStalled) continue;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  set isStalled(isStalled: boolean) {
    this.#isStalled = isStalled;
    if (!isStalled) this.#wake?.();
  }

  check(reference: Reference, log: (text: string) => void): void {
    if (this.#failure !== undefined) {
      throw new Violation("a listener ended", `${this.name}: ${this.#failure}`);
    }
    if (this.#states.length === 0) return;
    const isAny = this.host !== this.lainlet.name;
    for (const text of this.#states.splice(0)) {
      log(`  ${this.name} gets ${text}`);
      this.#text = text;
      // Another lainlet may have an older state, and one that restarts an older, saved state.
      const { starts } = this.lainlet;
      if (isAny || starts !== this.#starts) this.#last = 0;
      this.#starts = starts;
      const found = reference.find(this.requestIndex, text, this.#last);
      if (found >= 0) this.#last = found;
      else if (!this.lainlet.mayMissChange && !isAny) {
        throw neverExisted(
          this.name,
          text,
          reference,
          this.requestIndex,
          this.#last,
        );
      }
    }
  }

  checkLatest(reference: Reference): void {
    if (this.#isStalled) return;
    const latest = reference.response(this.requestIndex);
    if (this.#text !== latest) {
      throw new Violation(BEHIND, `${this.name}: ${this.#text}, not ${latest}`);
    }
  }

  disconnect(): void {
    this.#abort.abort();
    this.isStalled = false;
  }
}
