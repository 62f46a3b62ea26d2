import { applyMergePatch } from "../../lib/client/patch.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import {
  BEHIND,
  type Listener,
  ReceivedStates,
  Violation,
} from "./listener.ts";
import type { Reference } from "./reference.ts";
import { comparable, LOCAL, requestAt } from "./requests.ts";

const IDS = "ids have gaps";

/** An event of a stream. */
interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Returned by most calls: allocated once. */
const NONE: readonly Event[] = [];

/** Reads events, unless it is stalled. */
class EventReader {
  readonly #events: Event[] = [];
  #reader?: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";
  #isStalled = false;
  #wake?: () => void;
  isOpen = true;
  isDisconnected = false;

  constructor(lainlet: SimulatedLainlet, path: string, peer: string) {
    this.#run(lainlet, path, peer).catch(() => {}).finally(() => {
      this.isOpen = false;
    });
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  set isStalled(isStalled: boolean) {
    this.#isStalled = isStalled;
    if (!isStalled) this.#wake?.();
  }

  /** The events since the last call. */
  take(): readonly Event[] {
    return this.#events.length === 0 ? NONE : this.#events.splice(0);
  }

  disconnect(): void {
    this.isDisconnected = true;
    this.isStalled = false;
    this.#reader?.cancel().catch(() => {});
  }

  async #run(
    lainlet: SimulatedLainlet,
    path: string,
    peer: string,
  ): Promise<void> {
    const { body } = await lainlet.fetch(path, peer);
    const reader = this.#reader = body?.getReader();
    if (this.isDisconnected) return void reader?.cancel().catch(() => {});
    const decoder = new TextDecoder();
    while (reader !== undefined) {
      if (this.#isStalled) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      const { done, value } = await reader.read();
      if (done) return;
      this.#text += decoder.decode(value, { stream: true });
      for (let end; (end = this.#text.indexOf("\n\n")) >= 0;) {
        this.#push(this.#text.slice(0, end));
        this.#text = this.#text.slice(end + 2);
      }
    }
  }

  #push(frame: string): void {
    const fields = { id: "", event: "", data: "" };
    for (const line of frame.split("\n")) {
      const [, name = "", value = ""] = /^(id|event|data): (.*)$/.exec(line) ??
        [];
      if (name === "id" || name === "event" || name === "data") {
        fields[name] = value;
      }
    }
    if (fields.event !== "") this.#events.push(fields);
  }
}

/** A client that reads an SSE stream. */
abstract class StreamListener implements Listener {
  protected readonly reader: EventReader;
  readonly name: string;

  constructor(
    protected readonly lainlet: SimulatedLainlet,
    path: string,
    peer: string,
  ) {
    this.name = `${path} from ${peer} on ${lainlet.name}`;
    this.reader = new EventReader(lainlet, path, peer);
  }

  get isOpen(): boolean {
    return this.reader.isOpen;
  }

  get isStalled(): boolean {
    return this.reader.isStalled;
  }

  set isStalled(isStalled: boolean) {
    this.reader.isStalled = isStalled;
  }

  abstract check(reference: Reference, log: (text: string) => void): void;

  abstract checkLatest(reference: Reference): void;

  disconnect(): void {
    this.reader.disconnect();
  }
}

/** A watch of one view: whole states, or patches. */
export class ViewListener extends StreamListener {
  readonly #received: ReceivedStates;
  #id = 0;
  #value: unknown;
  /** The last event, if it was an error. */
  #error?: string;

  constructor(
    lainlet: SimulatedLainlet,
    requestIndex: number,
    private readonly hasPatches: boolean,
  ) {
    const { path, peer } = requestAt(requestIndex);
    const query = `watch=1${hasPatches ? "&patch=merge" : ""}`;
    super(lainlet, `${path}${path.includes("?") ? "&" : "?"}${query}`, peer);
    this.#received = new ReceivedStates(lainlet, requestIndex, this.name);
  }

  check(reference: Reference, log: (text: string) => void): void {
    for (const { id, event, data } of this.reader.take()) {
      log(`  ${this.name} gets ${id} ${event} ${data}`);
      if (event === "heartbeat") continue;
      if (event === "error") {
        this.#error = data;
        continue;
      }
      this.#error = undefined;
      if (id !== String(++this.#id)) {
        throw new Violation(IDS, `${this.name}: ${id} after ${this.#id - 1}`);
      }
      if (event === "patch") {
        if (!this.hasPatches || this.#id === 1) {
          throw new Violation(
            "a patch is unexpected",
            `${this.name}: id ${id}`,
          );
        }
        this.#value = applyMergePatch(this.#value, JSON.parse(data));
      } else {
        if (event === "init" !== (this.#id === 1)) {
          throw new Violation(IDS, `${this.name}: ${event} with id ${id}`);
        }
        this.#value = JSON.parse(data);
      }
      this.#received.check(reference, comparable(this.#value));
    }
  }

  checkLatest(reference: Reference): void {
    if (!this.isOpen || this.isStalled) return;
    if (this.#error?.startsWith("authorize")) return;
    const last = this.#error === undefined
      ? comparable(this.#value ?? null)
      : undefined;
    this.#received.checkLatest(reference, last);
  }
}

/**
 * Whether a lainlet's views may be of different revisions: the store lost its
 * data, or the state is a saved one, and each prefix is as it was last known.
 */
function mayDiffer({ servesSaved, isHeldBack }: SimulatedLainlet): boolean {
  return servesSaved || isHeldBack;
}

/** A watch of several views on one stream, whose states must be of one revision. */
export class JointListener extends StreamListener {
  /** By request: the last received value. */
  readonly #values = new Map<number, unknown>();
  /** By the view's name on the stream. */
  readonly #requests: ReadonlyMap<string, number>;
  /** Whether its states may be of different revisions, until they are of one. */
  #mayDiffer: boolean;
  /** The number of the last common state. */
  #last = 0;
  /** When its states were last of one revision, in ms. */
  #foundAt = -Infinity;

  constructor(lainlet: SimulatedLainlet, requests: readonly number[]) {
    const names = requests.map((one) => {
      const { path } = requestAt(one);
      return [path.slice("/v2/".length), one] as const;
    });
    const query = names.map(([name]) => `view=${encodeURIComponent(name)}`);
    super(lainlet, `/v2/watch?${query.join("&")}&patch=merge`, LOCAL);
    this.#requests = new Map(names);
    this.#mayDiffer = mayDiffer(lainlet);
  }

  check(reference: Reference, log: (text: string) => void): void {
    // A stalled reader may have read only some of the events that were sent together.
    if (this.isStalled) return;
    const events = this.reader.take();
    for (const { id, event, data } of events) {
      log(`  ${this.name} gets ${id} ${event} ${data}`);
      const [kind = "", name = ""] = event.split(" ");
      const requestIndex = this.#requests.get(name);
      if (requestIndex === undefined || kind === "error") continue;
      const value = JSON.parse(data);
      this.#values.set(
        requestIndex,
        kind === "patch"
          ? applyMergePatch(this.#values.get(requestIndex), value)
          : value,
      );
    }
    if (events.length === 0 || this.#values.size < this.#requests.size) return;
    const texts = this.#texts;
    const found = reference.findJoint(texts, this.#last);
    if (found < 0) {
      // The connection may have been lost between two events that belong together.
      if (this.lainlet.mayMissChange || !this.isOpen) return;
      // They may be from before a change that was lost, and written over since.
      if (this.lainlet.links.some(({ lostAt }) => lostAt > this.#foundAt)) {
        return;
      }
      this.#mayDiffer ||= mayDiffer(this.lainlet);
      if (this.#mayDiffer) return;
      const all = [...texts.values()].join("\n");
      throw new Violation(
        "views on one stream are of different states",
        `${this.name}:\n${all}`,
      );
    }
    this.#last = found;
    this.#foundAt = performance.now();
    this.#mayDiffer = false;
  }

  get #texts(): Map<number, string> {
    return new Map(
      [...this.#values].map((
        [requestIndex, value],
      ) => [requestIndex, comparable(value)]),
    );
  }

  checkLatest(reference: Reference): void {
    if (!this.isOpen || this.isStalled) return;
    for (const [requestIndex, text] of this.#texts) {
      const latest = reference.response(requestIndex);
      if (latest !== text) {
        throw new Violation(BEHIND, `${this.name}: ${text}, not ${latest}`);
      }
    }
    if (this.#values.size < this.#requests.size) {
      throw new Violation(BEHIND, `${this.name}: no state`);
    }
  }
}
