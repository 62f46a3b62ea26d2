import {
  Blocks,
  type Fragment,
  fragment,
  memberFragment,
} from "../broadcast/blocks.ts";
import type { StateSource } from "../broadcast/topics.ts";
import type { ChangeKind } from "../broadcast/topic.ts";
import { State } from "../broadcast/state.ts";
import type { Framing } from "./rpc.ts";
import type { Change, ChangeListener, Watcher } from "../watcher/watcher.ts";

/** Entries that an answer is made of. */
export interface Entries<T> {
  readonly watcher: StateSource["watcher"];
  /** In key order. */
  all(): Iterable<readonly [key: string, value: T]>;
  /** Calls back with what has changed. @returns ends that */
  subscribe(onChange: ChangeListener<T>): () => void;
}

/** Some keys. */
export interface KeyRange {
  /** What they start with, taken literally. */
  readonly prefix: string;
  /** Leaves out keys under the prefix. A view uses at most one such filter. */
  readonly filter?: (key: string) => boolean;
}

/** The entries of a watcher that have such keys. */
export function entriesIn<T>(
  watcher: Watcher<T>,
  { prefix, filter: keep = () => true }: KeyRange,
): Entries<T> {
  return {
    watcher,
    *all() {
      for (const entry of watcher.entries(prefix)) {
        if (keep(entry[0])) yield entry;
      }
    },
    subscribe: (onChange) =>
      watcher.subscribe("topics", (changes, readAt) => {
        const seen = changes.filter(({ key }) =>
          key.startsWith(prefix) && keep(key)
        );
        if (seen.length > 0) onChange(seen, readAt);
      }),
  };
}

/** Numbers that all entries together decide an answer by. */
export interface Guard<P> {
  /** What one entry adds to each sum. */
  counts(made: P): readonly number[];
  /** @throws {Unavailable} when there is no answer */
  check(sums: readonly number[]): void;
}

/** What an answer that is kept is made of; M is what is made of an entry. */
export interface Reducer<T, M, P> {
  /** What is made of an entry; the same each time. */
  readonly map: (key: string, value: T) => M;
  /** What that adds to the items. */
  readonly contributions: (made: M) => Contribution<P>;
  readonly reduce: (name: string, parts: readonly P[]) => Fragment;
  readonly state: (blocks: Blocks) => State;
  readonly guard?: Guard<M>;
}

/** An answer that is made of all entries each time that one has changed. */
export function rebuilt<T>(
  id: string,
  feed: Entries<T>,
  join: (entries: Iterable<readonly [key: string, value: T]>) => State,
): StateSource {
  const render = () => join(feed.all());
  return {
    id,
    watcher: feed.watcher,
    render,
    subscribe: (onChange) => ({
      render,
      end: feed.subscribe((changes, readAt) =>
        onChange(kindOf(changes), readAt)
      ),
    }),
  };
}

/** An answer in which a change costs what it changes. */
export function materialized<T, M, P>(
  id: string,
  feed: Entries<T>,
  making: Reducer<T, M, P>,
): StateSource {
  return {
    id,
    watcher: feed.watcher,
    render: () => new MaterializedView(feed, making).state,
    subscribe(onChange) {
      let answer: MaterializedView<T, M, P> | undefined;
      return {
        render: () => (answer ??= new MaterializedView(feed, making)).state,
        end: feed.subscribe((changes, readAt) => {
          try {
            answer?.update(changes);
          } catch {
            // It is made anew by whoever asks, who is told what is wrong.
            answer = undefined;
          }
          onChange(kindOf(changes), readAt);
        }),
      };
    },
  };
}

/** What an entry adds to an object, and to the sums of a guard. */
export interface Mapped {
  readonly items: readonly Fragment[];
  readonly counts: readonly number[];
}

/** An object whose members are each what one entry adds; of equal names the last one counts. */
export function memberReducer<T>(
  entry: (key: string, value: T) => Mapped,
  check: (sums: readonly number[]) => void = () => {},
): Reducer<T, Mapped, Fragment> {
  return {
    map: entry,
    guard: { counts: ({ counts: addends }) => addends, check },
    contributions: ({ items }) => items.map((item) => [item.name, item]),
    reduce: (name, parts) => parts.at(-1) ?? memberFragment([name, "null"]),
    state: objectOf,
  };
}

/** An object whose members are joined of what several entries add. */
export function groupReducer<T, M, P>(
  entry: (key: string, value: T) => M,
  parts: (made: M) => Contribution<P>,
  join: (parts: readonly P[]) => string,
  guard?: Guard<M>,
): Reducer<T, M, P> {
  return {
    map: entry,
    guard,
    contributions: parts,
    reduce: (name, parts) => memberFragment([name, join(parts)]),
    state: objectOf,
  };
}

/** A message that each entry adds fields to, which are its item. */
export function messageReducer<T>(
  entry: (key: string, value: T) => Fragment,
  framing: Framing,
): Reducer<T, Fragment, Fragment> {
  const join = (blocks: Blocks) =>
    framing(Array.from(blocks, ({ bytes }) => bytes));
  return {
    map: entry,
    // What adds nothing makes no difference.
    contributions: (made) => made.bytes.length === 0 ? [] : [[made.name, made]],
    reduce: (name, [made]) => made ?? fragment(name, new Uint8Array()),
    state: (blocks) => new State(blocks, join),
  };
}

function objectOf(blocks: Blocks): State {
  return new State(blocks);
}

/** What an answer is made of, as it is at present. */
class MaterializedView<T, M, P> {
  readonly #making: Reducer<T, M, P>;
  readonly #collection: MaterializedFragments<P>;
  #sums: readonly number[] = [];

  constructor(feed: Entries<T>, making: Reducer<T, M, P>) {
    this.#making = making;
    this.#collection = new MaterializedFragments(making.reduce);
    this.update(Array.from(feed.all(), ([key, value]) => ({ key, value })));
  }

  /** @throws {Unavailable} when there is none */
  get state(): State {
    const { guard, state } = this.#making;
    guard?.check(this.#sums);
    return state(this.#collection.blocks);
  }

  update(changes: readonly Change<T>[]): void {
    const { map: entry, contributions: parts, guard } = this.#making;
    const contributions = changes.map(({ key, previous, value }) => {
      const before = previous && entry(key, previous);
      const after = value && entry(key, value);
      if (guard !== undefined) {
        if (before !== undefined) this.#add(guard.counts(before), -1);
        if (after !== undefined) this.#add(guard.counts(after), 1);
      }
      return {
        key,
        before: before === undefined ? [] : parts(before),
        after: after === undefined ? [] : parts(after),
      };
    });
    this.#collection.update(contributions);
  }

  #add(addends: readonly number[], sign: 1 | -1): void {
    this.#sums = addends.map((addend, i) =>
      (this.#sums[i] ?? 0) + sign * addend
    );
  }
}

function kindOf(changes: readonly Change<unknown>[]): ChangeKind {
  return changes.some(({ value }) => value !== undefined) ? "update" : "delete";
}

/** What one key contributes: parts, each to the fragment of a name. */
export type Contribution<P> = readonly (readonly [name: string, part: P])[];

/** A key's contribution before and after a change. */
export interface ContributionChange<P> {
  readonly key: string;
  readonly before: Contribution<P>;
  readonly after: Contribution<P>;
}

/** Fragments that are reduced from the contributions of many keys, at the cost of what changes. */
export class MaterializedFragments<P> {
  #blocks = Blocks.EMPTY;
  /** By fragment and key. */
  readonly #parts = new Map<string, Map<string, P>>();

  /** @param reduce makes a fragment of its parts, at least one, sorted by key */
  constructor(
    private readonly reduce: (name: string, parts: readonly P[]) => Fragment,
  ) {}

  get blocks(): Blocks {
    return this.#blocks;
  }

  /** Replaces the contributions of some keys. */
  update(changes: Iterable<ContributionChange<P>>): void {
    const changed = new Map<string, Fragment | undefined>();
    for (const { key, before, after } of changes) {
      for (const [name] of before) {
        this.#parts.get(name)?.delete(key);
        changed.set(name, undefined);
      }
      for (const [name, part] of after) {
        const parts = this.#parts.get(name);
        if (parts === undefined) this.#parts.set(name, new Map([[key, part]]));
        else parts.set(key, part);
        changed.set(name, undefined);
      }
    }
    for (const name of changed.keys()) {
      const parts = this.#parts.get(name);
      if (parts === undefined) continue;
      if (parts.size === 0) this.#parts.delete(name);
      else changed.set(name, this.reduce(name, sortedByKey(parts)));
    }
    this.#blocks = this.#blocks.with(changed);
  }
}

function sortedByKey<P>(parts: ReadonlyMap<string, P>): P[] {
  if (parts.size === 1) return [...parts.values()];
  return [...parts].sort(([a], [b]) => a < b ? -1 : 1).map(([, part]) => part);
}
