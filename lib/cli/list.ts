/**
 * Prints a table, once or after each change.
 *
 * @module
 */
import type { Client } from "../client/client.ts";
import { sortByUrgency } from "../model/status.ts";
import type { TableCommand } from "./command.ts";
import {
  clientOf,
  messageOf,
  staleReason,
  statusLogger,
  withAddress,
} from "./connection.ts";
import { notesOn } from "./notes.ts";
import {
  canRedraw,
  escaped,
  jsonOf,
  log,
  print,
  terminal,
  timeText,
  timeTitle,
  warn,
} from "./output.ts";
import { printable } from "./printable.ts";
import {
  cell,
  type Column,
  Layout,
  type Row,
  sortedBy,
  type Table,
} from "./table.ts";
import { tableFor } from "./tables.ts";

/**
 * Prints the table of a command.
 *
 * @throws {Error} when lainlet cannot be reached, or refuses, or an argument names nothing
 */
export async function list(command: TableCommand): Promise<void> {
  const { base, isWatch } = command;
  const table = tableFor(command);
  // A column that does not exist is an error before anything is read.
  if (command.sort !== "") sortedBy(command.sort, table.columns, []);
  if (isWatch) return await follow(command, table);
  const client = clientOf(command);
  const [all, stale] = await withAddress(
    base,
    () => Promise.all([table.read(client), staleReason(client)]),
  );
  if (stale !== "") log(`not current: ${stale}`);
  for (const note of await notesOn(command, client, all)) warn(note);
  const rows = arranged(command, table, all);
  if (rows.length < all.length && rows.length === 0) {
    warn("no problems");
  }
  print(await linesOf(table, rows, command.format));
}

/** The rows that a command prints, in its order. @throws {UsageError} when it sorts by an unknown column */
function arranged(
  { onlyTrouble, sort }: TableCommand,
  { columns }: Table,
  all: readonly Row[],
): readonly Row[] {
  const rows = onlyTrouble
    ? sortByUrgency(
      all.filter(({ isOk }) => !isOk),
      ({ urgency = 0 }) => urgency,
    )
    : all;
  return sort === "" ? rows : sortedBy(sort, columns, rows);
}

async function linesOf(
  { columns }: Table,
  rows: readonly Row[],
  format: TableCommand["format"],
): Promise<string[]> {
  switch (format) {
    case "name":
      return escaped(rows.map(({ name }) => name));
    case "json":
      return escaped([jsonOf(rows.map(({ value }) => value))]);
    case "yaml":
      return escaped([await yamlOf(rows.map(({ value }) => value))]);
    case "table":
    case "wide": {
      const width = terminal()?.columns ?? Infinity;
      const layout = new Layout(columns, rows, format === "wide", width);
      return [layout.header(), ...rows.map((row) => layout.line(row))];
    }
  }
}

/** A value as YAML; undefined members are left out. */
export async function yamlOf(value: unknown): Promise<string> {
  // Few commands need it.
  const { stringify } = await import("@std/yaml/stringify");
  return stringify(value, { lineWidth: -1, skipInvalid: true }).trimEnd();
}

/** Logs what is to be said of the first rows of a watch; what its argument names may come later. */
async function logNotes(
  command: TableCommand,
  client: Client,
  rows: readonly Row[],
): Promise<void> {
  try {
    for (const note of await notesOn(command, client, rows)) log(note);
  } catch (error) {
    log(printable(messageOf(error)));
  }
}

/**
 * Prints a table after each change: in a terminal the table is kept current,
 * else each row that changed is printed.
 *
 * @throws {RefusedError} when lainlet refuses, or revokes the right to it
 */
async function follow(command: TableCommand, table: Table): Promise<void> {
  const { format } = command;
  const client = clientOf(command);
  const isTable = format === "table" || format === "wide";
  const width = terminal()?.columns;
  if (isTable && canRedraw() && table.isLog === undefined) {
    const { Screen } = await import("./screen.ts");
    using screen = new Screen(command, table.columns, client);
    const options = { onStatus: screen.onStatus };
    for await (const rows of table.watch(client, options)) {
      screen.show(arranged(command, table, rows));
    }
    return;
  }
  let last: readonly Row[] | undefined;
  for await (
    const all of table.watch(client, { onStatus: statusLogger(command.base) })
  ) {
    if (last === undefined) await logNotes(command, client, all);
    const rows = arranged(command, table, all);
    const changes = changesOf(last, rows, table.isLog);
    print(
      isTable
        ? changeLines(command, table, changes, last === undefined, width)
        : escaped(
          await Promise.all(
            changes.map((one) => textOf(format, one, table.isLog)),
          ),
        ),
    );
    last = rows;
  }
}

interface RowChange {
  readonly event: "init" | "added" | "changed" | "removed";
  readonly row: Row;
}

/** Rows that differ from the last ones, removed ones first; a log's old rows are not reported as removed. */
function changesOf(
  last: readonly Row[] | undefined,
  rows: readonly Row[],
  isLog = false,
): RowChange[] {
  if (last === undefined) return rows.map((row) => ({ event: "init", row }));
  const before = new Map(last.map((row) => [row.name, row]));
  const changes = rows.flatMap((row): RowChange[] => {
    const old = before.get(row.name);
    before.delete(row.name);
    if (old === undefined) return [{ event: "added", row }];
    const isSame = JSON.stringify(old.value) === JSON.stringify(row.value);
    return isSame ? [] : [{ event: "changed", row }];
  });
  if (isLog) return changes;
  const removed = Array.from(
    before.values(),
    (row): RowChange => ({ event: "removed", row }),
  );
  return [...removed, ...changes];
}

function eventColumns(): readonly Column[] {
  return [{ title: timeTitle() }, { title: "EVENT" }];
}

/** Changed rows as lines that begin with the time and the event. Rows of a log do not need that: each is an event, and has its time. */
function changeLines(
  { format }: TableCommand,
  { columns, isLog }: Table,
  changes: readonly RowChange[],
  isFirst: boolean,
  width = Infinity,
): string[] {
  const rows = changes.map(({ event, row }) => ({
    ...row,
    cells: [...isLog ? [] : [timeText(new Date()), cell(event)], ...row.cells],
  }));
  const all = [...isLog ? [] : eventColumns(), ...columns];
  const layout = new Layout(all, rows, format === "wide", width);
  const lines = rows.map((row) => layout.line(row));
  return isFirst ? [layout.header(), ...lines] : lines;
}

/** A changed row as its name, or as a document. */
async function textOf(
  format: TableCommand["format"],
  { event, row: { name, value } }: RowChange,
  isLog = false,
): Promise<string> {
  if (format === "name") return name;
  const document = isLog ? value : { event, ...value };
  return format === "json"
    ? JSON.stringify(document)
    : `---\n${await yamlOf(document)}`;
}
