import { flagForms, flagHelp, helpItem, wrapped } from "../flags.ts";
import {
  CLIENT_FLAGS,
  COMMAND_SPECS,
  type CommandName,
  COMMANDS,
  type CommandSpec,
} from "./commands.ts";
import { FLAG_SECTIONS } from "./flags.ts";

/** What `--help` and the manual page say. */
export interface Manual {
  /** One line for each form of the command. */
  readonly usage: readonly string[];
  /** How flags are written. */
  readonly syntax: string;
  /** What the program is, and what commands are: a paragraph each. */
  readonly description: readonly string[];
  /** Terms with their descriptions, by section. */
  readonly sections: Readonly<
    Record<string, readonly (readonly [term: string, description: string])[]>
  >;
  /** Command lines, by what introduces them. */
  readonly examples: Readonly<Record<string, readonly string[]>>;
}

export const MANUAL: Manual = {
  usage: [
    "lainlet [flags]",
    "lainlet COMMAND [ARGUMENT] [flags of the command]",
  ],
  syntax: "A flag is -name value, -name=value, or the same with two dashes.",
  description: [
    "lainlet serves the state of a LAIN cluster, kept current from etcd or " +
    "ZooKeeper, over HTTP and gRPC: each view as a response (GET) or as a " +
    "live stream (watch).",
    "Without a command, lainlet runs the server. Commands query a running " +
    "one: they print tables, or responses of the API. lainlet help COMMAND " +
    "describes a command and its flags.",
  ],
  sections: {
    "Commands": [...COMMAND_SPECS].map(([name, { argument, summary }]) =>
      [`${name} ${argument}`.trimEnd(), summary] as const
    ),
    ...Object.fromEntries(
      Object.entries({ "Flags of commands": CLIENT_FLAGS, ...FLAG_SECTIONS })
        .map(([title, flags]) =>
          [
            title,
            flags.map((flag) => [flagForms(flag), flag.help] as const),
          ] as const
        ),
    ),
  },
  examples: {
    "Examples:": [
      "lainlet --etcd 10.0.0.1:2379,10.0.0.2:2379 --ip 10.0.0.7",
      "lainlet --web 127.0.0.1:9001 --store memory:cluster.json --noauth",
    ],
    "Then open http://127.0.0.1:9001 in a browser, or query it:": [
      "lainlet status",
      "lainlet pods --trouble",
      "lainlet watch coreinfowatcher --appname console",
      "curl -N 'http://127.0.0.1:9001/v2/webrouter/webprocs?watch=1&heartbeat=10'",
    ],
  },
};

/** What `--help` prints. */
export const HELP: string = [
  wrapped(MANUAL.description[0] ?? "").join("\n"),
  MANUAL.usage.map((line, i) => `${i === 0 ? "Usage:" : "      "} ${line}`)
    .join("\n"),
  ...[...MANUAL.description.slice(1), MANUAL.syntax]
    .map((text) => wrapped(text).join("\n")),
  ...Object.entries(MANUAL.sections).map(([title, items]) =>
    [`${title}:`, ...items.map((item) => helpItem(...item))].join("\n")
  ),
  ...Object.entries(MANUAL.examples).map(([title, lines]) =>
    [title, ...lines.map((line) => `  ${line}`)].join("\n")
  ),
].join("\n\n");

/** What `lainlet help COMMAND` prints. */
export async function commandHelp(name: CommandName): Promise<string> {
  const { argument, flags, summary }: CommandSpec = COMMANDS[name];
  const usage = ["lainlet", name, argument, flags.length > 0 ? "[flags]" : ""]
    .filter((word) => word !== "").join(" ");
  const parts = [
    wrapped(`lainlet ${name} prints ${summary}.`).join("\n"),
    `Usage: ${usage}`,
  ];
  if (flags.length > 0) parts.push(`Flags:\n${flags.map(flagHelp).join("\n")}`);
  if (name === "get" || name === "watch") {
    const { endpointsOf } = await import("./endpoints.ts");
    const all = endpointsOf(name).map(({ name, summary, params }) =>
      [
        `  ${name}`,
        ...wrapped(summary, 6),
        ...Object.entries(params).map(([param, { description }]) =>
          helpItem(`  --${param}`, description)
        ),
      ].join("\n")
    );
    parts.push(`Endpoints and their parameters:\n${all.join("\n")}`);
  }
  return parts.join("\n\n");
}
