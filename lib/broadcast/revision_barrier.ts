import type { Unavailable } from "../errors.ts";
import type { Progress } from "../watcher/progress.ts";
import { type ChangeKind, type Subscriber, Topic } from "./topic.ts";
import type { State } from "./state.ts";

/** A topic, and up to which revision its state is known; without: it is no store's. */
export interface BarrierPart {
  readonly topic: Topic;
  readonly progress?: Progress;
}

/** A state, the revision from which on it is known to have been there, and the one from which on another one may have been. */
interface Heard {
  /** Of the store, see {@linkcode Progress}. */
  readonly history: number | undefined;
  readonly from: number;
  until: number;
  readonly state: State | Unavailable;
  kind: ChangeKind;
  readonly readAt?: number;
}

/**
 * A topic that is followed, and the one that is let through. It holds three
 * states at the most: the one that was let through last, the one of the
 * revision that is being proven, and the newest.
 */
class Gate implements Subscriber {
  /** The first is the one that was let through last, or is to be first. */
  heard: Heard[] = [];
  /** The revision that is being proven. */
  awaited = 0;
  #seen = 0;
  gated?: Topic;

  constructor(readonly part: BarrierPart, private readonly onNews: () => void) {
    this.part.topic.subscribe(this);
    this.wake();
  }

  wake(): void {
    const { topic, progress } = this.part;
    if (topic.sequence === this.#seen) return;
    const kind = topic.kindSince(this.#seen);
    this.#seen = topic.sequence;
    const { latest: state, readAt } = topic;
    const { newest: from = 0, history } = progress ?? {};
    const last = this.heard.at(-1);
    // What was read anew may have changed at any revision since the last one.
    if (last !== undefined) {
      last.until = Math.min(from, (progress?.previousValidUntil ?? 0) + 1);
    }
    this.heard.push({ history, from, until: Infinity, state, kind, readAt });
    this.#conflate();
    this.onNews();
  }

  /** Leaves out what came between those that are held. */
  #conflate(): void {
    const kept = this.#at(this.awaited);
    for (let i = this.heard.length - 2; i > 0; i--) {
      if (i === kept) continue;
      const [left] = this.heard.splice(i, 1);
      const next = this.heard[i];
      if (next !== undefined && left?.kind === "update") next.kind = left.kind;
    }
  }

  #at(revision: number): number {
    return this.heard.findLastIndex(({ from }) => from <= revision);
  }

  /** Where the state that was there at a revision is among those that were heard; -1: that is not known. */
  at(revision: number): number {
    const { newest: from = 0, history } = this.part.progress ?? {};
    const last = this.heard.at(-1);
    if (last !== undefined && last.history !== history) {
      // In another history what is there is of now, and what was let through never was.
      const before = this.heard.slice(0, -1)
        .map((one) => ({ ...one, history, from: Infinity }));
      this.heard = [...before, { ...last, history, from }];
    }
    return this.#at(revision);
  }
}

/**
 * Topics that are let through together: what they hold is always of one
 * revision of the store. A change of one waits until it is known that there is
 * no earlier one of another: where that is fed by another subtree, this takes a
 * proof, which is asked for.
 */
export class RevisionBarrier {
  readonly #gates: readonly Gate[];
  readonly #over = new AbortController();
  #revision = 0;
  #isDue = false;
  #isProving = false;
  #topics?: readonly Topic[];

  /** @param onPass called with the topics, when there is a first state of all, and when states were let through since */
  constructor(
    parts: readonly BarrierPart[],
    private readonly onPass: (topics: readonly Topic[]) => void,
  ) {
    this.#gates = parts.map((part) => new Gate(part, () => this.#news()));
    this.#news();
  }

  end(): void {
    this.#over.abort();
    for (const gate of this.#gates) gate.part.topic.unsubscribe(gate);
  }

  /** Something has changed; what changes with it has, too, in a moment. */
  #news(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (!this.#over.signal.aborted) this.#pass();
    });
  }

  #pass(): void {
    const progresses = this.#gates.map(({ part }) => part.progress)
      .filter((one) => one !== undefined);
    const known = progresses.length === 0
      ? 0
      : Math.min(...progresses.map((one) => one.revision));
    const common = isOneHistory(progresses) ? this.#common(known) : undefined;
    if (common !== undefined) {
      const { revision, places } = common;
      this.#revision = revision;
      this.#gates.forEach((gate, i) => this.#let(gate, places[i] ?? 0));
      const topics = this.#topics;
      if (topics !== undefined) { for (const topic of topics) topic.notify(); }
      this.onPass(topics ?? this.#open());
    }
    // Where there is no such revision, history went back, and not for all yet.
    const isBehind = common === undefined ||
      progresses.some((one) => one.newest > this.#revision);
    if (isBehind) this.#prove(progresses);
  }

  /** The last revision, up to one, of which all hold their states, and where these are; undefined: there is none. */
  #common(
    known: number,
  ): { revision: number; places: readonly number[] } | undefined {
    for (let revision = known;;) {
      const places = this.#gates.map((gate) => gate.at(revision));
      if (places.includes(-1)) return undefined;
      const until = Math.min(
        ...this.#gates.map(({ heard }, i) =>
          heard[places[i] ?? 0]?.until ?? Infinity
        ),
      );
      if (until > revision) return { revision, places };
      revision = until - 1;
    }
  }

  #let(gate: Gate, place: number): void {
    const passed = gate.heard.splice(0, place);
    const [present] = gate.heard;
    if (present === undefined || gate.gated === undefined) return;
    const all = passed.slice(1).concat(place > 0 ? present : []);
    const kind = all.some(({ kind }) => kind === "update")
      ? "update"
      : "delete";
    gate.gated.publish(present.state, kind, present.readAt);
  }

  #open(): readonly Topic[] {
    return this.#topics = this.#gates.flatMap((gate) => {
      const [first] = gate.heard;
      if (first === undefined) return [];
      const at = () => this.#revision;
      return [gate.gated = new Topic(first.state, at, undefined, true)];
    });
  }

  async #prove(progresses: readonly Progress[]): Promise<void> {
    if (this.#isProving) return;
    this.#isProving = true;
    const newest = Math.max(...progresses.map((one) => one.newest));
    for (const gate of this.#gates) gate.awaited = newest;
    try {
      await Promise.all(
        behind(progresses).map((one) => one.confirmed(this.#over.signal)),
      );
    } catch {
      return; // Nobody follows any more.
    }
    this.#isProving = false;
    this.#news();
  }
}

/** Those that have to hear of a newer history, or of revisions that others have. */
function behind(progresses: readonly Progress[]): Progress[] {
  const histories = progresses.map(({ history = -1 }) => history);
  const history = Math.max(...histories);
  const newest = Math.max(...progresses.map((one) => one.newest));
  return progresses.filter((one) =>
    isOneHistory(progresses) ? one.revision < newest : one.history !== history
  );
}

/** Whether all revisions are of the same history of the store. */
function isOneHistory(progresses: readonly Progress[]): boolean {
  const [first] = progresses;
  return progresses.every(({ history }) =>
    history !== undefined && history === first?.history
  );
}
