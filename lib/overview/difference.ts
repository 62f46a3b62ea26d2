import { canonical, isObject } from "../json.ts";

/** The steps that lead to a part of a JSON value: names of members, places in lists. */
export type Path = readonly (string | number)[];

/** A part by which two JSON values differ, as it is in each of them, if it is there. */
export interface Difference {
  readonly path: Path;
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * How many steps all paths may have: each is written out, so a value of 1 MB
 * could be told in gigabytes.
 */
const MOST_STEPS = 100_000;

/** What tells the items of a list apart, and stays when one of them changes. */
const IDENTITIES = ["InstanceNo", "PodName"];

/**
 * Where two JSON values differ; a member that is undefined is not there. Items
 * of lists that are told by a number or a name are compared with themselves,
 * wherever they stand; their place in a path is that afterwards, or where they
 * were when they are gone.
 *
 * @throws {RangeError} when they are nested too deep, or differ in too many places
 */
export function differences(before: unknown, after: unknown): Difference[] {
  const search = new Search();
  search.compare(before, after);
  return search.found;
}

/** What was found, and where one is in both values. What is equal makes nothing. */
class Search {
  readonly found: Difference[] = [];
  readonly #path: (string | number)[] = [];
  #steps = 0;

  compare(before: unknown, after: unknown): void {
    if (before === after) return;
    if (isObject(before) && isObject(after)) this.#members(before, after);
    else if (!Array.isArray(before) || !Array.isArray(after)) {
      if (!isSame(before, after)) this.#add({ before, after });
    } else if (isInPlace(before, after)) {
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
    for (const [identity, [place, item]] of old) {
      if (!now.has(identity)) this.#within(place, item, undefined);
    }
    for (const [identity, [place, item]] of now) {
      this.#within(place, old.get(identity)?.[1], item);
    }
  }

  /** Compares a part; undefined: it is not there. */
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
    if (this.#steps > MOST_STEPS) throw new RangeError("too many differences");
    this.found.push({ path: [...this.#path], ...difference });
  }
}

/** Whether two values that differ are written in two ways only. */
function isSame(before: unknown, after: unknown): boolean {
  // Of texts, which may be long, nothing has to be written out.
  return typeof before !== "string" && typeof after !== "string" &&
    canonical(before) === canonical(after);
}

/** Whether the items of two lists stand where they stood, whatever they are told by. */
function isInPlace(
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

/** The items of a list, by what they are told by. @param name of the member that tells them; undefined: their places do */
function itemsOf(
  list: readonly unknown[],
  name: string | undefined,
): ReadonlyMap<unknown, readonly [place: number, item: unknown]> {
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

/** A member, not what all objects have. */
function memberOf(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
