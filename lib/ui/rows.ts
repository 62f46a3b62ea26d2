/**
 * Which rows a table has, and in which order.
 *
 * @module
 */
import { naturalKey } from "../model/natural.ts";

/** As much of a column as is looked at. */
interface Told<T> {
  readonly name: string;
  readonly text: (item: T) => string;
  readonly order?: (item: T) => number | string;
}

/** Those in which each of a query's words is somewhere. */
export function found<T>(
  items: readonly T[],
  columns: readonly Told<T>[],
  query: string,
): readonly T[] {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return items;
  return items.filter((item) => {
    const text = columns.map((column) => column.text(item)).join("\n")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/**
 * Sorted by one column, as people count; what is equal there stays as it was.
 *
 * @param sort its name, with `-` before it for the greatest first; "" for as they are
 */
export function sorted<T>(
  items: readonly T[],
  columns: readonly Told<T>[],
  sort: string,
): readonly T[] {
  const isDown = sort.startsWith("-");
  const name = isDown ? sort.slice(1) : sort;
  const column = columns.find((one) => one.name === name);
  if (column === undefined) return items;
  const { order = column.text } = column;
  const keyed = items.map((item) => {
    const key = order(item);
    return [typeof key === "string" ? naturalKey(key) : key, item] as const;
  });
  const sign = isDown ? -1 : 1;
  return keyed.sort(([a], [b]) => a < b ? -sign : a > b ? sign : 0)
    .map(([, item]) => item);
}
