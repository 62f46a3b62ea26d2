import microdiff from "microdiff";
import { isObject } from "./json.ts";

/** One thing that differs between two values. */
export interface Difference {
  /** Where, `PodInfos[0].InstanceNo`; "" for the whole. */
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
  return microdiff(a, b, { cyclesFix: false }).flatMap((difference) => {
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

/** What can be looked into: an object or a list, or text of one. */
function inside(
  value: unknown,
): Record<string, unknown> | unknown[] | undefined {
  if (Array.isArray(value) || isObject(value)) return value;
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return undefined;
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
