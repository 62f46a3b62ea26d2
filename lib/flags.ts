/**
 * Command-line flags: how they are declared, parsed, and described by
 * `--help`, for the program and for scripts.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { suggestion } from "./suggest.ts";

/** Wrong use of the command line; the message is the one line to print. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A flag: parsed, completed, and described by `--help` and the manual page. */
export interface Flag {
  readonly name: string;
  /** Short forms: `["o"]` for `-o`. */
  readonly letters?: readonly string[];
  /** Placeholder of its value, `FILE`; absent: the flag is a switch. */
  readonly value?: string;
  /** Its values, for completion, where they are few. */
  readonly choices?: readonly string[];
  /** Environment variable that it is read from when it is not given. */
  readonly env?: string;
  readonly help: string;
}

/** An environment variable's value; undefined when it is not set. */
export type ReadVariable = (name: string) => string | undefined;

/** A flag's value: undefined when not given, empty, or a switch that is off; "true" for a switch that is on. */
export type Given = (name: string) => string | undefined;

/** A parsed command line. */
export interface Arguments {
  readonly given: Given;
  /** Whether a flag was given with an empty value, as `--web=`. */
  readonly isEmpty: (name: string) => boolean;
  /** Arguments that are not flags, in order; empty ones are left out. */
  readonly positional: readonly string[];
}

export const HELP_FLAG: Flag = {
  name: "help",
  letters: ["h"],
  help: "print this and exit",
};

/**
 * Parses flags, `-name value`, `-name=value` and the same with two dashes, and
 * positional arguments. Letters may stand together, the last one with its
 * value: `-ojson`, `-wo json`. Of a flag that is repeated the last one counts;
 * after `--` every argument is positional.
 *
 * @throws {UsageError} on an unknown flag, a missing value, or a switch with a value
 */
export function parseArguments(
  args: readonly string[],
  flags: readonly Flag[],
): Arguments {
  const names = new Map(
    flags.flatMap((flag) =>
      [flag.name, ...flag.letters ?? []].map((name) => [name, flag] as const)
    ),
  );
  const keysOf = (isSwitch: boolean) =>
    flags.filter(({ value }) => (value === undefined) === isSwitch)
      .map(({ name }) => keyOf(name));
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const words = args.slice(0, end).flatMap((arg) => splitLetters(arg, names));
  const parsed = parseArgs(
    [
      ...words.map((word, i) => normalized(word, words[i + 1], names)),
      ...args.slice(end),
    ],
    {
      string: ["_", ...keysOf(false)],
      boolean: keysOf(true),
      "--": true,
      unknown: (arg, key) => {
        if (key !== undefined) throw unknownFlag(arg, flags);
      },
    },
  );
  return {
    given: (name) => {
      const value = parsed[keyOf(name)];
      if (value === true) return "true";
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    isEmpty: (name) => parsed[keyOf(name)] === "",
    positional: [...parsed._, ...parsed["--"]].map(String)
      .filter((text) => text !== ""),
  };
}

/** Reads flags that are not given from the environment, where they say so. */
export function withEnvironment(
  given: Given,
  flags: readonly Flag[],
  variable: ReadVariable,
): Given {
  const variables = new Map(flags.map(({ name, env }) => [name, env]));
  return (name) => {
    const env = variables.get(name);
    return given(name) ?? (env && variable(env) || undefined);
  };
}

/** A flag's name for `parseArgs`, which takes a dot for a path into an object. */
function keyOf(name: string): string {
  return name.replaceAll(".", "\0");
}

/** Values of a switch, in any case: those of Go's `flag`, and none. */
const SWITCH_VALUES: ReadonlyMap<string | undefined, boolean> = new Map([
  [undefined, true],
  ["1", true],
  ["t", true],
  ["true", true],
  ["0", false],
  ["f", false],
  ["false", false],
]);

/** Splits letters that stand together: `-wo` into `-w` and `-o`, `-ojson` into `-o=json`. Any other argument as it is. */
export function splitLetters(
  arg: string,
  names: ReadonlyMap<string, Flag>,
): string[] {
  const [, letters = ""] = /^-([^-].*)$/s.exec(arg) ?? [];
  if (names.has(letters.replace(/=.*/s, ""))) return [arg];
  const words: string[] = [];
  for (let i = 0; i < letters.length; i++) {
    const letter = letters.charAt(i);
    const flag = names.get(letter);
    if (!flag?.letters?.includes(letter)) return [arg];
    const value = letters.slice(i + 1);
    if (flag.value !== undefined && value !== "") {
      return [...words, `-${letter}=${value.replace(/^=/, "")}`];
    }
    words.push(`-${letter}`);
  }
  return words.length > 0 ? words : [arg];
}

/**
 * A known flag as `--name` or `--name=value`; any other argument as it is.
 *
 * @param next the argument after it
 */
function normalized(
  arg: string,
  next: string | undefined,
  names: ReadonlyMap<string, Flag>,
): string {
  const [, name = "", value] = /^--?([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
  const flag = names.get(name);
  if (flag === undefined) return arg;
  const key = keyOf(flag.name);
  if (flag.value === undefined) {
    const isOn = SWITCH_VALUES.get(value?.toLowerCase());
    if (isOn !== undefined) return `--${key}=${isOn}`;
    throw new UsageError(
      `--${flag.name} is a switch: give it without a value`,
    );
  }
  if (value !== undefined) return `--${key}=${value}`;
  if (next === undefined || next.startsWith("-")) {
    throw new UsageError(`--${flag.name} needs a value`);
  }
  // parseArgs does not take an empty argument for a value.
  return next === "" ? `--${key}=` : `--${key}`;
}

function unknownFlag(arg: string, flags: readonly Flag[]): UsageError {
  const name = arg.replace(/=.*/s, "");
  const known = flags.map(({ name }) => `--${name}`);
  return new UsageError(
    `unknown flag ${name}${suggestion(name.replace(/^-+/, "--"), known)}`,
  );
}

/**
 * Returns the value of a flag as a whole number.
 *
 * @throws {UsageError} when it is not one from `min` to `max`
 */
export function integerFlag(
  given: Given,
  name: string,
  defaultValue: number,
  min: number,
  max: number,
): number {
  const text = given(name) ?? String(defaultValue);
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  throw new UsageError(
    `--${name} must be a whole number from ${min} to ${max}, not "${text}"`,
  );
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Returns the value of a flag (`90`, `90s`, `1.5m`, `1h`) as a time in ms.
 *
 * @param min in ms
 * @throws {UsageError} when it is not one, or less than `min`
 */
export function durationFlag(
  given: Given,
  name: string,
  defaultValue: string,
  min: number,
): number {
  const text = given(name) ?? defaultValue;
  const [, digits, unit = "s"] = /^(\d+(?:\.\d+)?)([smh])?$/.exec(text) ?? [];
  const time = Number(digits) * (TIME_UNITS[unit] ?? NaN);
  // Timers count milliseconds in 31 bits.
  if (time >= min && time < 2 ** 31) return time;
  throw new UsageError(
    `--${name} must be a time like ${defaultValue}, at least ${
      min / 1000
    }s, not "${text}"`,
  );
}

/** Reads the file that a flag names. @throws {UsageError} if it cannot be read */
export function readText(flag: string, file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    throw new UsageError(
      `--${flag}: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** Where a description begins in help, and where lines end at the latest. */
const HELP_COLUMN = 27;
const HELP_WIDTH = 80;

/** A flag in help: its forms, and what it does. */
export function flagHelp(flag: Flag): string {
  return helpItem(flagForms(flag), flag.help);
}

/** `-o, --output FORMAT` */
export function flagForms({ letters = [], name, value }: Flag): string {
  const forms = [...letters.map((letter) => `-${letter}`), `--${name}`];
  return `${forms.join(", ")}${value === undefined ? "" : ` ${value}`}`;
}

/** A term, and its description beside or below it. */
export function helpItem(term: string, description: string): string {
  const [first = "", ...rest] = wrapped(description, HELP_COLUMN);
  const indented = `  ${term}`;
  return indented.length + 2 > HELP_COLUMN
    ? [indented, first, ...rest].join("\n")
    : [indented.padEnd(HELP_COLUMN) + first.trimStart(), ...rest].join("\n");
}

/** Wraps text to the width of help, and indents each line. */
export function wrapped(text: string, indent = 0): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    const line = last === "" ? word : `${last} ${word}`;
    if (indent + line.length <= HELP_WIDTH) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines.map((line) => " ".repeat(indent) + line);
}

/** The usage of a script. */
export interface Script {
  /** Name of its task: `soak`. */
  readonly name: string;
  /** What it does, in a sentence. */
  readonly summary: string;
  /** Placeholders of its arguments, `[FOLDER]`; with `...` at the end there may be many. */
  readonly argument?: string;
  readonly flags?: readonly Flag[];
}

/**
 * Parses a script's command line. Ends the process after it printed the usage
 * for `--help`, and after a {@linkcode UsageError}, which it prints.
 *
 * @param read makes the script's options of it; may throw a `UsageError`
 */
export function scriptOptions<T>(
  { argument = "", flags = [], name, summary }: Script,
  read: (args: Arguments) => T,
): T {
  const command = `deno task ${name}`;
  const all = [...flags, HELP_FLAG];
  try {
    const args = parseArguments(Deno.args, all);
    if (args.given("help") !== undefined) {
      const usage = [command, argument, "[flags]"]
        .filter((part) => part !== "").join(" ");
      console.log(
        [
          ...wrapped(summary),
          "",
          `Usage: ${usage}`,
          "",
          "Flags:",
          ...all.map(flagHelp),
        ].join("\n"),
      );
      Deno.exit(0);
    }
    const max = argument.split(" ").filter((word) => word !== "").length;
    const unexpected = args.positional[max];
    if (unexpected !== undefined && !argument.endsWith("...")) {
      throw new UsageError(`unexpected argument "${unexpected}"`);
    }
    return read(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${name}: ${error.message} (see ${command} --help)`);
    Deno.exit(2);
  }
}
