import type {
  Client,
  Data,
  Params,
  ViewName,
  WatchOptions,
} from "../../client/client.ts";
import { sortNaturally } from "../../model/natural.ts";
import { printable } from "../render.ts";

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Only for `-o wide`. */
  readonly isWide?: true;
  /** Where there is no room for all, the lowest of these goes first. */
  readonly spare?: number;
  /** What its cells may be cut to, in characters; absent: they stay whole. */
  readonly least?: number;
  /** Where it is cut; the end when absent. */
  readonly cut?: "middle";
  /** Of a last column: what has no room is told on lines of its own. */
  readonly isFolded?: true;
  readonly align?: "right";
}

/** How a cell stands out. */
export type Tone = "bad" | "good" | "name";

/** What stands in a row under a column. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** One thing of a list. */
export interface Row {
  /** What it is called, which is told of no other row. */
  readonly name: string;
  /** What `-o json` prints of it. */
  readonly value: Readonly<Record<string, unknown>>;
  /** One for each column. */
  readonly cells: readonly Cell[];
  readonly isWell: boolean;
}

/** What can be printed as a table. */
export interface Listing {
  readonly columns: readonly Column[];
  /** Rows only come, at its end; what is too old is left out. */
  readonly isLog?: true;
  /** The rows at present, in order. @throws as the client does */
  read(client: Client): Promise<Row[]>;
  /** The rows from now on. @throws as the client does */
  watch(
    client: Client,
    options: WatchOptions,
  ): AsyncIterable<Row[]>;
}

/**
 * A list that is made of a view.
 *
 * @param rowsOf its rows, in order
 */
export function listing<N extends ViewName>(
  view: N,
  params: Params<N>,
  columns: readonly Column[],
  rowsOf: (data: Data<N>) => Row[],
): Listing {
  const checked = (data: Data<N>) => {
    try {
      return rowsOf(data);
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
      for await (const { data } of client.watch(view, params, options)) {
        yield checked(data);
      }
    },
  };
}

/** The rows by their names, in natural order. */
export function inOrder(rows: readonly Row[]): Row[] {
  return sortNaturally(rows, ({ name }) => name);
}

/** What stands for nothing, so that columns can be told apart. */
export const NOTHING = "-";

/** A cell of what may be missing. */
export function cell(value: string | number | undefined, tone?: Tone): Cell {
  if (value === undefined || value === "") return NOTHING;
  const text = printable(String(value));
  return tone === undefined ? text : { text, tone };
}

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]] as const;

/** How long ago a time was, `5m`; "" when there is none. @param time in ms since 1970 */
export function age(time = 0): string {
  if (time === 0) return "";
  const seconds = Math.max(0, Math.round((Date.now() - time) / 1000));
  const [size, unit] = UNITS.find(([size]) => seconds >= 2 * size) ?? [1, "s"];
  return `${Math.floor(seconds / size)}${unit}`;
}
