import { bold, green, red, yellow } from "@std/fmt/colors";
import { format } from "@std/fmt/duration";
import debug from "../../apis/debug.ts";
import {
  Client,
  type Data,
  PeerError,
  RefusedError,
} from "../client/client.ts";
import { oneLine } from "../client/errors.ts";
import { Layout } from "./layout.ts";
import { fold, printable, table } from "./render.ts";
import { type Cell, cell, type Column } from "./tables/listing.ts";

/** How a lainlet is doing. */
export interface Status {
  readonly addr: string;
  readonly version: string;
  readonly ready: boolean;
  /** Why it is not; "" when it is. */
  readonly reason: string;
  readonly debug: Data<"/debug">;
}

/**
 * Asks a lainlet how it is doing.
 *
 * @throws {RefusedError} when it refuses that
 * @throws {PeerError} when it cannot be reached, or is not lainlet
 */
export async function readStatus(base: string): Promise<Status> {
  const client = new Client(base);
  const [version, state, reason] = await Promise.all([
    client.text("/version", {}),
    client.get("/debug", {}),
    client.text("/readyz", {}).then(() => "", (error) => {
      if (error instanceof RefusedError) return error.message;
      throw error;
    }),
  ]);
  // Only here, as it is large, and a lainlet that serves has no use for it.
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

/** What is told of each watcher. */
const WATCHERS: readonly Column[] = [
  { title: "" },
  { title: "KEYS", align: "right" },
  { title: "STREAMS", align: "right", spare: 1 },
  { title: "REJECTED", align: "right" },
  { title: "DIFFERENCES", align: "right" },
  { title: "LAST EVENT", least: 24, cut: "middle" },
];

/** A status for people, a line each. @param width of the terminal, in characters */
export function renderStatus(status: Status, width: number): string[] {
  const { addr, version, ready, reason, debug } = status;
  const { store, watchers } = debug;
  return [
    ...ready
      ? [green("in step with the store")]
      : fold(`not ready: ${printable(reason)}`, width).map(red),
    `${bold("lainlet")} ${printable(version)} at ${addr}`,
    "",
    ...table([
      [
        "store",
        `${printable(store.source) || "none"}, revision ${store.revision}`,
      ],
      ["confirmed", ago(store.confirmed)],
      ["reconnects", String(store.reconnects)],
      ["missed changes", counted(store.missed)],
      ["streams", `${debug.goroutines} of ${debug.topics} states`],
      ["refused, slow", `${counted(debug.refused)}, ${counted(debug.slow)}`],
      ["connections", String(debug.connections)],
    ]).map((line) => INDENT + line),
    "",
    ...watcherLines(watchers, width - INDENT.length)
      .map((line) => INDENT + line),
    ...Object.values(watchers).flatMap(({ Rejected }) =>
      Rejected.map((key) => `${INDENT}${yellow("rejected")} ${printable(key)}`)
    ),
  ];
}

const INDENT = "  ";

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
      cell(lastOf(watcher)),
    ],
    isWell: true,
  }));
  const layout = new Layout(WATCHERS, rows, false, width);
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

function lastOf(
  { LastEvent: { Action, Key }, UpdateTime }: Data<
    "/debug"
  >["watchers"][string],
): string {
  if (Action === "") return "";
  const what = Key === "" ? Action : `${Action} ${Key}`;
  return `${what}, ${ago(UpdateTime)}`;
}

/** @param time of RFC 3339; "": never */
function ago(time: string): string {
  if (time === "") return "never";
  const seconds = Math.max(
    0,
    Math.round((Date.now() - Date.parse(time)) / 1000),
  );
  if (seconds === 0) return "now";
  const text = format(seconds * 1000, { style: "narrow", ignoreZero: true });
  return `${text} ago`;
}
