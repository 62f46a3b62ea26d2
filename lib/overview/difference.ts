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
 * Where two JSON values differ. Items of lists that are told by a number or a
 * name are compared with themselves, wherever they stand; their place in a
 * path is that afterwards, or where they were when they are gone.
 *
 * @throws {RangeError} when they are nested too deep, or differ in too many places
 */
export function differences(before: unknown, after: unknown): Difference[] {
  const found = new Found();
  find(before, after, found);
  return found.all;
}

/** What was found, and where one is in both values. */
class Found {
  readonly all: Difference[] = [];
  readonly path: (string | number)[] = [];
  #steps = 0;

  add(difference: Omit<Difference, "path">): void {
    this.#steps += this.path.length;
    if (this.#steps > MOST_STEPS) throw new RangeError("too many differences");
    this.all.push({ path: [...this.path], ...difference });
  }
}

function find(before: unknown, after: unknown, found: Found): void {
  if (before === after) return;
  const [old, now] = partsOf(before, after) ?? [];
  if (old === undefined || now === undefined) {
    if (!isSame(before, after)) found.add({ before, after });
    return;
  }
  for (const [name, [step, before]] of old) {
    if (now.has(name)) continue;
    found.path.push(step);
    found.add({ before });
    found.path.pop();
  }
  for (const [name, [step, after]] of now) {
    const known = old.get(name);
    found.path.push(step);
    if (known === undefined) found.add({ after });
    else find(known[1], after, found);
    found.path.pop();
  }
}

/** Whether two values that differ are written in two ways only. */
function isSame(before: unknown, after: unknown): boolean {
  // Of texts, which may be long, nothing has to be written out.
  return typeof before !== "string" && typeof after !== "string" &&
    canonical(before) === canonical(after);
}

/** Parts of a value, by what they are told by. */
type Parts = ReadonlyMap<
  unknown,
  readonly [step: string | number, value: unknown]
>;

/** The parts of two objects, or of two lists. */
function partsOf(a: unknown, b: unknown): [Parts, Parts] | undefined {
  if (isObject(a) && isObject(b)) return [membersOf(a), membersOf(b)];
  if (!Array.isArray(a) || !Array.isArray(b)) return undefined;
  const name = IDENTITIES.find((name) => isTold(a, name) && isTold(b, name));
  return [itemsOf(a, name), itemsOf(b, name)];
}

function membersOf(value: Record<string, unknown>): Parts {
  return new Map(Object.entries(value).map((entry) => [entry[0], entry]));
}

/** @param name of the member that tells the items; undefined: their places do */
function itemsOf(list: readonly unknown[], name: string | undefined): Parts {
  return new Map(
    list.map((item, i) => [
      name === undefined ? i : Object(item)[name],
      [i, item],
    ]),
  );
}

function isTold(list: readonly unknown[], name: string): boolean {
  const all = new Set(list.map((item) => Object(item)[name]));
  return all.size === list.length && !all.has(undefined);
}
