/**
 * Text that sorts as people count: node2 before node10, 172.20.9.1 before
 * 172.20.10.1. A number is told by its length first.
 */
export function naturalKey(text: string): string {
  return text.replace(
    /\d+/g,
    (digits) => String.fromCharCode(0x30 + digits.length) + digits,
  );
}

/** Sorts by texts, as people count. */
export function sortNaturally<T>(
  items: Iterable<T>,
  textOf: (item: T) => string,
): T[] {
  return Array.from(items, (item) => [naturalKey(textOf(item)), item] as const)
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([, item]) => item);
}
