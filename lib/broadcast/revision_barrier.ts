import type { Unavailable } from "../errors.ts";
import type { Progress } from "../watcher/progress.ts";
import type { State } from "./state.ts";
import { type ChangeKind, type Subscriber, Topic } from "./topic.ts";

/** A topic, and up to which revision its state is current. */
export interface BarrierPart {
  readonly topic: Topic;
  /** Undefined: the state does not come from the store. */
  readonly progress?: Progress;
}

/** A state, and the revisions at which it was the topic's. */
interface PendingState {
  /** Of the store, see {@linkcode Progress}. */
  readonly history: number | undefined;
  /** First revision at which the topic is known to have had the state. */
  readonly from: number;
  /** First revision at which the topic may have had another. */
  until: number;
  readonly state: State | Unavailable;
  kind: ChangeKind;
  readonly readAt?: number;
}

/**
 * Holds back the states of a part: at most three of them, the one that passed
 * last, that of the revision that is being confirmed, and the latest.
 */
class HeldPart implements Subscriber {
  /** The first state is the one that passed most recently or, before the first pass, the one that will pass. */
  pending: PendingState[] = [];
  /** The revision that is being confirmed. */
  confirming = 0;
  /** Carries the states that passed. */
  output?: Topic;
  /** Sequence of the topic's state that was added last. */
  #seen = 0;
  /** {@linkcode Progress.skippedTo} and {@linkcode Progress.revision} when they were last read. */
  #skippedTo = 0;
  #complete = 0;

  constructor(
    readonly part: BarrierPart,
    private readonly onChange: () => void,
  ) {
    this.part.topic.subscribe(this);
    this.wake();
  }

  wake(): void {
    const { topic, progress } = this.part;
    if (topic.sequence === this.#seen) return;
    const kind = topic.kindSince(this.#seen);
    this.#seen = topic.sequence;
    const { latest: state, readAt } = topic;
    const { newest: from = 0, history, skippedTo = 0 } = progress ?? {};
    // Else the change itself came with the skip.
    if (skippedTo < from) this.#splitAtSkip();
    this.#noteProgress();
    const last = this.pending.at(-1);
    // A snapshot does not say at which revision the state changed.
    if (last !== undefined) {
      last.until = Math.min(from, (progress?.previousValidUntil ?? 0) + 1);
    }
    this.pending.push({ history, from, until: Infinity, state, kind, readAt });
    this.#conflate();
    this.onChange();
  }

  /**
   * Notes where revisions were skipped since the last look: the topic has the
   * same state before and after, and may have had another in between.
   */
  #splitAtSkip(): void {
    const { skippedTo = 0, history } = this.part.progress ?? {};
    const last = this.pending.at(-1);
    const isSkipped = last !== undefined && last.history === history &&
      skippedTo > this.#skippedTo && last.from < skippedTo;
    if (isSkipped) {
      last.until = this.#complete + 1;
      const again = {
        from: skippedTo,
        until: Infinity,
        kind: "delete",
      } as const;
      this.pending.push({ ...last, ...again });
      this.#conflate();
    }
    this.#noteProgress();
  }

  #noteProgress(): void {
    const { skippedTo = 0, revision = 0 } = this.part.progress ?? {};
    this.#skippedTo = skippedTo;
    this.#complete = revision;
  }

  /** Drops all states but the first, the one that is being confirmed, and the latest. */
  #conflate(): void {
    const confirming = this.#findIndex(this.confirming);
    for (let i = this.pending.length - 2; i > 0; i--) {
      if (i === confirming) continue;
      const [dropped] = this.pending.splice(i, 1);
      const next = this.pending[i];
      if (next !== undefined && dropped?.kind === "update") {
        next.kind = "update";
      }
    }
  }

  /** Index of the pending state that the topic had at a revision; -1: unknown. */
  indexAt(revision: number): number {
    this.#splitAtSkip();
    this.#adoptHistory();
    return this.#findIndex(revision);
  }

  /** States of earlier histories have no revision in the present one. */
  #findIndex(revision: number): number {
    const present = this.part.progress?.history;
    return this.pending.findLastIndex(({ history, from }) =>
      history === present && from <= revision
    );
  }

  /** After a new history has begun without a change, assigns the latest state to it. */
  #adoptHistory(): void {
    const { newest: from = 0, history } = this.part.progress ?? {};
    const last = this.pending.at(-1);
    if (last === undefined || last.history === history) return;
    this.pending.splice(-1, 1, { ...last, history, from });
  }

  /** Lets the states up to an index pass; the last of them is published. */
  release(index: number): void {
    const passed = this.pending.splice(0, index);
    const [present] = this.pending;
    if (present === undefined || this.output === undefined) return;
    const changes = passed.slice(1).concat(index > 0 ? present : []);
    const kind = changes.some(({ kind }) => kind === "update")
      ? "update"
      : "delete";
    this.output.publish(present.state, kind, present.readAt);
  }
}

/**
 * Lets states of several topics pass together, so that those that passed are
 * always of one revision of the store. A changed state is held back until all
 * other topics are known to be current at its revision. For a topic that is fed
 * by another subtree of the store this takes a freshness check, which the
 * barrier requests.
 */
export class RevisionBarrier {
  readonly #parts: readonly HeldPart[];
  readonly #over = new AbortController();
  /** The revision of the states that passed, and the history that it is of. */
  #revision = 0;
  #history = 0;
  /** Number of passes, each of another revision or history. */
  #passes = 0;
  #isScheduled = false;
  #isConfirming = false;
  #outputs?: readonly Topic[];

  /** @param onPass called with the output topics after states have passed; for the first time when all parts have a state */
  constructor(
    parts: readonly BarrierPart[],
    private readonly onPass: (outputs: readonly Topic[]) => void,
  ) {
    this.#parts = parts.map((part) => new HeldPart(part, () => this.#wake()));
    this.#wake();
  }

  end(): void {
    this.#over.abort();
    for (const held of this.#parts) held.part.topic.unsubscribe(held);
  }

  /** Schedules {@linkcode #pass} as a microtask, which runs after all topics that change together have changed. */
  #wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.#over.signal.aborted) this.#pass();
    });
  }

  #pass(): void {
    const progresses = this.#parts.map(({ part }) => part.progress)
      .filter((one) => one !== undefined);
    const history = Math.max(...progresses.map((one) => one.history ?? -1));
    const isOneHistory = progresses.every((one) => one.history === history);
    const known = progresses.length === 0
      ? 0
      : Math.min(...progresses.map((one) => one.revision));
    const common = isOneHistory ? this.#commonRevision(known) : undefined;
    if (common !== undefined) {
      const { revision, indexes } = common;
      if (revision !== this.#revision || history !== this.#history) {
        this.#passes++;
      }
      this.#revision = revision;
      this.#history = history;
      this.#parts.forEach((held, i) => held.release(indexes[i] ?? 0));
      const outputs = this.#outputs;
      if (outputs !== undefined) {
        for (const topic of outputs) topic.notify();
      }
      this.onPass(outputs ?? this.#openOutputs());
    }
    // There is no common revision while a history has not reached all parts.
    const isBehind = common === undefined ||
      progresses.some((one) => one.newest > this.#revision);
    if (isBehind) this.#confirm(progresses, history);
  }

  /** Returns the last revision, `known` at most, at which the states of all parts are known, and the indexes of these states. */
  #commonRevision(
    known: number,
  ): { revision: number; indexes: readonly number[] } | undefined {
    for (let revision = known;;) {
      const indexes = this.#parts.map((held) => held.indexAt(revision));
      if (indexes.includes(-1)) return undefined;
      const until = Math.min(
        ...this.#parts.map(({ pending }, i) =>
          pending[indexes[i] ?? 0]?.until ?? Infinity
        ),
      );
      if (until > revision) return { revision, indexes };
      revision = until - 1;
    }
  }

  #openOutputs(): readonly Topic[] {
    const revision = () => this.#revision;
    const pass = () => this.#passes;
    return this.#outputs = this.#parts.flatMap((held) => {
      const [first] = held.pending;
      if (first === undefined) return [];
      return [held.output = new Topic(first.state, revision, undefined, pass)];
    });
  }

  /** Requests a freshness check of each part that has not reached the newest revision of the newest history. */
  async #confirm(
    progresses: readonly Progress[],
    history: number,
  ): Promise<void> {
    if (this.#isConfirming) return;
    this.#isConfirming = true;
    const newest = Math.max(
      ...progresses.filter((one) => one.history === history)
        .map((one) => one.newest),
    );
    for (const held of this.#parts) held.confirming = newest;
    const behind = progresses.filter((one) =>
      one.history !== history || one.revision < newest
    );
    try {
      await Promise.all(
        behind.map((one) => one.confirmed(this.#over.signal)),
      );
    } catch {
      return; // The barrier has ended.
    }
    this.#isConfirming = false;
    this.#wake();
  }
}
