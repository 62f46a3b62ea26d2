import { yellow } from "@std/fmt/colors";
import { clockOrTimestamp, timeZone } from "../model/format.ts";
import { printable } from "./render.ts";

/** Prints lines; ends the process when nothing reads them any more. */
export function print(lines: readonly string[]): void {
  if (lines.length > 0) write(lines.join("\n") + "\n");
}

/** Writes text as it is; ends the process when nothing reads it any more. */
export function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let done = 0; done < bytes.length;) {
      done += Deno.stdout.writeSync(bytes.subarray(done));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}

/** When the command started. */
const STARTED = new Date();

/** A time as the command prints it: with the day when that is not the one on which the command started. */
export function timeText(time: Date): string {
  return clockOrTimestamp(time, STARTED);
}

/** The title of a column of times, which names their time zone. */
export function timeTitle(): string {
  return `TIME (${timeZone()})`;
}

/** Writes a line to stderr, with the time. */
export function log(line: string): void {
  warn(`${timeText(new Date())} ${line}`);
}

/** Writes a line to stderr. */
export function warn(line: string): void {
  console.error(yellow(line));
}

/** The size of the terminal that stdout is, in characters; undefined in a pipe. */
export function terminal(): { columns: number; rows: number } | undefined {
  if (!Deno.stdout.isTerminal()) return undefined;
  const { columns, rows } = Deno.consoleSize();
  // A terminal whose size was never set reports 0.
  return { columns: columns || 80, rows: rows || 24 };
}

/** Texts as lines: in a terminal without control characters, else as they are. */
export function escaped(texts: readonly string[]): string[] {
  return Deno.stdout.isTerminal()
    ? texts.flatMap((text) => text.split("\n")).map(printable)
    : [...texts];
}
