import * as apis from "../../apis/mod.ts";
import { readArgs } from "./args.ts";
import { type Given, UsageError } from "../flags.ts";
import type { Param } from "../view/endpoint.ts";
import type { Page } from "../view/page.ts";
import type { View } from "../view/view.ts";

/** The words that make a client of the program, and how each goes on. */
export const COMMANDS = {
  get: "ENDPOINT [--PARAMETER VALUE] [--addr ADDRESS]",
  watch: "ENDPOINT [--PARAMETER VALUE] [--addr ADDRESS]",
  status: "[--addr ADDRESS]",
  completions: "bash|zsh|fish",
} as const;

/** What each does. */
const ABOUT = {
  get: "Prints an endpoint's answer.",
  watch: "Prints a view, and then what changes in it, until it is ended.",
  status: "Prints how lainlet is doing; exit code 1 when it is not ready.",
  completions: "Prints a shell's completions of this command line.",
} as const;

export const SHELLS = ["bash", "zsh", "fish"] as const;

/** What a client is asked to do. */
export type Command =
  | {
    readonly name: "get" | "watch";
    /** Where lainlet is, `http://127.0.0.1:9001`. */
    readonly base: string;
    /** As the client takes it: `nodes`, `/debug`. */
    readonly endpoint: string;
    readonly params: Readonly<Record<string, string>>;
    /** Whether the answer is JSON. */
    readonly isJson: boolean;
  }
  | { readonly name: "status"; readonly base: string }
  | { readonly name: "completions"; readonly shell: typeof SHELLS[number] }
  | { readonly name: "help"; readonly text: string };

/** An endpoint as the command line has it. */
export interface Known {
  /** Its path, for a view without `/v2/`. */
  readonly name: string;
  readonly path: string;
  readonly summary: string;
  readonly params: Readonly<Record<string, Param>>;
  readonly isView: boolean;
  readonly isJson: boolean;
}

/** All endpoints that a client can ask. */
export const ENDPOINTS: readonly Known[] = Object.values<View | Page>(apis)
  .flatMap((endpoint) =>
    endpoint.paths.map((path) => ({
      name: path.replace(/^\/(v2\/)?/, ""),
      path,
      summary: endpoint.summary,
      params: endpoint.params,
      isView: "select" in endpoint,
      isJson: endpoint.answer !== undefined,
    }))
  )
  .filter(({ name }) => name !== "" && !name.startsWith("ui/"));

/** What a command can ask. */
export function endpointsOf(command: "get" | "watch"): readonly Known[] {
  return command === "get"
    ? ENDPOINTS
    : ENDPOINTS.filter(({ isView }) => isView);
}

/** Whether a word is a client's. */
export function isCommand(word = ""): word is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, word);
}

/**
 * Reads a client's command line.
 *
 * @param args what follows the name
 * @throws {UsageError} when it is not one
 */
export function parseCommand(
  name: keyof typeof COMMANDS,
  args: readonly string[],
): Command {
  if (args.some((arg) => /^--?(h|help)$/.test(arg))) {
    return { name: "help", text: helpOf(name) };
  }
  const params = name === "get" || name === "watch"
    ? ENDPOINTS.flatMap(({ params }) => Object.keys(params))
    : [];
  const flags = name === "completions" ? [] : ["addr", ...new Set(params)];
  const { given, rest: [first, second] } = readArgs(args, flags, []);
  const unexpected = name === "status" ? first : second;
  if (unexpected !== undefined) {
    throw new UsageError(`unexpected argument "${unexpected}"`);
  }
  if (name === "status") return { name, base: baseOf(given) };
  if (name === "completions") {
    const shell = SHELLS.find((shell) => shell === first);
    if (shell !== undefined) return { name, shell };
    throw new UsageError(`completions are for ${SHELLS.join(", ")}`);
  }
  const endpoint = find(name, first);
  const own = Object.keys(endpoint.params);
  for (const param of params) {
    if (given(param) === undefined || own.includes(param)) continue;
    throw new UsageError(`${endpoint.name} has no parameter ${param}`);
  }
  return {
    name,
    base: baseOf(given),
    endpoint: endpoint.isView ? endpoint.name : endpoint.path,
    params: Object.fromEntries(
      own.map((param) => [param, given(param) ?? ""])
        .filter(([, value]) => value !== ""),
    ),
    isJson: endpoint.isJson,
  };
}

/** The endpoint of a name, or of a path. */
function find(command: "get" | "watch", word = ""): Known {
  const all = endpointsOf(command);
  const name = word.replace(/\/$/, "");
  const found = all.find((one) => one.name === name || one.path === name);
  if (found !== undefined) return found;
  throw new UsageError(
    word === ""
      ? `what to ${command}? one of ${all.map(({ name }) => name).join(", ")}`
      : `there is nothing to ${command} that is called "${word}"`,
  );
}

function baseOf(given: Given): string {
  const text = given("addr") ?? "127.0.0.1:9001";
  const address = text.startsWith(":") ? `127.0.0.1${text}` : text;
  const url = /^https?:\/\//.test(address) ? address : `http://${address}`;
  if (URL.canParse(url) && /^https?:\/\/[^/?#]+\/?$/.test(url)) {
    return url.replace(/\/$/, "");
  }
  throw new UsageError(
    `--addr must be an address like 127.0.0.1:9001 or :9001, not "${text}"`,
  );
}

function helpOf(command: keyof typeof COMMANDS): string {
  const usage = `${ABOUT[command]}\n\nUsage: lainlet ${command} ${
    COMMANDS[command]
  }`;
  if (command === "status" || command === "completions") return usage;
  const lines = endpointsOf(command).flatMap(({ name, summary, params }) => [
    `  ${name}`,
    `      ${summary}`,
    ...Object.entries(params).map(([param, { description }]) =>
      `      --${param}  ${description}`
    ),
  ]);
  return `${usage}\n\nEndpoints:\n${lines.join("\n")}`;
}
