/**
 * A source whose state a test sets, and listeners that read one frame at a time.
 *
 * @module
 */
import { Branch } from "../../../lib/broadcast/branch.ts";
import { StreamRegistry } from "../../../lib/broadcast/registry.ts";
import { State } from "../../../lib/broadcast/state.ts";
import type { ChangeKind } from "../../../lib/broadcast/topic.ts";
import {
  type SourceSubscription,
  type StateSource,
  Topics,
} from "../../../lib/broadcast/topics.ts";
import { Unavailable } from "../../../lib/errors.ts";
import type { Member } from "../../../lib/json.ts";
import { Counters } from "../../../lib/stats/counters.ts";

/** A source whose state the test sets. */
export class TestSource implements StateSource {
  readonly watcher = { receivers: 0, version: 0 };
  renders = 0;
  #json: readonly Member[] | string | Unavailable = '"first"';
  #onChange?: (kind: ChangeKind) => void;

  constructor(readonly id = "test") {}

  get isSubscribed(): boolean {
    return this.#onChange !== undefined;
  }

  render(): State {
    this.renders++;
    if (this.#json instanceof Unavailable) throw this.#json;
    return State.of(this.#json);
  }

  subscribe(onChange: (kind: ChangeKind) => void): SourceSubscription {
    this.#onChange = onChange;
    return {
      render: () => this.render(),
      end: () => this.#onChange = undefined,
    };
  }

  set(
    json: readonly Member[] | string | Unavailable,
    kind: ChangeKind = "update",
  ): void {
    this.#json = json;
    this.watcher.version++;
    this.#onChange?.(kind);
  }
}

/** A listener that reads one frame at a time. */
export class TestListener {
  readonly branch: Branch;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #release: () => void;

  constructor(
    { registry, topics, source, onSlow }: Setup,
    { heartbeat = 0, patch = false, tag = false, since = "" } = {},
  ) {
    const { topic, release } = topics.acquire(source);
    this.#release = release;
    this.branch = new Branch(registry, { heartbeat, patch, tag }, onSlow);
    this.branch.attach(topic, topic.find(since));
    this.#reader = this.branch.stream.getReader();
  }

  /** Reads a frame, as one line; undefined at the end. */
  async next(): Promise<string | undefined> {
    const { value } = await this.#reader.read();
    return value &&
      new TextDecoder().decode(value).trim().replaceAll("\n", " ");
  }

  async leave(): Promise<void> {
    await this.#reader.cancel();
    this.#release();
  }
}

export class Setup implements Disposable {
  /** Number of streams ended as too slow. */
  slow = 0;
  readonly onSlow = () => void this.slow++;
  readonly registry: StreamRegistry;
  readonly topics = new Topics();
  readonly source = new TestSource();

  constructor(slowAfter = 60_000) {
    this.registry = new StreamRegistry({ counters: new Counters(), slowAfter });
  }

  [Symbol.dispose](): void {
    this.registry.close();
  }
}
