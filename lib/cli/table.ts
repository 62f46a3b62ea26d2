/**
 * Tables: what is in them, and how they are laid out in a terminal.
 *
 * @module
 */
import { bold, dim, green, red } from "@std/fmt/colors";
import type {
  Client,
  Data,
  Params,
  ViewName,
  WatchOptions,
} from "../client/client.ts";
import { UsageError } from "../flags.ts";
import { naturalKey } from "../model/format.ts";
import type { Status } from "../model/health.ts";
import { suggestion } from "../suggest.ts";
import { cut, fold, printable, widthOf } from "./render.ts";

export interface Column {
  readonly title: string;
  /** Only for `-o wide`. */
  readonly isWide?: true;
  /** Without room for all columns, those with the lowest priority are left out first; absent: never. */
  readonly priority?: number;
  /** Width to which its cells may be cut, in characters; absent: they stay whole. */
  readonly minWidth?: number;
  /** Where cells are cut; absent: at the end. */
  readonly cut?: "middle";
  /** Of a last column: text without room continues on lines below. */
  readonly isFolded?: true;
  readonly align?: "right";
}

export type Cell = string | {
  readonly text: string;
  readonly status?: Status;
  /** What its column is sorted by, the least first; absent: its text. */
  readonly order?: number;
};

export interface Row {
  /** Unique in the table. */
  readonly name: string;
  /** What `-o json` prints. */
  readonly value: Readonly<Record<string, unknown>>;
  /** One for each column. */
  readonly cells: readonly Cell[];
  /** It has no problem: `--trouble` leaves it out. */
  readonly isOk: boolean;
  /** What `--trouble` sorts by, the least first; absent: 0. */
  readonly urgency?: number;
}

/** A table that is made of a view of lainlet. */
export interface Table {
  readonly columns: readonly Column[];
  /** Rows are only added, at its end; old ones are left out. */
  readonly isLog?: true;
  /** The current rows, in order. @throws as the client does */
  read(client: Client): Promise<Row[]>;
  /** The rows after each change. @throws as the client does */
  watch(client: Client, options: WatchOptions): AsyncIterable<Row[]>;
}

/** How often rows that differ with the time are made again, in ms. */
const AGING = 5_000;

/**
 * @param rowsOf rows of the view's data at a time in ms since 1970, in order
 * @param isAging rows differ with the time, while the data is the same
 */
export function tableOf<N extends ViewName>(
  view: N,
  params: Params<N>,
  columns: readonly Column[],
  rowsOf: (data: Data<N>, now: number) => Row[],
  isAging = false,
): Table {
  const checked = (data: Data<N>) => {
    try {
      return rowsOf(data, Date.now());
    } catch {
      throw new Error(
        `its ${view} are of a shape that this lainlet does not know`,
      );
    }
  };
  return {
    columns,
    read: async (client) => checked(await client.get(view, params)),
    async *watch(client, options) {
      const watch = client.watch(view, params, options);
      const states = isAging ? repeated(watch, AGING) : watch;
      for await (const { data } of states) {
        yield checked(data);
      }
    },
  };
}

/** Passes on items, and the last one again after each interval without a new one, in ms. */
async function* repeated<T>(
  items: AsyncGenerator<T, void>,
  interval: number,
): AsyncGenerator<T> {
  let last: T | undefined;
  let next = items.next();
  for (;;) {
    const pause = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => pause.resolve(undefined), interval);
    const result = await Promise.race([next, pause.promise]);
    clearTimeout(timer);
    if (result?.done) return;
    if (result !== undefined) {
      last = result.value;
      next = items.next();
    }
    if (last !== undefined) yield last;
  }
}

/**
 * Sorts by a column: numbers, times and statuses the greatest, newest and worst
 * first; texts in natural order. Equal ones keep their order.
 *
 * @param column its title in any case, after `-` for the reverse order
 * @throws {UsageError} when the table has no such column
 */
export function sortedBy(
  column: string,
  columns: readonly Column[],
  rows: readonly Row[],
): Row[] {
  const isReverse = column.startsWith("-");
  const wanted = column.slice(isReverse ? 1 : 0).toLowerCase();
  const titles = columns.map(({ title }) => title.toLowerCase());
  const index = titles.indexOf(wanted);
  if (index < 0) {
    throw new UsageError(
      `--sort must be ${titles.join(", ")}, not "${column}"${
        suggestion(wanted, titles)
      }`,
    );
  }
  const sign = isReverse ? -1 : 1;
  return rows.map((row) => [orderOf(row.cells[index]), row] as const)
    .sort(([a], [b]) => sign * compared(a, b))
    .map(([, row]) => row);
}

/** Numbers come before texts. */
function compared<T extends number | string>(a: T, b: T): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function orderOf(cell: Cell = ""): number | string {
  return typeof cell !== "string" && cell.order !== undefined
    ? cell.order
    : naturalKey(textOf(cell));
}

/** The text of an empty cell: a blank would merge two columns. */
const EMPTY = "-";

/** @param order what its column is sorted by, the least first; absent: a number's greatest, or the text */
export function cell(
  value: string | number | undefined,
  status?: Status,
  order = typeof value === "number" ? -value : undefined,
): Cell {
  const text = value === undefined || value === ""
    ? EMPTY
    : printable(String(value));
  return status === undefined && order === undefined
    ? text
    : { text, status, order };
}

/** Blanks between two columns. */
const GAP = 2;

type Paint = (text: string) => string;

const plain: Paint = (text) => text;

const PAINTS: Readonly<Record<Status, Paint>> = {
  bad: red,
  good: green,
  note: plain,
  off: plain,
};

/** A column that is shown, the index of its cells, and its width. */
interface ColumnLayout {
  readonly column: Column;
  readonly index: number;
  readonly width: number;
}

/** Lays out rows on lines that are no wider than the terminal. */
export class Layout {
  readonly #columns: readonly ColumnLayout[];

  /**
   * Columns are as wide as their widest cells. Without room for that, columns
   * are left out by priority, then the widest are cut.
   *
   * @param isWide whether all columns are shown
   * @param width of the terminal, in characters; Infinity: nothing is cut
   */
  constructor(
    columns: readonly Column[],
    rows: readonly Row[],
    isWide: boolean,
    private readonly width: number,
  ) {
    const all = columns.map((column, index) => ({
      column,
      index,
      width: rows.reduce(
        (max, { cells }) => Math.max(max, widthOf(textOf(cells[index]))),
        column.title.length,
      ),
    })).filter(({ column }) => isWide || !column.isWide);
    this.#columns = this.#cut(isWide ? all : this.#prioritized(all));
  }

  /** Columns for which there is room when each is cut as far as it may be. */
  #prioritized(columns: ColumnLayout[]): ColumnLayout[] {
    const widths = columns.map(({ width, column }) =>
      Math.min(width, column.minWidth ?? width)
    );
    if (totalOf(widths) <= this.width) return columns;
    const priorities = columns.flatMap(({ column }) => column.priority ?? []);
    if (priorities.length === 0) return columns;
    const lowest = Math.min(...priorities);
    return this.#prioritized(
      columns.filter(({ column }) => column.priority !== lowest),
    );
  }

  /** Cuts columns, the widest first. */
  #cut(columns: ColumnLayout[]): ColumnLayout[] {
    const widths = columns.map(({ width }) => Math.min(width, this.width));
    for (let over = totalOf(widths) - this.width; over > 0; over--) {
      const cuttable = widths.map((width, i) =>
        width > (columns[i]?.column.minWidth ?? Infinity) ? width : 0
      );
      const widest = Math.max(...cuttable);
      if (widest === 0) break;
      widths[cuttable.indexOf(widest)] = widest - 1;
    }
    return columns.map((one, i) => ({ ...one, width: widths[i] ?? 0 }));
  }

  /** The line of titles. */
  header(): string {
    return this.#line(({ title }) => [title, bold]);
  }

  /** A row: one line, or more when its last cell is folded. */
  line({ cells }: Row): string {
    const folded = this.#foldedOf(cells);
    const line = this.#line((_, index) => {
      const cell = folded?.index === index
        ? folded.lines[0] ?? ""
        : cells[index] ?? "";
      const text = textOf(cell);
      const status = typeof cell === "string" ? undefined : cell.status;
      if (status !== undefined) return [text, PAINTS[status]];
      return [text, text === EMPTY ? dim : plain];
    });
    const more = folded?.lines.slice(1)
      .map((text) => " ".repeat(folded.start) + text) ?? [];
    return [line, ...more].join("\n");
  }

  /** The lines of a folded last cell, and where they start. */
  #foldedOf(cells: Row["cells"]) {
    const last = this.#columns.at(-1);
    if (last?.column.isFolded === undefined) return undefined;
    const { index, width } = last;
    const start = totalOf(this.#columns.map(({ width }) => width)) - width;
    return { index, start, lines: fold(textOf(cells[index]), width) };
  }

  #line(cellOf: (column: Column, index: number) => [string, Paint]): string {
    let left = this.width;
    const cells: string[] = [];
    for (const { column, index, width } of this.#columns) {
      // Beyond the terminal's edge not even blanks are printed.
      if (left < 1) break;
      const [text, paint] = cellOf(column, index);
      const room = Math.min(width, left);
      const shown = cut(text, room, column.cut);
      const blank = " ".repeat(room - widthOf(shown));
      left -= width + GAP;
      cells.push(
        column.align === "right" ? blank + paint(shown) : paint(shown) + blank,
      );
    }
    return cells.join(" ".repeat(GAP)).trimEnd();
  }
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}

function textOf(cell: Cell = ""): string {
  return typeof cell === "string" ? cell : cell.text;
}
