import microdiff from "microdiff";
import { isDeeperThan, isObject } from "../json.ts";
import { MAX_DEPTH } from "./limits.ts";

/** One thing that differs between two values. */
export interface Difference {
  /** Where, `PodInfos[InstanceNo=1].Dependencies[0]`; "" for the whole. */
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What differs between two JSON values; undefined is nothing at all. Looks into text that is JSON itself. */
export function diff(before: unknown, after: unknown): Difference[] {
  if (before === undefined) return [{ path: "", kind: "added", after }];
  if (after === undefined) return [{ path: "", kind: "removed", before }];
  const [a, b] = [inside(before), inside(after)];
  if (
    a === undefined || b === undefined || Array.isArray(a) !== Array.isArray(b)
  ) {
    if (Object.is(before, after)) return [];
    return [{ path: "", kind: "changed", before, after }];
  }
  const [old, now] = aligned(a, b);
  return microdiff(old, now, { cyclesFix: false }).flatMap((difference) => {
    const path = pathOf(difference.path);
    if (difference.type === "CREATE") {
      return [{ path, kind: "added" as const, after: difference.value }];
    }
    if (difference.type === "REMOVE") {
      return [{ path, kind: "removed" as const, before: difference.oldValue }];
    }
    const { oldValue, value } = difference;
    return diff(oldValue, value)
      .map((one) => ({ ...one, path: joined(path, one.path) }));
  });
}

/**
 * The members that are not the same objects in two states, with what they
 * were and are; undefined: not there.
 */
export function changedMembers(
  before: object,
  after: object,
): [name: string, before: unknown, after: unknown][] {
  const old = new Map<string, unknown>(Object.entries(before));
  const now = new Map<string, unknown>(Object.entries(after));
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((name) => old.get(name) !== now.get(name))
    .map((name) => [name, old.get(name), now.get(name)]);
}

type Inside = Record<string, unknown> | unknown[];

/**
 * Turns lists of things that are told by a number or a name, in both values,
 * into objects by that: so what is left of a list is compared with itself.
 */
function aligned(a: Inside, b: Inside): [Inside, Inside] {
  const name = IDENTITIES.find((name) =>
    hasUniqueIds(a, name) && hasUniqueIds(b, name)
  );
  const [old, now] = name === undefined
    ? [a, b]
    : [byIdentity(a, name), byIdentity(b, name)];
  const before = new Map(Object.entries(old));
  const after = new Map(Object.entries(now));
  for (const [key, value] of before) {
    const other = after.get(key);
    if (!isInside(value) || !isInside(other)) continue;
    const [one, two] = aligned(value, other);
    before.set(key, one);
    after.set(key, two);
  }
  return [like(old, before), like(now, after)];
}

/** What tells the items of a list apart, and stays when one of them changes. */
const IDENTITIES = ["InstanceNo", "PodName"];

function hasUniqueIds(list: Inside, name: string): boolean {
  if (!Array.isArray(list) || list.length === 0) return false;
  const names = list.map((item: unknown) => Object(item)[name]);
  const isName = (value: unknown) =>
    typeof value === "number" || typeof value === "string";
  return names.every(isName) &&
    new Set(names.map(String)).size === list.length;
}

function byIdentity(list: Inside, name: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.values(list).map((
      item,
    ) => [`[${name}=${Object(item)[name]}]`, item]),
  );
}

function like(value: Inside, members: Map<string, unknown>): Inside {
  return Array.isArray(value)
    ? [...members.values()]
    : Object.fromEntries(members);
}

function isInside(value: unknown): value is Inside {
  return Array.isArray(value) || isObject(value);
}

/** What can be looked into: an object or a list, or text of one. */
function inside(
  value: unknown,
): Inside | undefined {
  if (isInside(value)) return value;
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return undefined;
  if (isDeeperThan(value, MAX_DEPTH)) return undefined;
  try {
    return inside(JSON.parse(value));
  } catch {
    return undefined;
  }
}

function pathOf(steps: readonly (string | number)[]): string {
  return steps.reduce<string>(
    (path, step) =>
      typeof step === "number" ? `${path}[${step}]` : joined(path, step),
    "",
  );
}

function joined(path: string, rest: string): string {
  return path === "" || rest === "" || rest.startsWith("[")
    ? path + rest
    : `${path}.${rest}`;
}
