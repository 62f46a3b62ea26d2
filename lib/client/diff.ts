import microdiff from "microdiff";
import { isDeeperThan, isObject } from "../json.ts";
import { MAX_DEPTH } from "./limits.ts";

/** A part in which two values differ. */
export interface Difference {
  /** The part's path, `PodInfos[InstanceNo=1].Dependencies[0]`; "" for the whole value. */
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Finds where two JSON values differ; undefined is a missing value. Strings that contain JSON are compared as JSON. */
export function diff(before: unknown, after: unknown): Difference[] {
  if (before === undefined) return [{ path: "", kind: "added", after }];
  if (after === undefined) return [{ path: "", kind: "removed", before }];
  const [a, b] = [containerOf(before), containerOf(after)];
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

/** The members that are not identical (`===`) in two states; undefined: missing. */
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

type Container = Record<string, unknown> | unknown[];

/**
 * Turns lists whose items have an identity in both values into objects by that
 * identity, so that an item is compared with itself wherever it is.
 */
function aligned(a: Container, b: Container): [Container, Container] {
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
    if (!isContainer(value) || !isContainer(other)) continue;
    const [one, two] = aligned(value, other);
    before.set(key, one);
    after.set(key, two);
  }
  return [like(old, before), like(now, after)];
}

/** Members that identify the items of a list. */
const IDENTITIES = ["InstanceNo", "PodName"];

function hasUniqueIds(list: Container, name: string): boolean {
  if (!Array.isArray(list) || list.length === 0) return false;
  const names = list.map((item: unknown) => Object(item)[name]);
  const isName = (value: unknown) =>
    typeof value === "number" || typeof value === "string";
  return names.every(isName) &&
    new Set(names.map(String)).size === list.length;
}

function byIdentity(list: Container, name: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.values(list).map((
      item,
    ) => [`[${name}=${Object(item)[name]}]`, item]),
  );
}

function like(value: Container, members: Map<string, unknown>): Container {
  return Array.isArray(value)
    ? [...members.values()]
    : Object.fromEntries(members);
}

function isContainer(value: unknown): value is Container {
  return Array.isArray(value) || isObject(value);
}

/** An object or a list, also from JSON text; undefined for other values. */
function containerOf(value: unknown): Container | undefined {
  if (isContainer(value)) return value;
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return undefined;
  if (isDeeperThan(value, MAX_DEPTH)) return undefined;
  try {
    return containerOf(JSON.parse(value));
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
