import { yellow } from "@std/fmt/colors";

/** Prints lines; ends the process when nobody reads them any more. */
export function print(lines: readonly string[]): void {
  if (lines.length > 0) write(lines.join("\n") + "\n");
}

/** Writes text as it is; ends the process when nobody reads it any more. */
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

/** Says on stderr what is no part of the output. */
export function tell(line: string): void {
  console.error(yellow(`${time()} ${line}`));
}

/** The time of day. */
export function time(): string {
  return new Date().toTimeString().slice(0, 8);
}

/** The size of the terminal that stdout is, in characters; a pipe has none. */
export function terminal(): { columns: number; rows: number } | undefined {
  if (!Deno.stdout.isTerminal()) return undefined;
  const { columns, rows } = Deno.consoleSize();
  // One whose size nobody told says 0.
  return { columns: columns || 80, rows: rows || 24 };
}
