import {
  durationFlag,
  type Flag,
  type Given,
  HELP_FLAG,
  parseArguments,
  type ReadVariable,
  UsageError,
  withEnvironment,
} from "../flags.ts";
import type { StoreSource } from "../store/kind.ts";
import { readStore, STORE_FLAGS } from "../store/stores.ts";
import { closestTo, suggestion } from "../suggest.ts";
import {
  COMMAND_SPECS,
  type CommandName,
  COMMANDS,
  type CommandSpec,
  COMPLETE,
  FORMATS,
  isCommand,
} from "./commands.ts";
import { Refusal } from "../errors.ts";
import { timeParam } from "../view/params.ts";
import type { EndpointInfo } from "./endpoints.ts";
import { commandHelp, HELP } from "./help.ts";
import type { Connection } from "./connection.ts";
import { splitWords } from "./words.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Format = typeof FORMATS[number];

/** A command that prints a table. */
export interface TableCommand extends Connection {
  readonly name: Exclude<
    CommandName,
    | "apis"
    | "completions"
    | "get"
    | "help"
    | "status"
    | "version"
    | "watch"
  >;
  /** The app, the prefix, or what to find; "" when it is not given. */
  readonly argument: string;
  readonly format: Format;
  readonly isWatch: boolean;
  readonly onlyTrouble: boolean;
  /** The column to sort by, after `-` for the reverse order; "": the table's own order. */
  readonly sort: string;
  /** The node of pods; "" when it is not given. */
  readonly node: string;
  /** How far back changes go. */
  readonly since: string;
  readonly showsSecrets: boolean;
}

/** A command that prints what an endpoint responds. */
export interface RawCommand extends Connection {
  readonly name: "get" | "watch";
  /** As the client library takes it: `nodes`, `/debug`. */
  readonly endpoint: string;
  readonly params: Readonly<Record<string, string>>;
  /** Whether the response is JSON. */
  readonly isJson: boolean;
  readonly showsSecrets: boolean;
}

/** A command that tries an API file. */
export interface CheckCommand {
  readonly name: "apis";
  readonly file: string;
  /** The query of a URL, `appname=shop`; "" when it is not given. */
  readonly query: string;
  readonly store: StoreSource;
}

export interface StatusCommand extends Connection {
  readonly name: "status";
  readonly format: Format;
}

/** A parsed command. */
export type Command =
  | CheckCommand
  | TableCommand
  | RawCommand
  | StatusCommand
  | {
    readonly name: typeof COMPLETE;
    readonly words: readonly string[];
    readonly addr: string;
  }
  | { readonly name: "completions"; readonly shell: typeof SHELLS[number] }
  | { readonly name: "version" }
  | { readonly name: "help"; readonly text: string };

/**
 * Parses the command line of a command.
 *
 * @param args what follows the name
 * @param variable an environment variable's value
 * @throws {UsageError} on wrong use
 */
export async function parseCommand(
  name: CommandName | typeof COMPLETE,
  args: readonly string[],
  variable: ReadVariable,
): Promise<Command> {
  if (name === COMPLETE) {
    return { name, words: args, addr: variable("LAINLET_ADDR") || LOCAL };
  }
  const { flags, argument }: CommandSpec = COMMANDS[name];
  // Most commands need none of the endpoints, which is most of the program.
  const known = name === "get" || name === "watch"
    ? await knownEndpoints(args, variable)
    : { endpoints: [] };
  const params = known.endpoints.flatMap(({ params }) =>
    Object.keys(params).map((name): Flag => ({
      name,
      value: "VALUE",
      help: "",
    }))
  );
  const { given, positional: words } = parseArguments(
    args,
    [...flags, ...params, HELP_FLAG],
  );
  // Words to find need no quotes.
  const positional = name === "find" && words.length > 0
    ? [words.join(" ")]
    : words;
  if (given("help") !== undefined) {
    return { name: "help", text: await commandHelp(name) };
  }
  const [first = "", second = "", third = ""] = positional;
  const count = name === "apis" ? 3 : argument === "" ? 0 : 1;
  const unexpected = positional[count];
  if (unexpected !== undefined) {
    const hint = name === "apps" ? `; is it lainlet find ${unexpected}?` : "";
    throw new UsageError(`unexpected argument "${unexpected}"${hint}`);
  }
  switch (name) {
    case "apis":
      if (first === "check" && second !== "") {
        return {
          name,
          file: second,
          query: third,
          store: storeOf(given, variable),
        };
      }
      throw new UsageError("apis: needs check, and a file");
    case "help":
      return { name, text: await helpOn(first) };
    case "version":
      return { name };
    case "completions": {
      const shell = SHELLS.find((shell) => shell === first);
      if (shell !== undefined) return { name, shell };
      throw new UsageError(`completions are for ${SHELLS.join(", ")}`);
    }
    case "status":
      return {
        name,
        ...connectionOf(given, variable),
        format: formatOf(given),
      };
    case "get":
    case "watch":
      return await rawOf(
        name,
        first,
        given,
        connectionOf(given, variable),
        known,
      );
  }
  if (name === "find" && first === "") {
    throw new UsageError("find: needs an address or a name");
  }
  return {
    name,
    ...connectionOf(given, variable),
    argument: first,
    format: formatOf(given),
    isWatch: given("watch") !== undefined,
    onlyTrouble: given("trouble") !== undefined,
    sort: given("sort") ?? "",
    node: given("node") ?? "",
    since: sinceOf(given),
    showsSecrets: given("show-secrets") !== undefined,
  };
}

/** The error for a first argument that is neither a command nor a flag. */
export async function unknownCommand(word: string): Promise<UsageError> {
  const { ENDPOINTS } = await import("./endpoints.ts");
  const closest = closestTo(word, ENDPOINTS.map(({ name }) => name));
  const hint = suggestion(word, COMMAND_SPECS.keys()) ||
    (closest === undefined ? "" : `; did you mean lainlet get ${closest}?`);
  return new UsageError(`unexpected argument "${word}"${hint}`);
}

/** The store of the command line, or of the environment. */
function storeOf(
  onLine: Given,
  variable: ReadVariable,
): StoreSource {
  const given = withEnvironment(onLine, STORE_FLAGS, variable);
  return readStore(given, (name) => onLine(name) !== undefined);
}

/** The endpoints that a command line may name. */
interface KnownEndpoints {
  readonly endpoints: readonly EndpointInfo[];
  /** Why there may be more; undefined: there are no more. */
  readonly problem?: string;
}

/** Returns the endpoints that a command line may name: a lainlet is asked for those that are not built in. */
async function knownEndpoints(
  args: readonly string[],
  variable: ReadVariable,
): Promise<KnownEndpoints> {
  const { ENDPOINTS, findEndpoint, paramNames } = await import(
    "./endpoints.ts"
  );
  const names = paramNames(ENDPOINTS);
  const { positional: [word], values } = splitWords(
    args,
    (flag) => flag === "addr" || flag === "timeout" || names.has(flag),
  );
  if (word === undefined || findEndpoint(word) !== undefined) {
    return { endpoints: ENDPOINTS };
  }
  const connection = connectionOf((name) => values.get(name), variable);
  const { base } = connection;
  const { clientOf, messageAt, withAddress } = await import("./connection.ts");
  const { readServedViews } = await import("./served_endpoints.ts");
  try {
    const served = await withAddress(
      base,
      () => readServedViews(clientOf(connection)),
    );
    const own = served.filter(({ path }) => findEndpoint(path) === undefined);
    return { endpoints: [...ENDPOINTS, ...own] };
  } catch (error) {
    return { endpoints: ENDPOINTS, problem: messageAt(base, error) };
  }
}

async function rawOf(
  name: RawCommand["name"],
  word: string,
  given: Given,
  connection: Connection,
  { endpoints, problem }: KnownEndpoints,
): Promise<RawCommand> {
  const { endpointOf, paramNames } = await import("./endpoints.ts");
  const endpoint = endpointOf(name, word, endpoints, problem);
  const own = Object.keys(endpoint.params);
  for (const param of paramNames(endpoints)) {
    if (given(param) === undefined || own.includes(param)) continue;
    throw new UsageError(`${endpoint.name} has no parameter ${param}`);
  }
  return {
    name,
    ...connection,
    endpoint: endpoint.isView ? endpoint.name : endpoint.path,
    params: Object.fromEntries(
      own.map((param) => [param, given(param) ?? ""])
        .filter(([, value]) => value !== ""),
    ),
    isJson: endpoint.isJson,
    showsSecrets: given("show-secrets") !== undefined,
  };
}

async function helpOn(word: string): Promise<string> {
  if (word === "") return HELP;
  if (isCommand(word)) return await commandHelp(word);
  throw new UsageError(
    `no such command: ${word}${suggestion(word, COMMAND_SPECS.keys())}`,
  );
}

function formatOf(given: Given): Format {
  const text = given("output") ?? FORMATS[0];
  const format = FORMATS.find((format) => format === text);
  if (format !== undefined) return format;
  throw new UsageError(
    `--output must be ${FORMATS.join(", ")}, not "${text}"${
      suggestion(text, FORMATS)
    }`,
  );
}

function sinceOf(given: Given): string {
  const since = given("since") ?? "5m";
  try {
    timeParam(new URLSearchParams({ since }));
    return since;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new UsageError(`--${error.message}`);
  }
}

/** The default address of lainlet. */
const LOCAL = "127.0.0.1:9001";

function connectionOf(
  given: Given,
  variable: ReadVariable,
): Connection {
  const addr = given("addr");
  return {
    base: addr === undefined
      ? baseUrl(variable("LAINLET_ADDR") || LOCAL, "$LAINLET_ADDR")
      : baseUrl(addr),
    timeout: durationFlag(given, "timeout", "10s", 100),
  };
}

/**
 * The URL of an address; a host without a port, or a port without a host, get
 * lainlet's.
 *
 * @throws {UsageError} when it is not one
 */
export function baseUrl(text: string, source = "--addr"): string {
  const url = /^https?:\/\//.test(text) ? text : `http://${completed(text)}`;
  // Only a proxy, which is given as a URL, may have a path.
  const form = url === text
    ? /^https?:\/\/[^/?#@]+(\/[^?#]*)?$/
    : /^http:\/\/[^/?#@]+$/;
  if (URL.canParse(url) && form.test(url)) return url.replace(/\/+$/, "");
  throw new UsageError(
    `${source} must be an address like 127.0.0.1, node1:9001 or :9001, not "${text}"`,
  );
}

function completed(text: string): string {
  if (/^:\d+$/.test(text)) return `127.0.0.1${text}`;
  // More than one colon and no brackets: an IPv6 address alone.
  const host = /^[\da-f]*(:[\da-f.]*){2,}$/i.test(text) ? `[${text}]` : text;
  return /:\d+$/.test(host) ? host : `${host}:9001`;
}
