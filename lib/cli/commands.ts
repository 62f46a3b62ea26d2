import type { Flag } from "../flags.ts";

/** A word that makes a client of the program; help, manual page and completions tell of it. */
export interface Word {
  /** What follows it, `[APP]`; "" when nothing does. */
  readonly argument: string;
  /** What an argument may be, for completions. */
  readonly takes?: "app" | "anything" | "command" | "config" | "endpoint";
  readonly about: string;
  readonly flags: readonly Flag[];
}

const ADDR: Flag = {
  name: "addr",
  value: "ADDRESS",
  env: "LAINLET_ADDR",
  help:
    "the lainlet to ask: a host, an address, or with a port (default $LAINLET_ADDR, or 127.0.0.1:9001)",
};

/** How a table is printed. */
export const FORMATS = ["table", "wide", "json", "yaml", "name"] as const;

const OUTPUT: Flag = {
  name: "output",
  letters: ["o"],
  value: "FORMAT",
  help: `${FORMATS.slice(0, -1).join(", ")} or ${FORMATS.at(-1)} (default ${
    FORMATS[0]
  })`,
};

const WATCH: Flag = {
  name: "watch",
  letters: ["w", "f"],
  help:
    "go on: in a terminal the table is kept current, in a pipe each row that changes is a line",
};

const TROUBLE: Flag = {
  name: "trouble",
  help: "only what is not well: what fails, lacks something, or is behind",
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

const TABLE = [OUTPUT, WATCH, TROUBLE, ADDR];

/** The words. */
export const COMMANDS = {
  apps: {
    argument: "",
    about: "the apps: how many of their pods are well, their versions",
    flags: TABLE,
  },
  pods: {
    argument: "[APP]",
    takes: "app",
    about:
      "the pods, a row each: where they run, their addresses, how they are",
    flags: TABLE,
  },
  nodes: {
    argument: "",
    about: "the nodes: what their pods may use of their CPUs and memory",
    flags: TABLE,
  },
  listeners: {
    argument: "",
    about: "who listens to this lainlet, and who is behind",
    flags: TABLE,
  },
  changes: {
    argument: "[APP]",
    takes: "app",
    about: "what changed, the oldest first",
    flags: [SINCE, OUTPUT, WATCH, ADDR],
  },
  find: {
    argument: "ADDRESS|NAME",
    takes: "anything",
    about: "what has this address, or this in its name",
    flags: [OUTPUT, WATCH, ADDR],
  },
  config: {
    argument: "[PREFIX]",
    takes: "config",
    about: "the cluster's settings",
    flags: [OUTPUT, WATCH, SECRETS, ADDR],
  },
  status: {
    argument: "",
    about: "how lainlet is doing; exit code 1 when it is not ready",
    flags: [ADDR],
  },
  get: {
    argument: "ENDPOINT [--PARAMETER VALUE]",
    takes: "endpoint",
    about: "an endpoint's answer, as JSON in a pipe",
    flags: [SECRETS, ADDR],
  },
  watch: {
    argument: "ENDPOINT [--PARAMETER VALUE]",
    takes: "endpoint",
    about: "a view, and then what changes in it, until it is ended",
    flags: [SECRETS, ADDR],
  },
  completions: {
    argument: "bash|zsh|fish",
    about: "a shell's completions of this command line",
    flags: [],
  },
  help: {
    argument: "[COMMAND]",
    takes: "command",
    about: "this, or more about a command",
    flags: [],
  },
  version: { argument: "", about: "the version", flags: [] },
} as const satisfies Record<string, Word>;

export type CommandName = keyof typeof COMMANDS;

/** All words, with what is told of each. */
export const WORDS: ReadonlyMap<string, Word> = new Map(
  Object.entries(COMMANDS),
);

/** The flags of all words, each once. */
export const CLIENT_FLAGS: readonly Flag[] = [
  ...new Set([...WORDS.values()].flatMap(({ flags }) => flags)),
];

/** Whether a word is a client's. */
export function isCommand(word = ""): word is CommandName {
  return WORDS.has(word);
}
