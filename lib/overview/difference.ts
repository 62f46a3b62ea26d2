import { canonical, isObject } from "../json.ts";

/** The steps that lead to a part of a JSON value: names of members, places in lists. */
export type Path = readonly (string | number)[];

/** A part by which two JSON values differ, as it is in each of them, if it is there. */
export interface Difference {
  readonly path: Path;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What tells the items of a list apart, and stays when one of them changes. */
const IDENTITIES = ["InstanceNo", "PodName"];

/**
 * Where two JSON values differ. Items of lists that are told by a number or a
 * name are compared with themselves, wherever they stand; their place in a
 * path is that afterwards, or where they were when they are gone.
 *
 * @throws {RangeError} when they are nested too deep
 */
export function differences(
  before: unknown,
  after: unknown,
  path: Path = [],
): Difference[] {
  if (before === after) return [];
  const [old, now] = partsOf(before, after) ?? [];
  if (old === undefined || now === undefined) {
    return canonical(before) === canonical(after)
      ? []
      : [{ path, before, after }];
  }
  const gone = [...old].filter(([name]) => !now.has(name))
    .map(([, [step, before]]) => ({ path: [...path, step], before }));
  const here = [...now].flatMap(([name, [step, after]]): Difference[] => {
    const place = [...path, step];
    const known = old.get(name);
    return known === undefined
      ? [{ path: place, after }]
      : differences(known[1], after, place);
  });
  return [...gone, ...here];
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
