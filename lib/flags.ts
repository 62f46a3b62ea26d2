/**
 * What the command line is made of, for whoever declares a flag.
 *
 * @module
 */

/** A wrong use of the command line; the message is the one line to print. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A flag, as it is read, completed, and told of by `--help` and the man page. */
export interface Flag {
  readonly name: string;
  /** What its value is called, `FILE`; absent: it is a switch. */
  readonly value?: string;
  /** The variable of the environment that it is taken from when it is not given. */
  readonly env?: string;
  readonly help: string;
}

/** A flag's value; undefined when it is not given, is empty, or is a switch that is off. */
export type Given = (name: string) => string | undefined;

/** The text of a file that a flag names. @throws {UsageError} when it cannot be read */
export function readText(flag: string, file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    throw new UsageError(
      `--${flag}: ${error instanceof Error ? error.message : error}`,
    );
  }
}
