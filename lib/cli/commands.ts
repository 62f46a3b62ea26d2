import type { Flag } from "../flags.ts";
import { STORE_FLAGS } from "../store/stores.ts";

/** A command that queries a running lainlet; parsed, completed and described from here. */
export interface CommandSpec {
  /** Placeholder of its argument, `[APP]`; "" when it takes none. */
  readonly argument: string;
  /** How its argument is completed; absent: by the words of the placeholder. */
  readonly completion?:
    | "app"
    | "command"
    | "config"
    | "endpoint"
    | "file"
    | "name"
    | "node";
  /** What it prints, as a phrase. */
  readonly summary: string;
  readonly flags: readonly Flag[];
}

const ADDR: Flag = {
  name: "addr",
  value: "ADDRESS",
  env: "LAINLET_ADDR",
  help:
    "the lainlet to query: a host, an address, or either with a port (default $LAINLET_ADDR, or 127.0.0.1:9001)",
};

const TIMEOUT: Flag = {
  name: "timeout",
  value: "TIME",
  help:
    "how long lainlet may send nothing before the command fails; of a watch, before its first response (default 10s)",
};

/** Flags of all commands that query a lainlet. */
const CONNECTION = [ADDR, TIMEOUT];

/** Output formats of tables. */
export const FORMATS = ["table", "wide", "json", "yaml", "name"] as const;

const OUTPUT: Flag = {
  name: "output",
  letters: ["o"],
  value: "FORMAT",
  choices: FORMATS,
  help: `${FORMATS.slice(0, -1).join(", ")} or ${FORMATS.at(-1)} (default ${
    FORMATS[0]
  })`,
};

const WATCH: Flag = {
  name: "watch",
  letters: ["w", "f"],
  help:
    "keep running: in a terminal the table is kept current, in a pipe each row that changes is a line",
};

const NODE: Flag = {
  name: "node",
  value: "NODE",
  help: "only pods on this node",
};

const TROUBLE: Flag = {
  name: "trouble",
  help: "only rows with a problem",
};

const SORT: Flag = {
  name: "sort",
  value: "COLUMN",
  help:
    "sort by a column: the worst, most and newest first; --sort=-COLUMN reverses it (default by name; with --trouble by urgency: the worst, then the newest)",
};

const SINCE: Flag = {
  name: "since",
  value: "TIME",
  help: "how far back: 5m, 1h, or a time as 2026-11-24T17:40:00Z (default 5m)",
};

const SECRETS: Flag = {
  name: "show-secrets",
  help: "print secrets in a terminal, too",
};

const TABLE = [OUTPUT, WATCH, TROUBLE, SORT, ...CONNECTION];

export const COMMANDS = {
  apps: {
    argument: "",
    summary: "the apps: how many of their pods are OK, their versions",
    flags: TABLE,
  },
  pods: {
    argument: "[APP]",
    completion: "app",
    summary: "the pods, one a row: node, address, status",
    flags: [NODE, ...TABLE],
  },
  nodes: {
    argument: "[NAME|ADDRESS]",
    completion: "node",
    summary:
      "the nodes: how much of their CPUs and memory the limits of their pods reserve",
    flags: TABLE,
  },
  listeners: {
    argument: "",
    summary: "the streams of this lainlet, and which of them are behind",
    flags: TABLE,
  },
  changes: {
    argument: "[APP]",
    completion: "app",
    summary: "the changes of the cluster, the oldest first",
    flags: [SINCE, OUTPUT, WATCH, SECRETS, ...CONNECTION],
  },
  find: {
    argument: "WORD...",
    completion: "name",
    summary:
      "what has these words in its name, address, URL, container id, image or version",
    flags: [OUTPUT, WATCH, ...CONNECTION],
  },
  config: {
    argument: "[PREFIX]",
    completion: "config",
    summary: "the cluster's settings",
    flags: [OUTPUT, WATCH, SECRETS, ...CONNECTION],
  },
  status: {
    argument: "",
    summary: "the status of lainlet; exits with 1 when it is not ready",
    flags: [OUTPUT, ...CONNECTION],
  },
  get: {
    argument: "ENDPOINT [--PARAMETER VALUE]",
    completion: "endpoint",
    summary: "the response of an endpoint, as JSON in a pipe",
    flags: [SECRETS, ...CONNECTION],
  },
  watch: {
    argument: "ENDPOINT [--PARAMETER VALUE]",
    completion: "endpoint",
    summary:
      "a view after each change until it is interrupted: in a terminal what differs, in a pipe the whole state as one line of JSON (lainlet watch nodes | while read -r state)",
    flags: [SECRETS, ...CONNECTION],
  },
  apis: {
    argument: "check FILE [QUERY]",
    completion: "file",
    summary:
      "the response of an API file to a query, on the state of a store, and what is wrong with it",
    flags: STORE_FLAGS,
  },
  completions: {
    argument: "bash|zsh|fish",
    summary: "the completion script of a shell",
    flags: [],
  },
  help: {
    argument: "[COMMAND]",
    completion: "command",
    summary: "this, or the help of a command",
    flags: [],
  },
  version: { argument: "", summary: "the version", flags: [] },
} as const satisfies Record<string, CommandSpec>;

/** The hidden command by which shells complete; its arguments are the words so far. */
export const COMPLETE = "__complete";

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_SPECS: ReadonlyMap<string, CommandSpec> = new Map(
  Object.entries(COMMANDS),
);

/** Flags of all commands, each once, besides those that the server has, too. */
export const CLIENT_FLAGS: readonly Flag[] = [
  ...new Set([...COMMAND_SPECS.values()].flatMap(({ flags }) => flags))
    .difference(new Set(STORE_FLAGS)),
];

/** Whether a command of this name is listed in the help. */
export function isCommand(word = ""): word is CommandName {
  return COMMAND_SPECS.has(word);
}
