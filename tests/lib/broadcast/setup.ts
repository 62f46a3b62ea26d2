/**
 * A source whose answer a test sets, and listeners that read when they are told
 * to.
 *
 * @module
 */
import {
  type SourceSubscription,
  type StateSource,
  Topics,
} from "../../../lib/broadcast/topics.ts";
import { Branch } from "../../../lib/broadcast/branch.ts";
import { Counters } from "../../../lib/stats/counters.ts";
import { StreamRegistry } from "../../../lib/broadcast/registry.ts";
import type { Member } from "../../../lib/json.ts";
import { Unavailable } from "../../../lib/errors.ts";
import type { ChangeKind } from "../../../lib/broadcast/topic.ts";
import { State } from "../../../lib/broadcast/state.ts";

/** A source whose answer the test sets. */
export class TestSource implements StateSource {
  readonly watcher = { receivers: 0, version: 0 };
  renders = 0;
  #json: readonly Member[] | string | Unavailable = '"first"';
  #listener?: (kind: ChangeKind) => void;

  constructor(readonly id = "test") {}

  get isSubscribed(): boolean {
    return this.#listener !== undefined;
  }

  render(): State {
    this.renders++;
    if (this.#json instanceof Unavailable) throw this.#json;
    return State.of(this.#json);
  }

  subscribe(onChange: (kind: ChangeKind) => void): SourceSubscription {
    this.#listener = onChange;
    return {
      render: () => this.render(),
      end: () => this.#listener = undefined,
    };
  }

  set(
    json: readonly Member[] | string | Unavailable,
    kind: ChangeKind = "update",
  ): void {
    this.#json = json;
    this.watcher.version++;
    this.#listener?.(kind);
  }
}

/** A listener that reads when it is told to. */
export class Listener {
  readonly branch: Branch;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  readonly #release: () => void;

  constructor(
    setup: Setup,
    { heartbeat = 0, patch = false, tag = false, since = "" } = {},
  ) {
    const { branches, broadcast, source } = setup;
    this.branch = new Branch(
      branches,
      { heartbeat, patch, tag },
      () => setup.slow++,
    );
    const { topic, release } = broadcast.acquire(source);
    this.#release = release;
    this.branch.attach(topic, topic.find(since));
    this.#reader = this.branch.stream.getReader();
  }

  /** The next frame, on one line; undefined at the end. */
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
  slow = 0;
  readonly branches: StreamRegistry;
  readonly broadcast = new Topics();
  readonly source = new TestSource();

  constructor(slowAfter = 60_000) {
    this.branches = new StreamRegistry({ counters: new Counters(), slowAfter });
  }

  [Symbol.dispose](): void {
    this.branches.close();
  }
}
