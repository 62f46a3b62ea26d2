import { canonical, isObject, object, parseExact } from "../json.ts";

/**
 * The JSON Merge Patch that makes one value of another, both as JSON text;
 * undefined where there is no value.
 *
 * @returns JSON text, `null` for a removal; undefined when no patch can say
 * it: in a patch, a member that is null is one to be removed, so it cannot
 * set one to null; nor where values are nested too deep
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
      ? whole(value)
      : patch(parseExact(before), value);
  } catch (error) {
    if (error instanceof RangeError) return undefined; // Nested too deep to look at.
    throw error;
  }
}

function patch(before: unknown, after: unknown): string | undefined {
  if (!isObject(before) || !isObject(after)) return whole(after);
  const members: [name: string, json: string][] = [];
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) members.push([name, "null"]);
  }
  for (const [name, value] of Object.entries(after)) {
    const known = Object.hasOwn(before, name);
    if (known && canonical(before[name]) === canonical(value)) continue;
    const json = known ? patch(before[name], value) : whole(value);
    if (json === undefined) return undefined;
    members.push([name, json]);
  }
  return object(members);
}

/** A value as a patch that sets it. */
function whole(value: unknown): string | undefined {
  return isSayable(value) ? canonical(value) : undefined;
}

/** Whether a patch can hold a value: arrays are taken as they are, objects without their nulls. */
function isSayable(value: unknown): boolean {
  return value !== null &&
    (!isObject(value) || Object.values(value).every(isSayable));
}
