import { Client } from "../../lib/client/client.ts";
import { applyMergePatch } from "../../lib/client/patch.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import { answerText, LOCAL, type Question, QUESTIONS } from "./questions.ts";
import type { Reference } from "./reference.ts";

/** A violated rule, with its name. */
export class Violation extends Error {
  override readonly name = "Violation";

  constructor(readonly kind: string, message: string) {
    super(`${kind}: ${message}`);
  }
}

const IDS = "ids have gaps";
const PATCHES = "a patch is unexpected";
const UNKNOWN = "a state was never the store's, or is older than the last";
const APART = "views on one stream are of different states";
const RIGHTS = "a caller got what it may not see";
const BEHIND = "a listener does not get the latest state";
const ENDED = "a listener ended";

function unknown(
  name: string,
  text: string,
  reference: Reference,
  question: number,
  last: number,
): Violation {
  const before = reference.answer(question, last);
  return new Violation(UNKNOWN, `${name}: ${text}, after ${before}`);
}

/** How much older than the sent state rights may be, in ms: as old as a state may be. */
const RIGHTS_AGE = 60_000;

/** A client that records what it receives, and checks it. */
export interface Listener {
  readonly name: string;
  /** Whether the stream continues. */
  readonly isOpen: boolean;
  /** Whether it reads nothing at present. */
  isStalled: boolean;
  /**
   * Checks what was received since the last call.
   *
   * @param note called with a line for each event or response
   * @throws {Violation}
   */
  check(reference: Reference, note: (text: string) => void): void;
  /** Checks that it has the latest state. @throws {Violation} */
  checkLatest(reference: Reference): void;
  /** Disconnects. */
  leave(): void;
}

/** The states of one view that a client received: each was the store's, and none is older than the one before. */
export class Seen {
  /** The number of the last received state. */
  #last = 0;

  constructor(
    private readonly lainlet: SimulatedLainlet,
    private readonly question: number,
    private readonly name: string,
  ) {}

  /** Checks the next state. @param text canonical JSON @throws {Violation} */
  look(reference: Reference, text: string): void {
    const found = reference.find(this.question, text, this.#last);
    if (found < 0) {
      if (this.lainlet.hasLost) return;
      throw unknown(this.name, text, reference, this.question, this.#last);
    }
    // A saved state may be of any age, and so may its rights.
    const isFromFile = performance.now() - this.lainlet.fromFileAt < RIGHTS_AGE;
    const since = isFromFile ? 0 : reference.since(RIGHTS_AGE);
    if (
      !reference.isAllowed(this.question, Math.min(found, since)) ||
      reference.isTaken(this.question, text, this.#last, since) &&
        !this.lainlet.hasLost
    ) {
      throw new Violation(RIGHTS, `${this.name}: ${text}`);
    }
    this.#last = found;
  }

  /** Checks that the last state is the latest. @param has undefined: the last event was an error @throws {Violation} */
  checkLatest(reference: Reference, has: string | undefined): void {
    const latest = reference.answer(this.question);
    if (!reference.isAllowed(this.question, reference.latest)) {
      throw new Violation(RIGHTS, `${this.name}: the stream goes on`);
    }
    if (has !== latest) {
      throw new Violation(BEHIND, `${this.name}: ${has}, not ${latest}`);
    }
  }
}

function questionOf(number: number): Question {
  const question = QUESTIONS[number];
  if (question === undefined) throw new Error(`no question ${number}`);
  return question;
}

/** An event of a stream. */
interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Shared: mostly there is no new event. */
const NONE: readonly Event[] = [];

/** Reads events, unless it is stalled. */
class EventReader {
  readonly #events: Event[] = [];
  #reader?: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";
  #isStalled = false;
  #wake?: () => void;
  isOpen = true;
  hasLeft = false;

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

  leave(): void {
    this.hasLeft = true;
    this.isStalled = false;
    this.#reader?.cancel().catch(() => {});
  }

  async #run(
    lainlet: SimulatedLainlet,
    path: string,
    peer: string,
  ): Promise<void> {
    const { body } = await lainlet.ask(path, peer);
    const reader = this.#reader = body?.getReader();
    if (this.hasLeft) return void reader?.cancel().catch(() => {});
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

  abstract check(reference: Reference, note: (text: string) => void): void;

  abstract checkLatest(reference: Reference): void;

  leave(): void {
    this.reader.leave();
  }
}

/** A watch of one view: whole states, or patches. */
export class PlainListener extends StreamListener {
  readonly #seen: Seen;
  #id = 0;
  #value: unknown;
  /** The error event that came last; undefined: a state came last. */
  #error?: string;

  constructor(
    lainlet: SimulatedLainlet,
    question: number,
    private readonly isPatched: boolean,
  ) {
    const { path, peer } = questionOf(question);
    const query = `watch=1${isPatched ? "&patch=merge" : ""}`;
    super(lainlet, `${path}${path.includes("?") ? "&" : "?"}${query}`, peer);
    this.#seen = new Seen(lainlet, question, this.name);
  }

  check(reference: Reference, note: (text: string) => void): void {
    for (const { id, event, data } of this.reader.take()) {
      note(`  ${this.name} gets ${id} ${event} ${data}`);
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
        if (!this.isPatched || this.#id === 1) {
          throw new Violation(PATCHES, `${this.name}: id ${id}`);
        }
        this.#value = applyMergePatch(this.#value, JSON.parse(data));
      } else {
        if (event === "init" !== (this.#id === 1)) {
          throw new Violation(IDS, `${this.name}: ${event} with id ${id}`);
        }
        this.#value = JSON.parse(data);
      }
      this.#seen.look(reference, answerText(this.#value));
    }
  }

  checkLatest(reference: Reference): void {
    if (!this.isOpen || this.isStalled) return;
    if (this.#error?.startsWith("authorize")) return;
    const has = this.#error === undefined
      ? answerText(this.#value ?? null)
      : undefined;
    this.#seen.checkLatest(reference, has);
  }
}

/**
 * Whether a lainlet's views may be of different revisions: the store lost its
 * data, or the state is a saved one, and each prefix is as it was last known.
 */
function mayDiffer({ isFromFile, isHeldBack }: SimulatedLainlet): boolean {
  return isFromFile || isHeldBack;
}

/** A watch of several views on one stream: their states are of one revision. */
export class JointListener extends StreamListener {
  readonly #values = new Map<number, unknown>();
  readonly #questions: ReadonlyMap<string, number>;
  /** Whether its states may be of different revisions, until they are of one. */
  #mayDiffer: boolean;
  #last = 0;
  /** When its states were last of one revision, in ms. */
  #foundAt = -Infinity;

  constructor(lainlet: SimulatedLainlet, questions: readonly number[]) {
    const names = questions.map((one) => {
      const { path } = questionOf(one);
      return [path.slice("/v2/".length), one] as const;
    });
    const query = names.map(([name]) => `view=${encodeURIComponent(name)}`);
    super(lainlet, `/v2/watch?${query.join("&")}&patch=merge`, LOCAL);
    this.#questions = new Map(names);
    this.#mayDiffer = mayDiffer(lainlet);
  }

  check(reference: Reference, note: (text: string) => void): void {
    // Of several events that were sent together, possibly only some are read.
    if (this.isStalled) return;
    const events = this.reader.take();
    for (const { id, event, data } of events) {
      note(`  ${this.name} gets ${id} ${event} ${data}`);
      const [kind = "", name = ""] = event.split(" ");
      const question = this.#questions.get(name);
      if (question === undefined || kind === "error") continue;
      const value = JSON.parse(data);
      this.#values.set(
        question,
        kind === "patch"
          ? applyMergePatch(this.#values.get(question), value)
          : value,
      );
    }
    if (events.length === 0 || this.#values.size < this.#questions.size) return;
    const texts = this.#texts;
    const found = reference.findAll(texts, this.#last);
    if (found < 0) {
      // A connection may be lost between two of them.
      if (this.lainlet.hasLost || !this.isOpen) return;
      // They may be from before a change that was lost, and written over since.
      if (this.lainlet.links.some(({ lostAt }) => lostAt > this.#foundAt)) {
        return;
      }
      this.#mayDiffer ||= mayDiffer(this.lainlet);
      if (this.#mayDiffer) return;
      const all = [...texts.values()].join("\n");
      throw new Violation(APART, `${this.name}:\n${all}`);
    }
    this.#last = found;
    this.#foundAt = performance.now();
    this.#mayDiffer = false;
  }

  get #texts(): Map<number, string> {
    return new Map(
      [...this.#values].map((
        [question, value],
      ) => [question, answerText(value)]),
    );
  }

  checkLatest(reference: Reference): void {
    if (!this.isOpen || this.isStalled) return;
    for (const [question, text] of this.#texts) {
      const latest = reference.answer(question);
      if (latest !== text) {
        throw new Violation(BEHIND, `${this.name}: ${text}, not ${latest}`);
      }
    }
    if (this.#values.size < this.#questions.size) {
      throw new Violation(BEHIND, `${this.name}: no state`);
    }
  }
}

/** A watch with the client library, which reconnects and resumes. */
export class ClientListener implements Listener {
  readonly name: string;
  readonly #leaving = new AbortController();
  readonly #states: string[] = [];
  #last = 0;
  #starts = 0;
  #text?: string;
  #isStalled = false;
  #wake?: () => void;
  isOpen = true;
  #failure?: unknown;

  /** @param host its requests go there; if it is not the lainlet's: to any lainlet */
  constructor(
    private readonly lainlet: SimulatedLainlet,
    private readonly question: number,
    private readonly host: string = lainlet.name,
  ) {
    const { path } = questionOf(question);
    this.name = `the client of ${path} on ${host}`;
    this.#run(host, path).catch((error) => this.#failure = error)
      .finally(() => this.isOpen = false);
  }

  async #run(host: string, path: string): Promise<void> {
    const { pathname, searchParams } = new URL(path, "http://x");
    const watch = new Client(`http://${host}`).watchAny(
      pathname,
      Object.fromEntries(searchParams),
      { signal: this.#leaving.signal },
    );
    for await (const { data } of watch) {
      this.#states.push(answerText(data));
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

  check(reference: Reference, note: (text: string) => void): void {
    if (this.#failure !== undefined) {
      throw new Violation(ENDED, `${this.name}: ${this.#failure}`);
    }
    if (this.#states.length === 0) return;
    for (const text of this.#states.splice(0)) {
      note(`  ${this.name} gets ${text}`);
      this.#text = text;
      // A lainlet that restarts may begin with an older, saved state.
      // Another lainlet may have an older state.
      const isElsewhere = this.host !== this.lainlet.name;
      if (isElsewhere || this.#starts !== this.lainlet.starts) this.#last = 0;
      this.#starts = this.lainlet.starts;
      const found = reference.find(this.question, text, this.#last);
      if (found >= 0) this.#last = found;
      else if (!this.lainlet.hasLost && !isElsewhere) {
        throw unknown(this.name, text, reference, this.question, this.#last);
      }
    }
  }

  checkLatest(reference: Reference): void {
    if (this.#isStalled) return;
    const latest = reference.answer(this.question);
    if (this.#text !== latest) {
      throw new Violation(BEHIND, `${this.name}: ${this.#text}, not ${latest}`);
    }
  }

  leave(): void {
    this.#leaving.abort();
    this.isStalled = false;
  }
}
