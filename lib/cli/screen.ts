import { dim, yellow } from "@std/fmt/colors";
import type { Client, WatchStatus } from "../client/client.ts";
import { timeZone } from "../model/format.ts";
import type { TableCommand } from "./command.ts";
import { staleReason } from "./connection.ts";
import { terminal, timeText, write } from "./output.ts";
import { cut, printable } from "./render.ts";
import { type Column, Layout, type Row } from "./table.ts";

/** Intervals in ms: of drawing, as ages grow, and of checking that lainlet is current. */
const REDRAW = 1_000;
const CHECK = 5_000;

/** Control sequences: alternate screen, cursor, erasing. @see ECMA-48, and xterm's control sequences */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const END_OF_LINE = "\x1b[K";
const BELOW = "\x1b[J";

/** Time for a second Ctrl-Z, in ms. */
const SECOND_KEY = 5_000;

/** Signals by number: the exit code is 128 plus that, as in shells. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** A table that fills the terminal and is redrawn. */
export class Screen implements Disposable {
  #rows?: readonly Row[];
  #problem = "";
  #stale = "";
  readonly #timers: readonly ReturnType<typeof setInterval>[];
  /** Whether the terminal is not lainlet's: it is stopped, or about to be. */
  #isSuspended = false;
  #second?: ReturnType<typeof setTimeout>;
  readonly #draw = () => this.draw();
  readonly #suspend = () => this.suspend();
  readonly #resume = () => this.resume();

  constructor(
    private readonly command: TableCommand,
    private readonly columns: readonly Column[],
    client: Client,
  ) {
    write(ENTER);
    for (const [signal, number] of Object.entries(SIGNALS)) {
      Deno.addSignalListener(signal as Deno.Signal, () => {
        write(LEAVE);
        Deno.exit(128 + number);
      });
    }
    Deno.addSignalListener("SIGWINCH", this.#draw);
    Deno.addSignalListener("SIGTSTP", this.#suspend);
    Deno.addSignalListener("SIGCONT", this.#resume);
    const check = async () => this.#stale = await staleReason(client);
    this.#timers = [setInterval(this.#draw, REDRAW), setInterval(check, CHECK)];
    check();
    this.draw();
  }

  /** The `onStatus` of the watch's options. */
  readonly onStatus = ({ problem = "" }: WatchStatus) => {
    this.#problem = printable(problem);
    this.draw();
  };

  show(rows: readonly Row[]): void {
    this.#rows = rows;
    this.draw();
  }

  /** Gives the terminal back, and stops the process: Ctrl-Z was pressed. */
  suspend(): void {
    this.#isSuspended = true;
    write(LEAVE);
    try {
      Deno.kill(Deno.pid, "SIGSTOP");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      // Deno up to 2.7 lets only the terminal stop a process without
      // --allow-run: the next Ctrl-Z does.
      Deno.removeSignalListener("SIGTSTP", this.#suspend);
      write("Press Ctrl-Z again to suspend lainlet.\r\n");
      this.#second = setTimeout(() => this.resume(), SECOND_KEY);
    }
  }

  /** Takes the terminal again: the process goes on, as after `fg`. */
  resume(): void {
    if (this.#second !== undefined) {
      clearTimeout(this.#second);
      this.#second = undefined;
      Deno.addSignalListener("SIGTSTP", this.#suspend);
    }
    this.#isSuspended = false;
    write(ENTER);
    this.draw();
  }

  draw(): void {
    if (this.#isSuspended) return;
    const { columns, rows } = terminal() ?? { columns: 80, rows: 24 };
    const lines = [this.#title(columns), ...this.#table(columns, rows - 2)];
    const text = lines.slice(0, rows).map((line) => line + END_OF_LINE);
    write(HOME + text.join("\r\n") + BELOW);
  }

  #title(width: number): string {
    const { name, argument, base } = this.command;
    const problem = this.#problem ||
      this.#stale && `not current: ${this.#stale}`;
    const left = printable(`lainlet ${name} ${argument}`.trimEnd());
    if (problem === "") {
      const time = `${timeText(new Date())} ${timeZone()}`;
      return cut(`${left}   ${base}   ${time}`, width);
    }
    return yellow(cut(`${timeText(new Date())} ${problem}`, width));
  }

  #table(width: number, height: number): string[] {
    if (this.#rows === undefined) return [];
    const { columns } = this;
    const rows = this.#rows.length > height
      ? this.#rows.slice(0, height - 1)
      : this.#rows;
    const isWide = this.command.format === "wide";
    const layout = new Layout(columns, rows, isWide, width);
    const lines = [layout.header(), ...rows.map((row) => layout.line(row))];
    const hidden = this.#rows.length - rows.length;
    if (hidden > 0) lines.push(dim(`${hidden} more`));
    return lines;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer);
    Deno.removeSignalListener("SIGWINCH", this.#draw);
    Deno.removeSignalListener("SIGTSTP", this.#suspend);
    Deno.removeSignalListener("SIGCONT", this.#resume);
    write(LEAVE);
  }
}
