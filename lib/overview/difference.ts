import { canonical, isObject } from "../json.ts";

/** The path to a part of a JSON value: member names and list indexes. */
export type Path = readonly (string | number)[];

/** A part in which two JSON values differ. A value is missing when the part is. */
export interface Difference {
  readonly path: Path;
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * The most steps that all paths may have together. Each path is written out, so
 * without a limit the differences of 1 MB could take gigabytes.
 */
const MAX_STEPS = 100_000;

/** Members that identify the items of a list. */
const IDENTITIES = ["InstanceNo", "PodName"];

/**
 * Finds where two JSON values differ. A member that is undefined counts as
 * missing. Items that have an identity (`InstanceNo`, `PodName`) are compared
 * with the item of the same identity; a path has their index in the new list,
 * or in the old one when they were removed.
 *
 * @throws {RangeError} when the values are nested too deep, or differ in too many parts
 */
export function differences(before: unknown, after: unknown): Difference[] {
  const search = new Search();
  search.compare(before, after);
  return search.found;
}

/** Walks both values at once. Equal parts cost no allocation. */
class Search {
  readonly found: Difference[] = [];
  readonly #path: (string | number)[] = [];
  #steps = 0;

  compare(before: unknown, after: unknown): void {
    if (before === after) return;
    if (isObject(before) && isObject(after)) this.#members(before, after);
    else if (!Array.isArray(before) || !Array.isArray(after)) {
      if (!isEquivalent(before, after)) this.#add({ before, after });
    } else if (hasSameOrder(before, after)) {
      after.forEach((item, i) => this.#within(i, before[i], item));
    } else this.#items(before, after);
  }

  #members(
    before: Record<string, unknown>,
    after: Record<string, unknown>,
  ): void {
    for (const name of Object.keys(before)) {
      if (memberOf(after, name) !== undefined) continue;
      this.#within(name, before[name], undefined);
    }
    for (const name of Object.keys(after)) {
      if (after[name] === undefined) continue;
      this.#within(name, memberOf(before, name), after[name]);
    }
  }

  #items(before: readonly unknown[], after: readonly unknown[]): void {
    const name = IDENTITIES.find((name) =>
      hasUniqueIds(before, name) && hasUniqueIds(after, name)
    );
    const old = itemsOf(before, name);
    const now = itemsOf(after, name);
    for (const [identity, [index, item]] of old) {
      if (!now.has(identity)) this.#within(index, item, undefined);
    }
    for (const [identity, [index, item]] of now) {
      this.#within(index, old.get(identity)?.[1], item);
    }
  }

  /** Compares a part; undefined: it is missing. */
  #within(step: string | number, before: unknown, after: unknown): void {
    if (before === after) return;
    this.#path.push(step);
    if (before === undefined) this.#add({ after });
    else if (after === undefined) this.#add({ before });
    else this.compare(before, after);
    this.#path.pop();
  }

  #add(difference: Omit<Difference, "path">): void {
    this.#steps += this.#path.length;
    if (this.#steps > MAX_STEPS) throw new RangeError("too many differences");
    this.found.push({ path: [...this.#path], ...difference });
  }
}

/** Whether two values differ only in notation. */
function isEquivalent(before: unknown, after: unknown): boolean {
  // Strings, which may be long, need no encoding.
  return typeof before !== "string" && typeof after !== "string" &&
    canonical(before) === canonical(after);
}

/** Whether the items of two lists have the same identities in the same order. */
function hasSameOrder(
  before: readonly unknown[],
  after: readonly unknown[],
): boolean {
  return before.length === after.length &&
    IDENTITIES.every((name) =>
      after.every((item, i) =>
        identityOf(item, name) === identityOf(before[i], name)
      )
    );
}

/** The items of a list by identity. @param name the identifying member; undefined: the index identifies */
function itemsOf(
  list: readonly unknown[],
  name: string | undefined,
): ReadonlyMap<unknown, readonly [index: number, item: unknown]> {
  return new Map(
    list.map((item, i) => [
      name === undefined ? i : identityOf(item, name),
      [i, item],
    ]),
  );
}

function hasUniqueIds(list: readonly unknown[], name: string): boolean {
  const all = new Set(list.map((item) => identityOf(item, name)));
  return all.size === list.length && !all.has(undefined);
}

function identityOf(item: unknown, name: string): unknown {
  return isObject(item) ? memberOf(item, name) : undefined;
}

/** An own member; undefined when missing. */
function memberOf(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
