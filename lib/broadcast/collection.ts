import { Blocks, type Fragment } from "./blocks.ts";

/** What one key adds: parts, each to the item of a name. */
export type Contribution<P> = readonly (readonly [name: string, part: P])[];

/** What a key adds, before and after it changed; none: nothing. */
export interface ContributionChange<P> {
  readonly key: string;
  readonly before: Contribution<P>;
  readonly after: Contribution<P>;
}

/**
 * Items that are made of what many keys add to them, kept up to date: what a
 * change costs follows what it changes, whatever else there is.
 */
export class MaterializedFragments<P> {
  #blocks = Blocks.EMPTY;
  /** By item and key. */
  readonly #parts = new Map<string, Map<string, P>>();

  /** @param make an item of its parts, one at least, sorted by key */
  constructor(
    private readonly make: (name: string, parts: readonly P[]) => Fragment,
  ) {}

  get blocks(): Blocks {
    return this.#blocks;
  }

  /** Replaces what some keys add. */
  update(contributions: Iterable<ContributionChange<P>>): void {
    const items = new Map<string, Fragment | undefined>();
    for (const { key, before, after } of contributions) {
      for (const [name] of before) {
        this.#parts.get(name)?.delete(key);
        items.set(name, undefined);
      }
      for (const [name, part] of after) {
        const parts = this.#parts.get(name);
        if (parts === undefined) this.#parts.set(name, new Map([[key, part]]));
        else parts.set(key, part);
        items.set(name, undefined);
      }
    }
    for (const name of items.keys()) {
      const parts = this.#parts.get(name);
      if (parts === undefined) continue;
      if (parts.size === 0) this.#parts.delete(name);
      else items.set(name, this.make(name, inOrder(parts)));
    }
    this.#blocks = this.#blocks.with(items);
  }
}

/** What keys add, by key. */
function inOrder<P>(parts: ReadonlyMap<string, P>): P[] {
  if (parts.size === 1) return [...parts.values()];
  return [...parts].sort(([a], [b]) => a < b ? -1 : 1).map(([, part]) => part);
}
