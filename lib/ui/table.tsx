/**
 * Tables: they sort, filter, keep their head in view, and draw of many rows
 * only those that are seen.
 *
 * @module
 */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Column, Head } from "./column.tsx";
import type { Params } from "../model/place.ts";
import { Row } from "./row.tsx";
import { found, sorted } from "./rows.ts";
import { useWindow } from "./window.ts";
import { plural } from "../model/format.ts";
import "./table.css";

export interface TableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  /** Which of them are wanted; all when not given. */
  readonly only?: (item: T) => boolean;
  /** How it is filtered (`q`) and sorted (`sort`), where that is in the URL. */
  readonly params?: Params;
  readonly onParams?: (params: Params) => void;
  /** What is said when there is nothing. */
  readonly empty?: string;
  /** More to choose by, beside the filter. */
  readonly children?: ComponentChildren;
  /** Its rows may be of any height: of very many only the first are drawn. */
  readonly isTall?: boolean;
}

/** From so many on they can be filtered. */
const MANY = 8;

/** How many tall rows are drawn. */
const TALL = 300;

export function Table<T extends object>(props: TableProps<T>) {
  const {
    children,
    columns,
    empty = "None.",
    isTall,
    items,
    keyOf,
    label,
    only,
  } = props;
  const [own, setOwn] = useState<Params>({});
  const { onParams = setOwn, params = own } = props;
  const { q = "", sort = "" } = params;
  const shown = useMemo(
    () =>
      sorted(
        found(only ? items.filter(only) : items, columns, q),
        columns,
        sort,
      ),
    [items, columns, only, q, sort],
  );
  const known = useKnown(items, keyOf);
  const body = useRef<HTMLTableSectionElement>(null);
  const near = useWindow(body, isTall ? 0 : shown.length);
  const { first, last, before, after } = isTall
    ? { first: 0, last: TALL, before: 0, after: 0 }
    : near;
  const isPaired = columns.some(({ isBeside }) => isBeside);
  return (
    <div
      class={`table${isTall ? " tall" : ""}${isPaired ? " paired" : ""}`}
      role="region"
      aria-label={label}
    >
      {(children || items.length > MANY || q !== "") && (
        <div class="controls">
          {children}
          <label>
            filter{" "}
            <input
              type="search"
              value={q}
              aria-label={`Filter ${label}`}
              onInput={({ currentTarget: { value } }) =>
                onParams({ ...params, q: value })}
            />
          </label>
          <span class="dim">
            {shown.length === items.length
              ? plural(items.length, "row")
              : `${shown.length.toLocaleString("en")} of ${
                plural(items.length, "row")
              }`}
          </span>
        </div>
      )}
      <table role="table" aria-label={label} aria-rowcount={shown.length + 1}>
        <colgroup>
          {columns.map(({ isMinor, name, width = 1 }) => (
            <col
              key={name}
              class={isMinor ? "minor" : undefined}
              style={{ width: `${width}%` }}
            />
          ))}
        </colgroup>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <Head
                key={column.name}
                column={column}
                sort={sort}
                onSort={(sort) => onParams({ ...params, sort })}
              />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" ref={body}>
          {before > 0 && <Space height={before} />}
          {shown.slice(first, last).map((item, i) => (
            <Row
              key={keyOf(item)}
              index={first + i + 2}
              item={item}
              columns={columns}
              isNew={known.size > 0 && !known.has(keyOf(item))}
            />
          ))}
          {after > 0 && <Space height={after} />}
        </tbody>
      </table>
      {isTall && shown.length > TALL && (
        <p class="dim none">
          {plural(shown.length - TALL, "more row")}: a filter finds them.
        </p>
      )}
      {shown.length === 0 && (
        <p class="dim none">
          {items.length === 0 ? empty : "Nothing is like that."}
        </p>
      )}
    </div>
  );
}

/** In the place of rows that are not seen. */
function Space({ height }: { height: number }) {
  return (
    <tr aria-hidden="true" class="space" style={{ height: `${height}px` }} />
  );
}

/** The keys that there were when it was drawn last; none: all are new, so none is. */
function useKnown<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): ReadonlySet<string> {
  const last = useRef<ReadonlySet<string>>(new Set());
  const keys = useMemo(() => new Set(items.map(keyOf)), [items]);
  const known = last.current;
  useEffect(() => {
    last.current = keys;
  }, [keys]);
  return known;
}
