import type { ComponentChildren } from "preact";

/** What a table says of its items. */
export interface Column<T> {
  readonly name: string;
  /** What it is found by, and, when this differs from before, seen to have changed. */
  readonly text: (item: T) => string;
  /** What it is sorted by, where that is not its text. */
  readonly order?: (item: T) => number | string;
  /** What is shown, where that is not its text. */
  readonly show?: (item: T) => ComponentChildren;
  /** Its part of the table's width; 1 when not given. */
  readonly width?: number;
  readonly isNumber?: boolean;
  /** It is left out where there is no room. */
  readonly isMinor?: boolean;
  /** Where there is little room it stands on the first one's line. */
  readonly isBeside?: boolean;
}

/** The head of a column, by which the table is sorted. */
export function Head<T>({ column, onSort, sort }: {
  column: Column<T>;
  sort: string;
  onSort: (sort: string) => void;
}) {
  const { isNumber, name } = column;
  const isUp = sort === name;
  const isDown = sort === `-${name}`;
  // What is much comes first, and names from the beginning.
  const next = isNumber
    ? isDown ? name : isUp ? "" : `-${name}`
    : isUp
    ? `-${name}`
    : isDown
    ? ""
    : name;
  return (
    <th
      role="columnheader"
      scope="col"
      class={classOf(column)}
      aria-sort={isUp ? "ascending" : isDown ? "descending" : undefined}
    >
      <button type="button" class="sort" onClick={() => onSort(next)}>
        {name}
        <span aria-hidden="true">{isUp ? " ▲" : isDown ? " ▼" : ""}</span>
      </button>
    </th>
  );
}

/** How a column's cells look. */
export function classOf<T>(
  { isBeside, isMinor, isNumber }: Column<T>,
): string | undefined {
  const names = [
    isBeside && "beside",
    isMinor && "minor",
    isNumber && "number",
  ].filter(Boolean);
  return names.length > 0 ? names.join(" ") : undefined;
}
