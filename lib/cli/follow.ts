import { Client } from "../client/client.ts";
import type { TableCommand } from "./command.ts";
import { Layout } from "./layout.ts";
import { print, terminal, time } from "./output.ts";
import { telling } from "./reach.ts";
import { Screen } from "./screen.ts";
import { cell, type Column, type Listing, type Row } from "./tables/listing.ts";
import { shown, yamlOf } from "./texts.ts";

/**
 * Shows a list for as long as there is one: in a terminal a table that is kept
 * current, else each row that changes.
 *
 * @throws {RefusedError} when lainlet does not, or no longer, answer that
 */
export async function follow(
  command: TableCommand,
  listing: Listing,
): Promise<void> {
  const { base, format, onlyTrouble } = command;
  const shownOf = (rows: readonly Row[]) =>
    onlyTrouble ? rows.filter(({ isWell }) => !isWell) : rows;
  const client = new Client(base);
  const isTable = format === "table" || format === "wide";
  const width = terminal()?.columns;
  if (isTable && width !== undefined && listing.isLog === undefined) {
    using screen = new Screen(command, listing.columns);
    const options = { onStatus: screen.onStatus };
    for await (const rows of listing.watch(client, options)) {
      screen.show(shownOf(rows));
    }
    return;
  }
  let known: readonly Row[] | undefined;
  const options = { onStatus: telling() };
  for await (const all of listing.watch(client, options)) {
    const rows = shownOf(all);
    const news = newsOf(known, rows, listing.isLog);
    print(
      isTable
        ? tableOf(command, listing, news, known === undefined, width)
        : shown(
          await Promise.all(
            news.map((one) => textOf(format, one, listing.isLog)),
          ),
        ),
    );
    known = rows;
  }
}

/** What became of a row. */
interface News {
  readonly event: "init" | "added" | "changed" | "removed";
  readonly row: Row;
}

/** What is another than before, and what is no longer there. */
function newsOf(
  known: readonly Row[] | undefined,
  rows: readonly Row[],
  isLog = false,
): News[] {
  if (known === undefined) return rows.map((row) => ({ event: "init", row }));
  const before = new Map(known.map((row) => [row.name, row]));
  const news = rows.flatMap((row): News[] => {
    const last = before.get(row.name);
    before.delete(row.name);
    if (last === undefined) return [{ event: "added", row }];
    const isSame = JSON.stringify(last.value) === JSON.stringify(row.value);
    return isSame ? [] : [{ event: "changed", row }];
  });
  if (isLog) return news;
  const gone = [...before.values()];
  return [...gone.map((row): News => ({ event: "removed", row })), ...news];
}

const MARKS: readonly Column[] = [{ title: "TIME" }, { title: "EVENT" }];

/** Rows as lines, with what became of them, but of a log's, which say it. */
function tableOf(
  { format }: TableCommand,
  { columns, isLog }: Listing,
  news: readonly News[],
  isFirst: boolean,
  width = Infinity,
): string[] {
  const rows = news.map(({ event, row }) => ({
    ...row,
    cells: [...isLog ? [] : [time(), cell(event)], ...row.cells],
  }));
  const all = [...isLog ? [] : MARKS, ...columns];
  const layout = new Layout(all, rows, format === "wide", width);
  const lines = rows.map((row) => layout.line(row));
  return isFirst ? [layout.header(), ...lines] : lines;
}

/** A row as its name, or as a document. */
async function textOf(
  format: TableCommand["format"],
  { event, row: { name, value } }: News,
  isLog = false,
): Promise<string> {
  if (format === "name") return name;
  const told = isLog ? value : { event, ...value };
  return format === "json"
    ? JSON.stringify(told)
    : `---\n${await yamlOf(told)}`;
}
