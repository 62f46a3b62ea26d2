import { bold, cyan, dim, green, red } from "@std/fmt/colors";
import { cut, fold, widthOf } from "./render.ts";
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

  /** A row; what is folded goes on under itself. */
  line({ cells }: Row): string {
    const folded = this.#foldedOf(cells);
    const line = this.#line((_, index) => {
      const cell = folded?.index === index
        ? folded.lines[0] ?? ""
        : cells[index] ?? "";
      if (typeof cell !== "string") return [cell.text, PAINTS[cell.tone]];
      return [cell, cell === NOTHING ? dim : plain];
    });
    const more = folded?.lines.slice(1)
      .map((text) => " ".repeat(folded.start) + text) ?? [];
    return [line, ...more].join("\n");
  }

  /** The lines of the last cell, if it is one that is folded, and where they start. */
  #foldedOf(cells: Row["cells"]) {
    const last = this.#places.at(-1);
    if (last?.column.isFolded === undefined) return undefined;
    const { index, width } = last;
    const start = totalOf(this.#places.map(({ width }) => width)) - width;
    return { index, start, lines: fold(textOf(cells[index]), width) };
  }

  #line(tell: (column: Column, index: number) => [string, Paint]): string {
    let left = this.width;
    const cells: string[] = [];
    for (const { column, index, width } of this.#places) {
      // The edge of the terminal: nothing of what is beyond, not even blanks.
      if (left < 1) break;
      const [text, paint] = tell(column, index);
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
