/**
 * The rows of a table: filtered, sorted, and those near the visible part.
 *
 * @module
 */
import { naturalKey } from "../model/format.ts";
import { matcher } from "../model/search.ts";

/** A column, as far as it decides about rows. */
interface TextColumn<T> {
  readonly name: string;
  readonly text: (item: T) => string;
  readonly order?: (item: T) => number | string;
}

/** Items whose texts match each word of a query. */
export function filtered<T>(
  items: readonly T[],
  columns: readonly TextColumn<T>[],
  query: string,
): readonly T[] {
  if (query.trim() === "") return items;
  const matches = matcher(query);
  return items.filter((item) =>
    matches(columns.map((column) => column.text(item)).join("\n"))
  );
}

/**
 * Sorts by a column, by the numbers in its text; equal items keep their order.
 *
 * @param sort the column's name, after `-` for descending; "" leaves the order
 */
export function sorted<T>(
  items: readonly T[],
  columns: readonly TextColumn<T>[],
  sort: string,
): readonly T[] {
  const isDescending = sort.startsWith("-");
  const name = isDescending ? sort.slice(1) : sort;
  const column = columns.find((one) => one.name === name);
  if (column === undefined) return items;
  const { order = column.text } = column;
  const keyed = items.map((item) => {
    const key = order(item);
    return [typeof key === "string" ? naturalKey(key) : key, item] as const;
  });
  const sign = isDescending ? -1 : 1;
  return keyed.sort(([a], [b]) => a < b ? -sign : a > b ? sign : 0)
    .map(([, item]) => item);
}

/** Tables of up to so many rows are drawn whole; of longer ones so many rows before and after the visible part, too. */
export const MAX_WHOLE = 120;
const MARGIN = 20;

/** Rows that are drawn. */
export interface RowRange {
  readonly first: number;
  /** Exclusive. */
  readonly last: number;
}

/**
 * Rows of a long table near the visible part of the page, which are all of one
 * height. The range moves in steps, so that not every pixel changes it.
 *
 * @param top of the first row, from the top of the viewport; in px, as the others
 */
export function rowsNear(
  top: number,
  rowHeight: number,
  viewportHeight: number,
): RowRange {
  const seen = Math.floor(-top / rowHeight / MARGIN) * MARGIN;
  const rows = Math.ceil(viewportHeight / rowHeight / MARGIN + 1) * MARGIN;
  const first = Math.max(0, seen - MARGIN);
  return { first, last: Math.max(first, seen) + rows + MARGIN };
}

/**
 * A range within a table, and how many rows are left out around it. A range
 * beyond the end, of a table that was longer, becomes the last rows: without a
 * drawn row nothing could be measured.
 */
export function within(
  { first, last }: RowRange,
  count: number,
): RowRange & { readonly before: number; readonly after: number } {
  if (count <= MAX_WHOLE) return { first: 0, last: count, before: 0, after: 0 };
  const start = Math.max(0, Math.min(first, count - (last - first)));
  const end = Math.min(count, start + last - first);
  return { first: start, last: end, before: start, after: count - end };
}
