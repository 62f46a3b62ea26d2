type Members = Record<string, unknown>;

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Applies a JSON Merge Patch, as a client would.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7396#section-2
 */
export function applyPatch(target: unknown, patch: unknown): unknown {
  if (!isMembers(patch)) return patch;
  const members = new Map(isMembers(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, applyPatch(members.get(name), value));
  }
  // Sorted, as in lainlet's answers, so that texts can be compared.
  return Object.fromEntries(
    [...members].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0),
  );
}
