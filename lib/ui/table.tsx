/// <reference lib="dom" />
/**
 * Tables: sorted, filtered, with a head that stays in view; of many rows only
 * those near the visible part are drawn.
 *
 * @module
 */
import { Component, type ComponentChildren, createRef } from "preact";
import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "preact/hooks";
import { plural } from "../model/format.ts";
import type { Params } from "../model/mod.ts";
import { highlight } from "./parts.tsx";
import { useEntryParams } from "./route.ts";
import { filtered, MAX_WHOLE, rowsNear, sorted, within } from "./rows.ts";
import "./table.css";

export interface Column<T> {
  readonly name: string;
  /** What a filter matches; when it changes, the cell is highlighted. */
  readonly text: (item: T) => string;
  /** What it is sorted by; absent: its text. */
  readonly order?: (item: T) => number | string;
  /** What is shown; absent: its text. */
  readonly show?: (item: T) => ComponentChildren;
  /** A length, or a share of the table's width; absent: it shares the rest. */
  readonly width?: string;
  readonly isNumber?: boolean;
  /** On a phone it is left out. */
  readonly isMinor?: boolean;
  /** It is left out where there is not much room. */
  readonly isWide?: boolean;
  /** On a phone it stands on the line of the first column. */
  readonly isBeside?: boolean;
}

export interface TableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  /** Filters the items; absent: all are shown. */
  readonly only?: (item: T) => boolean;
  /** Filter (`q`) and order (`sort`), where the URL has them; absent: they are kept with the entry of the history. */
  readonly params?: Params;
  readonly onParams?: (params: Params) => void;
  /** What is said without items. */
  readonly empty?: string;
  /** More controls, before the filter. */
  readonly children?: ComponentChildren;
  /** Rows may be of any height: of very many only the first are drawn. */
  readonly isTall?: boolean;
}

/** Items from which on there is a filter. */
const MIN_FILTERED = 8;

/** Tall rows that are drawn, at most. */
const MAX_TALL = 300;

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
  const [own, setOwn] = useEntryParams(label);
  const { onParams = setOwn, params = own } = props;
  const { q = "", sort = "" } = params;
  const shown = useMemo(
    () =>
      sorted(
        filtered(only ? items.filter(only) : items, columns, q),
        columns,
        sort,
      ),
    [items, columns, only, q, sort],
  );
  const known = useKnownKeys(items, keyOf);
  const body = useRef<HTMLTableSectionElement>(null);
  const visible = useVisibleRows(body, isTall ? 0 : shown.length);
  const { first, last, before, after } = isTall
    ? { first: 0, last: MAX_TALL, before: 0, after: 0 }
    : visible;
  const isPaired = columns.some(({ isBeside }) => isBeside);
  return (
    <div
      class={`table${isTall ? " tall" : ""}${isPaired ? " paired" : ""}`}
      role="region"
      aria-label={label}
    >
      {(children || items.length > MIN_FILTERED || q !== "") && (
        <div class="controls">
          {children}
          <label>
            filter{" "}
            <input
              type="search"
              placeholder=" "
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
          {columns.map((column) => (
            <col
              key={column.name}
              class={classOf(column)}
              style={{ width: column.width }}
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
      {isTall && shown.length > MAX_TALL && (
        <p class="dim none">
          {plural(shown.length - MAX_TALL, "more row")}: use the filter.
        </p>
      )}
      {shown.length === 0 && (
        <p class="dim none">{items.length === 0 ? empty : "No matches."}</p>
      )}
    </div>
  );
}

/** Takes the room of rows that are not drawn. */
function Space({ height }: { height: number }) {
  return (
    <tr aria-hidden="true" class="space" style={{ height: `${height}px` }} />
  );
}

/** The head of a column, which sorts by it. */
function Head<T>({ column, onSort, sort }: {
  column: Column<T>;
  sort: string;
  onSort: (sort: string) => void;
}) {
  const { isNumber, name } = column;
  const isUp = sort === name;
  const isDown = sort === `-${name}`;
  // Numbers are sorted descending first, names ascending.
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
function classOf<T>(
  { isBeside, isMinor, isNumber, isWide }: Column<T>,
): string | undefined {
  const names = [
    isBeside && "beside",
    isMinor && "minor",
    isNumber && "number",
    isWide && "wide",
  ].filter(Boolean);
  return names.length > 0 ? names.join(" ") : undefined;
}

interface RowProps<T> {
  readonly index: number;
  readonly item: T;
  readonly columns: readonly Column<T>[];
  readonly isNew: boolean;
}

/** Drawn again only when its item is another one; cells whose text changed are highlighted. */
class Row<T> extends Component<RowProps<T>> {
  readonly #row = createRef<HTMLTableRowElement>();
  #texts: readonly string[] = [];

  override shouldComponentUpdate({ columns, index, item }: RowProps<T>) {
    return item !== this.props.item || columns !== this.props.columns ||
      index !== this.props.index;
  }

  override componentDidMount() {
    this.#texts = this.#read();
    if (this.props.isNew) this.#highlight(() => true);
  }

  override componentDidUpdate() {
    const old = this.#texts;
    this.#texts = this.#read();
    this.#highlight((i) => this.#texts[i] !== old[i]);
  }

  override render({ columns, index, item }: RowProps<T>) {
    return (
      <tr role="row" ref={this.#row} aria-rowindex={index}>
        {columns.map((column) => {
          const { name, show, text } = column;
          return (
            <td
              key={name}
              role="cell"
              class={classOf(column)}
              title={column.isNumber ? undefined : text(item) || undefined}
            >
              {show ? show(item) : text(item)}
            </td>
          );
        })}
      </tr>
    );
  }

  #read(): string[] {
    const { columns, item } = this.props;
    return columns.map(({ order, text }) => `${text(item)} ${order?.(item)}`);
  }

  #highlight(isChanged: (i: number) => boolean): void {
    [...this.#row.current?.cells ?? []].filter((_, i) => isChanged(i))
      .forEach(highlight);
  }
}

/** The keys that were there at the last drawing; none at the first one, when no row is new. */
function useKnownKeys<T>(
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

const PRINT = matchMedia("print");

/** Rows of a long table that are drawn, and the height of those before and after them in px; in print all are drawn. */
function useVisibleRows(
  body: { readonly current: HTMLElement | null },
  count: number,
) {
  const [range, setRange] = useState({ first: 0, last: MAX_WHOLE, height: 0 });
  useLayoutEffect(() => {
    if (count <= MAX_WHOLE) return;
    const measure = () => {
      if (PRINT.matches) {
        return setRange({ first: 0, last: Infinity, height: 0 });
      }
      const element = body.current;
      const row = element?.querySelector("tr:not(.space)");
      if (!element || !row) return;
      const { height } = row.getBoundingClientRect();
      const { top } = element.getBoundingClientRect();
      const { first, last } = rowsNear(top, height, innerHeight);
      setRange((old) =>
        old.first === first && old.last === last && old.height === height
          ? old
          : { first, last, height }
      );
    };
    measure();
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    PRINT.addEventListener("change", measure);
    return () => {
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
      PRINT.removeEventListener("change", measure);
    };
  }, [count]);
  const { before, after, ...rows } = within(range, count);
  return {
    ...rows,
    before: before * range.height,
    after: after * range.height,
  };
}
