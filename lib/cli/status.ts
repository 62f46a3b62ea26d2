import { bold, green, red, yellow } from "@std/fmt/colors";
import debug from "../../apis/debug.ts";
import {
  Client,
  type Data,
  PeerError,
  RefusedError,
} from "../client/client.ts";
import { oneLine } from "../client/errors.ts";
import { ago } from "../model/format.ts";
import type { Format } from "./command.ts";
import { yamlOf } from "./list.ts";
import { escaped, jsonOf, terminal } from "./output.ts";
import { fold, printable, table } from "./render.ts";
import { type Cell, cell, type Column, Layout } from "./table.ts";

/** Status of a lainlet. */
export interface Status {
  readonly addr: string;
  readonly version: string;
  readonly ready: boolean;
  /** Why it is not ready; "" when it is. */
  readonly reason: string;
  readonly debug: Data<"/debug">;
}

/**
 * Reads the status of a lainlet.
 *
 * @param timeout how long it may send nothing, in ms
 * @throws {RefusedError} when it refuses
 * @throws {PeerError} when it cannot be reached, or is not lainlet
 */
export async function readStatus(
  base: string,
  timeout?: number,
): Promise<Status> {
  const client = new Client(base, JSON.parse, timeout);
  const [version, state, reason] = await Promise.all([
    client.text("/version", {}),
    client.get("/debug", {}),
    client.text("/readyz", {}).then(() => "", (error) => {
      if (error instanceof RefusedError) return error.message;
      throw error;
    }),
  ]);
  // Imported here, as it is large and the server does not need it.
  const { Value } = await import("@sinclair/typebox/value");
  const first = Value.Errors(debug.answer, state).First();
  if (first !== undefined) {
    throw new PeerError(`its /debug${first.path}: ${first.message}`);
  }
  return {
    addr: base,
    version: oneLine(version),
    ready: reason === "",
    reason,
    debug: state,
  };
}

/** A status in a format; without a table's width, lines are as long as they are. */
export async function statusLines(
  status: Status,
  format: Format,
): Promise<string[]> {
  switch (format) {
    case "name":
      return [status.addr];
    case "json":
      return escaped([jsonOf(status)]);
    case "yaml":
      return escaped([await yamlOf(status)]);
    case "table":
    case "wide":
      return renderStatus(status, terminal()?.columns ?? Infinity);
  }
}

const WATCHER_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "KEYS", align: "right" },
  { title: "STREAMS", align: "right", priority: 1 },
  { title: "REJECTED", align: "right" },
  { title: "DIFFERENCES", align: "right" },
  { title: "LAST EVENT", minWidth: 24, cut: "middle" },
];

/** A status as lines. @param width of the terminal, in characters */
export function renderStatus(status: Status, width: number): string[] {
  const { addr, version, ready, reason, debug } = status;
  const { store, watchers } = debug;
  return [
    ...ready
      ? [green("up to date")]
      : fold(`not ready: ${printable(reason)}`, width).map(red),
    `${bold("lainlet")} ${printable(version)} at ${addr}`,
    "",
    ...table([
      [
        "store",
        `${printable(store.source) || "none"}, revision ${store.revision}`,
      ],
      ["confirmed", timeText(store.confirmed)],
      ["reconnects", String(store.reconnects)],
      ["missed changes", counted(store.missed)],
      ["streams", `${debug.goroutines} of ${debug.topics} topics`],
      ["refused, slow", `${counted(debug.refused)}, ${counted(debug.slow)}`],
      ["connections", String(debug.connections)],
      ...debug.apis === undefined ? [] : [["API files", apiText(debug.apis)]],
    ]).map((line) => INDENT + line),
    "",
    ...watcherLines(watchers, width - INDENT.length)
      .map((line) => INDENT + line),
    ...debug.apis === undefined ? [] : apiLines(debug.apis),
    ...Object.values(watchers).flatMap(({ Rejected }) =>
      Rejected.map((key) => `${INDENT}${yellow("rejected")} ${printable(key)}`)
    ),
  ];
}

const INDENT = "  ";

type ApiFiles = NonNullable<Data<"/debug">["apis"]>;

/** How many API files there are. */
function apiText({ files, folder }: ApiFiles): string {
  const bad = files.filter(({ status }) => status !== "served");
  return `${files.length} in ${printable(folder)}, ${
    counted(bad.length)
  } with a problem`;
}

/** What is wrong with API files. */
function apiLines({ files, problem }: ApiFiles): string[] {
  const bad = files.filter(({ status }) => status !== "served");
  return [
    ...problem === "" ? [] : [yellow(printable(problem))],
    ...bad.map(({ file, reason, status }) =>
      `${yellow(status)} ${printable(file)}: ${printable(reason)}`
    ),
    ...files.flatMap(({ file, rejected }) =>
      rejected.map((key) =>
        `${yellow("rejected")} by ${printable(file)}: ${printable(key)}`
      )
    ),
  ].map((line) => INDENT + line);
}

function watcherLines(
  watchers: Data<"/debug">["watchers"],
  width: number,
): string[] {
  const rows = Object.entries(watchers).map(([name, watcher]) => ({
    name,
    value: watcher,
    cells: [
      cell(name),
      cell(watcher.TotalKeys),
      cell(watcher.NumReceivers),
      countCell(watcher.Rejected.length),
      countCell(watcher.Differences),
      cell(lastEventText(watcher)),
    ],
    isOk: true,
  }));
  const layout = new Layout(WATCHER_COLUMNS, rows, false, width);
  return [layout.header(), ...rows.map((row) => layout.line(row))];
}

/** A count that should be 0, in a table. */
function countCell(count: number): Cell {
  return cell(count, count === 0 ? undefined : "bad");
}

/** A count that should be 0. */
function counted(count: number): string {
  return count === 0 ? "0" : yellow(String(count));
}

function lastEventText(
  { LastEvent: { Action, Key }, UpdateTime }: Data<
    "/debug"
  >["watchers"][string],
): string {
  if (Action === "") return "";
  const what = Key === "" ? Action : `${Action} ${Key}`;
  return `${what}, ${timeText(UpdateTime)}`;
}

/** @param time of RFC 3339; "": never */
function timeText(time: string): string {
  return time === "" ? "never" : ago(Date.parse(time));
}
