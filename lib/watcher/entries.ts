import type { ChangeListener, Watcher } from "./watcher.ts";

/** A set of entries that changes: what a view is computed from. */
export interface Entries<T> {
  readonly watcher:
    & Pick<Watcher<unknown>, "receivers" | "version">
    /** Missing when the entries do not come from the store. */
    & Partial<Pick<Watcher<unknown>, "revision">>;
  /** All entries, in key order. */
  all(): Iterable<readonly [key: string, value: T]>;
  /** Calls `onChange` with changes of these entries. @returns ends the subscription */
  subscribe(onChange: ChangeListener<T>): () => void;
}

/** The part of a watcher that views are computed from. */
export type ViewedWatcher<T> = Pick<
  Watcher<T>,
  | "age"
  | "entries"
  | "isSynced"
  | "progress"
  | "receivers"
  | "revision"
  | "saved"
  | "subscribe"
  | "version"
>;

/** Selects keys. */
export interface KeyRange {
  /** What the keys start with, taken literally. */
  readonly prefix: string;
  /** Leaves out keys under the prefix. A view uses at most one such filter. */
  readonly filter?: (key: string) => boolean;
}

/** The entries of a watcher whose keys are in a range. */
export function entriesIn<T>(
  watcher: ViewedWatcher<T>,
  { prefix, filter = () => true }: KeyRange,
): Entries<T> {
  return {
    watcher,
    *all() {
      for (const entry of watcher.entries(prefix)) {
        if (filter(entry[0])) yield entry;
      }
    },
    subscribe: (onChange) =>
      watcher.subscribe("topics", (changes, readAt) => {
        const selected = changes.filter(({ key }) =>
          key.startsWith(prefix) && filter(key)
        );
        if (selected.length > 0) onChange(selected, readAt);
      }),
  };
}
