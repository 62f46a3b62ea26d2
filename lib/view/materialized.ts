/**
 * Materialized views: answers that are kept up to date at the cost of what
 * changes. Each entry contributes to named fragments of the answer; a reducer
 * makes a fragment from its contributions.
 *
 * @module
 */
import {
  Blocks,
  type Fragment,
  fragment,
  memberFragment,
} from "../broadcast/blocks.ts";
import { State } from "../broadcast/state.ts";
import type { ChangeKind } from "../broadcast/topic.ts";
import type { StateSource } from "../broadcast/topics.ts";
import type { Member } from "../json.ts";
import { memo } from "../memo.ts";
import type { Entries } from "../watcher/entries.ts";
import type { Change } from "../watcher/watcher.ts";

/** What one entry contributes to fragments, by their names. */
export type Contribution<C> =
  readonly (readonly [name: string, contribution: C])[];

/** Decides by totals over all entries whether there is an answer. */
export interface Guard<T> {
  /** What one value adds to each total. */
  counts(value: T): readonly number[];
  /** @throws {Unavailable} when there is no answer with these totals */
  check(totals: readonly number[]): void;
}

/** How an answer is computed from entries. */
export interface Reducer<T, C> {
  /** What an entry contributes; the same names each time. */
  contributions(key: string, value: T): Contribution<C>;
  /** Makes a fragment from its contributions, at least one, in key order; undefined: there is none. */
  reduce(name: string, contributions: readonly C[]): Fragment | undefined;
  state(fragments: Blocks): State;
  readonly guard?: Guard<T>;
}

/** A reducer for fragments that come from one entry each. Of equal names, the last key's counts. */
export function fragmentReducer<T>(
  fragments: (key: string, value: T) => readonly Fragment[],
  state: Reducer<T, Fragment>["state"],
  guard?: Guard<T>,
): Reducer<T, Fragment> {
  return {
    contributions: (key, value) =>
      fragments(key, value).map((one) => [one.name, one]),
    reduce: (name, contributions) =>
      contributions.at(-1) ?? fragment(name, new Uint8Array()),
    state,
    guard,
  };
}

/** A state that is a JSON object of these members. */
export function objectState(members: Blocks): State {
  return new State(members);
}

const memberFragments = new WeakMap<object, readonly Fragment[]>();

/** Each entry is a member of an object, encoded once. */
export const SINGLE_MEMBERS = fragmentReducer(
  (_key, entry: { readonly member: Member }) =>
    memo(memberFragments, entry, () => [memberFragment(entry.member)]),
  objectState,
);

/** A source whose state is kept up to date while it has subscribers. */
export function materialized<T, C>(
  id: string,
  entries: Entries<T>,
  reducer: Reducer<T, C>,
): StateSource {
  return {
    id,
    watcher: entries.watcher,
    render: () => new MaterializedView(entries, reducer).state,
    subscribe(onChange) {
      let view: MaterializedView<T, C> | undefined;
      return {
        render: () => (view ??= new MaterializedView(entries, reducer)).state,
        end: entries.subscribe((changes, readAt) => {
          try {
            view?.update(changes);
          } catch {
            // The next render starts from scratch, and throws the error.
            view = undefined;
          }
          onChange(kindOf(changes), readAt);
        }),
      };
    },
  };
}

/** A source whose state is computed from all entries at each change. */
export function recomputed<T>(
  id: string,
  entries: Entries<T>,
  compute: (entries: Iterable<readonly [key: string, value: T]>) => State,
): StateSource {
  const render = () => compute(entries.all());
  return {
    id,
    watcher: entries.watcher,
    render,
    subscribe: (onChange) => ({
      render,
      end: entries.subscribe((changes, readAt) =>
        onChange(kindOf(changes), readAt)
      ),
    }),
  };
}

/** The present fragments and totals of entries. */
class MaterializedView<T, C> {
  readonly #reducer: Reducer<T, C>;
  readonly #fragments: MaterializedFragments<C>;
  readonly #totals: number[] = [];

  constructor(entries: Entries<T>, reducer: Reducer<T, C>) {
    this.#reducer = reducer;
    this.#fragments = new MaterializedFragments(reducer.reduce);
    this.update(Array.from(entries.all(), ([key, value]) => ({ key, value })));
  }

  /** @throws {Unavailable} when there is no answer */
  get state(): State {
    const { guard, state } = this.#reducer;
    guard?.check(this.#totals);
    return state(this.#fragments.blocks);
  }

  update(changes: readonly Change<T>[]): void {
    const { contributions, guard } = this.#reducer;
    const updates = changes.map(({ key, previous, value }) => {
      if (guard !== undefined) {
        if (previous !== undefined) this.#count(guard.counts(previous), -1);
        if (value !== undefined) this.#count(guard.counts(value), 1);
      }
      return {
        key,
        before: previous === undefined ? [] : contributions(key, previous),
        after: value === undefined ? [] : contributions(key, value),
      };
    });
    this.#fragments.update(updates);
  }

  #count(counts: readonly number[], sign: 1 | -1): void {
    // A value that an API file rejects has none.
    counts.forEach((count, i) =>
      this.#totals[i] = (this.#totals[i] ?? 0) + sign * count
    );
  }
}

/** What a key contributes before and after a change. */
export interface ContributionChange<C> {
  readonly key: string;
  readonly before: Contribution<C>;
  readonly after: Contribution<C>;
}

/** Fragments, each made from what keys contribute to it. An update makes only the fragments that change. */
export class MaterializedFragments<C> {
  #blocks = Blocks.EMPTY;
  /** By fragment name, then by key. */
  readonly #contributions = new Map<string, Map<string, C>>();

  /** @param reduce makes a fragment from its contributions, at least one, in key order */
  constructor(private readonly reduce: Reducer<unknown, C>["reduce"]) {}

  get blocks(): Blocks {
    return this.#blocks;
  }

  /** Replaces what some keys contribute. */
  update(changes: Iterable<ContributionChange<C>>): void {
    const fragments = new Map<string, Fragment | undefined>();
    for (const { key, before, after } of changes) {
      for (const [name] of before) {
        this.#contributions.get(name)?.delete(key);
        fragments.set(name, undefined);
      }
      for (const [name, contribution] of after) {
        const others = this.#contributions.get(name);
        if (others === undefined) {
          this.#contributions.set(name, new Map([[key, contribution]]));
        } else others.set(key, contribution);
        fragments.set(name, undefined);
      }
    }
    for (const name of fragments.keys()) {
      const contributions = this.#contributions.get(name);
      if (contributions === undefined) continue;
      if (contributions.size === 0) this.#contributions.delete(name);
      else fragments.set(name, this.reduce(name, inKeyOrder(contributions)));
    }
    this.#blocks = this.#blocks.with(fragments);
  }
}

function inKeyOrder<C>(contributions: ReadonlyMap<string, C>): C[] {
  if (contributions.size === 1) return [...contributions.values()];
  return [...contributions].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, contribution]) => contribution);
}

function kindOf(changes: readonly Change<unknown>[]): ChangeKind {
  return changes.some(({ value }) => value !== undefined) ? "update" : "delete";
}
