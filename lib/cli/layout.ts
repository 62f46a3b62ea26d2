import { bold, cyan, dim, green, red } from "@std/fmt/colors";
import { cut, widthOf } from "./render.ts";
import {
  type Cell,
  type Column,
  NOTHING,
  type Row,
  type Tone,
} from "./tables/listing.ts";

/** Between two columns, in characters. */
const GAP = 2;

type Paint = (text: string) => string;

const PAINTS: Readonly<Record<Tone, Paint>> = {
  bad: red,
  good: green,
  name: cyan,
};
const plain: Paint = (text) => text;

/** A column that is shown, which cell of a row it is, and how wide it is made. */
interface Place {
  readonly column: Column;
  readonly index: number;
  readonly width: number;
}

/** Rows as lines that are no wider than the terminal. */
export class Layout {
  readonly #places: readonly Place[];

  /**
   * Makes columns as wide as their widest cells; where there is no room for
   * that, those that can be spared are left out, and the widest are cut.
   *
   * @param isWide whether no column is left out
   * @param width of the terminal, in characters; Infinity: all is shown whole
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
        (most, { cells }) => Math.max(most, widthOf(textOf(cells[index]))),
        column.title.length,
      ),
    })).filter(({ column }) => isWide || !column.isWide);
    this.#places = this.#fitted(isWide ? all : this.#needed(all));
  }

  /** Those for which there is room when each is cut as far as may be. */
  #needed(places: Place[]): Place[] {
    const least = places.map(({ width, column }) =>
      Math.min(width, column.least ?? width)
    );
    if (totalOf(least) <= this.width) return places;
    const spares = places.flatMap(({ column }) => column.spare ?? []);
    if (spares.length === 0) return places;
    const first = Math.min(...spares);
    return this.#needed(places.filter(({ column }) => column.spare !== first));
  }

  /** Cut, the widest first. */
  #fitted(places: Place[]): Place[] {
    const widths = places.map(({ width }) => Math.min(width, this.width));
    for (let over = totalOf(widths) - this.width; over > 0; over--) {
      const room = widths.map((width, i) =>
        width > (places[i]?.column.least ?? Infinity) ? width : 0
      );
      const most = Math.max(...room);
      if (most === 0) break;
      widths[room.indexOf(most)] = most - 1;
    }
    return places.map((place, i) => ({ ...place, width: widths[i] ?? 0 }));
  }

  /** The line of titles. */
  header(): string {
    return this.#line(({ title }) => [title, bold]);
  }

  line({ cells }: Row): string {
    return this.#line((_, index) => {
      const cell = cells[index] ?? "";
      if (typeof cell !== "string") return [cell.text, PAINTS[cell.tone]];
      return [cell, cell === NOTHING ? dim : plain];
    });
  }

  #line(tell: (column: Column, index: number) => [string, Paint]): string {
    let left = this.width;
    const cells = this.#places.map(({ column, index, width }) => {
      const [text, paint] = tell(column, index);
      const shown = cut(text, Math.min(width, left), column.cut);
      const blank = " ".repeat(Math.max(0, width - widthOf(shown)));
      left = Math.max(0, left - width - GAP);
      return column.align === "right"
        ? blank + paint(shown)
        : paint(shown) + blank;
    });
    return cells.join(" ".repeat(GAP)).trimEnd();
  }
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}

function textOf(cell: Cell = ""): string {
  return typeof cell === "string" ? cell : cell.text;
}
