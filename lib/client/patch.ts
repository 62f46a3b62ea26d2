import { isObject, isRawNumber } from "../json.ts";

/**
 * Applies a JSON Merge Patch, without changing either value. Parts that the
 * patch does not change are the same objects as before. Members stay sorted, as
 * lainlet sends them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7396#section-2
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const changes = Object.entries(patch);
  // Mostly some of thousands of members are replaced: then the others are copied at once.
  if (
    isObject(target) &&
    changes.every(([name, value]) =>
      value !== null && Object.hasOwn(target, name)
    )
  ) {
    const changed = changes.map(([name, value]) =>
      [name, applyMergePatch(target[name], value)] as const
    );
    return { ...target, ...Object.fromEntries(changed) };
  }
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  let isSorted = true;
  for (const [name, value] of changes) {
    if (!members.has(name)) isSorted = false;
    if (value === null) members.delete(name);
    else members.set(name, applyMergePatch(members.get(name), value));
  }
  return Object.fromEntries(isSorted ? members : [...members].sort(byName));
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Returns a value equal to `value` in which every part that is equal in
 * `earlier` is that same object; `earlier` itself when all is equal.
 */
export function reuseEqualParts(earlier: unknown, value: unknown): unknown {
  if (Object.is(earlier, value)) return earlier;
  if (Array.isArray(value) && Array.isArray(earlier)) {
    const items = value.map((item, i) => reuseEqualParts(earlier[i], item));
    return items.length === earlier.length &&
        items.every((item, i) => item === earlier[i])
      ? earlier
      : items;
  }
  if (isRawNumber(value) && isRawNumber(earlier)) {
    return value.rawJSON === earlier.rawJSON ? earlier : value;
  }
  if (!isObject(value) || !isObject(earlier)) return value;
  const known = new Map(Object.entries(earlier));
  const members = Object.entries(value)
    .map(([name, item]) =>
      [name, reuseEqualParts(known.get(name), item)] as const
    );
  return members.length === known.size &&
      members.every(([name, item]) =>
        known.has(name) && item === known.get(name)
      )
    ? earlier
    : Object.fromEntries(members);
}
