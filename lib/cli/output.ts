import { setColorEnabled } from "@std/fmt/colors";
import { clockOrTimestamp, timeZone } from "../model/format.ts";
import { printable } from "./printable.ts";

/** Prints lines; ends the process when nothing reads them any more. */
export function print(lines: readonly string[]): void {
  if (lines.length > 0) write(lines.join("\n") + "\n");
}

/** Writes text as it is; ends the process when nothing reads it any more. */
export function write(text: string): void {
  try {
    writeAll(Deno.stdout, text);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}

type Output = typeof Deno.stderr | typeof Deno.stdout;

/** Time between two attempts to write to a full pipe, in ms. */
const RETRY_INTERVAL = 10;

/**
 * This many bytes are written to a pipe at once, or none of them.
 *
 * @see PIPE_BUF in pipe(7)
 */
const ATOMIC = 4_096;

/**
 * Writes all of a text. A pipe that is full is waited for, also one that
 * another process made non-blocking: what fails then must have written
 * nothing. So pieces are atomic, and end with a line or are full, as the
 * runtime buffers what follows the last line end.
 */
function writeAll(output: Output, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) {
    const piece = bytes.subarray(done, done + ATOMIC);
    const end = piece.lastIndexOf(LINE_END) + 1;
    try {
      done += output.writeSync(end > 0 ? piece.subarray(0, end) : piece);
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      pause(RETRY_INTERVAL);
    }
  }
}

const LINE_END = "\n".charCodeAt(0);

/** Blocks the thread: what is printed next must wait, too. @param time in ms */
function pause(time: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
}

/** Whether the terminal shows text and nothing else. */
let isDumb = false;

/** To be called before anything is printed. @param term `$TERM` */
export function startOutput(term = ""): void {
  isDumb = term === "dumb";
  setColorEnabled(hasColors(Deno.stdout));
}

function hasColors(output: Output): boolean {
  return output.isTerminal() && !Deno.noColor && !isDumb;
}

/** Whether stdout is a terminal on which lines can be drawn again. */
export function canRedraw(): boolean {
  return Deno.stdout.isTerminal() && !isDumb;
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

/** Writes a line to stderr, yellow in a terminal: stdout may be none. */
export function warn(line: string): void {
  const text = hasColors(Deno.stderr) ? `\x1b[33m${line}\x1b[39m` : line;
  try {
    writeAll(Deno.stderr, `${text}\n`);
  } catch (error) {
    // If its reader has gone, the command continues.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
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

/** A value as JSON: on one line in a pipe. */
export function jsonOf(value: unknown): string {
  const indent = Deno.stdout.isTerminal() ? 2 : undefined;
  return JSON.stringify(value, undefined, indent);
}
