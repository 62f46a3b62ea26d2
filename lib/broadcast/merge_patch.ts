import { canonical, isObject, object, parseExact } from "../json.ts";

/**
 * Returns the JSON Merge Patch from one value to another, all as JSON text.
 *
 * @param before undefined: the value is added
 * @param after undefined: the value is removed, which the patch `null` does
 * @returns undefined when no patch can express the change (null removes a
 * member, so a patch cannot set one to null), or values are nested too deep
 * @see https://www.rfc-editor.org/rfc/rfc7396
 */
export function mergePatch(
  before: string | undefined,
  after: string | undefined,
): string | undefined {
  if (after === undefined) return "null";
  try {
    const value = parseExact(after);
    return before === undefined
      ? replacement(value)
      : patch(parseExact(before), value);
  } catch (error) {
    if (error instanceof RangeError) return undefined; // Nested too deep.
    throw error;
  }
}

function patch(before: unknown, after: unknown): string | undefined {
  if (!isObject(before) || !isObject(after)) return replacement(after);
  const members: [name: string, json: string][] = [];
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) members.push([name, "null"]);
  }
  for (const [name, value] of Object.entries(after)) {
    const isOld = Object.hasOwn(before, name);
    if (isOld && canonical(before[name]) === canonical(value)) continue;
    const json = isOld ? patch(before[name], value) : replacement(value);
    if (json === undefined) return undefined;
    members.push([name, json]);
  }
  return object(members);
}

/** Returns the patch that sets a value. */
function replacement(value: unknown): string | undefined {
  return isExpressible(value) ? canonical(value) : undefined;
}

/** Whether a patch can set a value. Nulls are lost in objects, not in arrays. */
function isExpressible(value: unknown): boolean {
  return value !== null &&
    (!isObject(value) || Object.values(value).every(isExpressible));
}
