import { parseArgs } from "@std/cli/parse-args";

/** A wrong use of the command line; the message is the one line to print. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A flag's value; undefined when it is not given, or is a switch that is off. */
export type Given = (name: string) => string | undefined;

const SHORT: Record<string, string> = { v: "version", h: "help" };

/**
 * Reads flags, `-name value`, `-name=value` and the same with two dashes, and
 * what else is there.
 *
 * @param values flags that have a value
 * @param switches flags that have none
 * @throws {UsageError} on an unknown flag, or one without its value
 */
export function readArgs(
  args: readonly string[],
  values: readonly string[],
  switches: readonly string[],
): { given: Given; rest: string[] } {
  // The parser would take `-web` for four flags, and `etcd.ca` for a path.
  const inner = (name: string) => name.replaceAll(".", "-");
  const normal = args.map((arg) => {
    const [, name, rest = ""] = /^--?([a-z][a-z.]*)(=.*)?$/s.exec(arg) ?? [];
    if (name === undefined) return arg;
    const long = SHORT[name] ?? name;
    if (!values.includes(long) && !switches.includes(long)) {
      throw new UsageError(`unknown flag ${arg.replace(/=.*/s, "")}`);
    }
    if (switches.includes(long) && !/^(=(true|false|1|0))?$/.test(rest)) {
      throw new UsageError(`--${long} is a switch: give it without a value`);
    }
    const value = switches.includes(long)
      ? rest.replace("=1", "=true").replace("=0", "=false")
      : rest;
    return `--${inner(long)}${value}`;
  });
  const parsed = parseArgs(normal, {
    string: values.map(inner),
    boolean: switches,
    alias: {},
    unknown: (arg) => {
      if (arg.startsWith("-")) throw new UsageError(`unknown flag ${arg}`);
    },
  });
  for (const name of values) {
    const value = parsed[inner(name)];
    if (value === "") throw new UsageError(`--${name} needs a value`);
  }
  return {
    given: (name) => {
      const value = parsed[inner(name)];
      if (Array.isArray(value)) return String(value.at(-1));
      if (typeof value === "string") return value;
      return value === true ? "true" : undefined;
    },
    rest: parsed._.map(String),
  };
}
