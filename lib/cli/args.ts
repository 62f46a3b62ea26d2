import { parseArgs } from "@std/cli/parse-args";
import { type Given, UsageError } from "../flags.ts";
import { suggestion } from "./suggest.ts";

/** Letters that stand for flags. */
export const SHORT: Readonly<Record<string, string>> = {
  v: "version",
  h: "help",
  o: "output",
  w: "watch",
  f: "watch",
};

/** What may follow a switch's `=`, in any case: what Go's `flag` takes. */
const SWITCH_VALUES: Record<string, boolean> = {
  "": true,
  1: true,
  t: true,
  true: true,
  0: false,
  f: false,
  false: false,
};

/**
 * Reads flags, `-name value`, `-name=value` and the same with two dashes, and
 * what else is there. A flag is blank that is given with nothing behind it.
 *
 * @param values flags that have a value
 * @param switches flags that have none
 * @throws {UsageError} on an unknown flag, or one without its value
 */
export function readArgs(
  args: readonly string[],
  values: readonly string[],
  switches: readonly string[],
): { given: Given; isBlank: (name: string) => boolean; rest: string[] } {
  // The parser would take `-web` for four flags, and `etcd.ca` for a path.
  const inner = (name: string) => name.replaceAll(".", "-");
  const normal: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    const [, name, rest = ""] = /^--?([a-z][a-zA-Z.-]*)(=.*)?$/s.exec(arg) ??
      [];
    if (name === undefined) {
      normal.push(arg);
      continue;
    }
    const long = SHORT[name] ?? name;
    if (values.includes(long)) {
      const value = rest === "" ? args[++i] : rest.slice(1);
      if (value === undefined || rest === "" && value.startsWith("-")) {
        throw new UsageError(`--${long} needs a value`);
      }
      normal.push(`--${inner(long)}=${value}`);
    } else if (switches.includes(long)) {
      const isOn = SWITCH_VALUES[rest.slice(1).toLowerCase()];
      if (isOn === undefined || rest === "=") {
        throw new UsageError(`--${long} is a switch: give it without a value`);
      }
      normal.push(`--${inner(long)}=${isOn}`);
    } else {
      const known = [...values, ...switches].map((flag) => `--${flag}`);
      throw new UsageError(
        `unknown flag ${arg.replace(/=.*/s, "")}${
          suggestion(`--${name}`, known)
        }`,
      );
    }
  }
  const parsed = parseArgs(normal, {
    string: values.map(inner),
    boolean: switches.map(inner),
    alias: {},
    unknown: (arg) => {
      if (arg.startsWith("-")) throw new UsageError(`unknown flag ${arg}`);
    },
  });
  const last = (name: string) => {
    const value = parsed[inner(name)];
    return Array.isArray(value) ? value.at(-1) : value;
  };
  return {
    given: (name) => {
      const value = last(name);
      if (value === true) return "true";
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    isBlank: (name) => last(name) === "",
    rest: parsed._.map(String),
  };
}
