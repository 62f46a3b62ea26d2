import { type Flag, flagHelp, HELP_FLAG, helpItem, wrapped } from "../flags.ts";
import { storeFlagValue, STORES } from "../store/stores.ts";
import {
  CLIENT_FLAGS,
  type CommandName,
  COMMANDS,
  type Word,
  WORDS,
} from "./commands.ts";

/** The flags, as `--help` lists them; a default is told where there is one. */
const SECTIONS: Readonly<Record<string, readonly Flag[]>> = {
  "Serving": [
    {
      name: "web",
      value: "ADDRESS",
      help: "where to listen (default :9001)",
    },
    {
      name: "web.hosts",
      value: "NAMES",
      help:
        "names by which browsers may ask, comma-separated, besides addresses, localhost and --hostname (default lainlet.lain)",
    },
    {
      name: "grpc.addr",
      value: "ADDRESS",
      help:
        "where to serve gRPC as well (default: nowhere); an empty --web= then switches HTTP off",
    },
    { name: "grpc.TLS", help: "serve gRPC by TLS" },
    {
      name: "grpc.cert",
      value: "FILE",
      help: "PEM file of the certificate for that",
    },
    { name: "grpc.key", value: "FILE", help: "PEM file of its key" },
    {
      name: "ip",
      value: "ADDRESS",
      help:
        "this node's address (default none): what calls from it may ask everything, and localspec is about it",
    },
    {
      name: "hostname",
      value: "NAME",
      help:
        "this node's name, which localprocs is about (default the system's)",
    },
    { name: "noauth", help: "let every caller ask everything" },
  ],
  "Listeners": [
    {
      name: "workers",
      value: "COUNT",
      help: "threads that serve connections (default 1, from 4 cores on 2)",
    },
    {
      name: "max.listeners",
      value: "COUNT",
      help: "streams, and GETs that wait, at a time (default 20000)",
    },
    {
      name: "max.listeners.per.address",
      value: "COUNT",
      help:
        "the same to one address, and its connections by gRPC (default 1000)",
    },
    {
      name: "slow.after",
      value: "TIME",
      help:
        "the stream of a client ends that does not read for so long what is there for it (default 60s)",
    },
  ],
  "Store": [
    {
      name: "store",
      value: "STORE",
      env: "LAINLET_STORE",
      help: `${
        STORES.map((kind) =>
          kind.about === ""
            ? storeFlagValue(kind)
            : `${storeFlagValue(kind)}, ${kind.about}`
        ).join("; ")
      } (default $LAINLET_STORE, or etcd)`,
    },
    ...new Set(STORES.flatMap(({ flags }) => flags)),
    {
      name: "state",
      value: "FILE",
      help:
        "where the last known state is kept, which is served at a start until the store is read (default: nowhere)",
    },
    {
      name: "stale.after",
      value: "TIME",
      help:
        "how long the state may be unconfirmed before /readyz and the answers say so (default 30s)",
    },
    {
      name: "verify.every",
      value: "TIME",
      help:
        "how often all keys are compared with the store's (default 10m; 0: never)",
    },
  ],
  "Logging, to stderr": [
    {
      name: "log.format",
      value: "FORMAT",
      help: "logfmt (default) or json, a line for each event",
    },
    { name: "debug", help: "log at debug level" },
  ],
  "Other": [
    HELP_FLAG,
    { name: "version", letters: ["v"], help: "print the version and exit" },
  ],
};

/** All flags of a lainlet that serves. */
export const FLAGS: readonly Flag[] = Object.values(SECTIONS).flat();

/** What `--help` prints. */
export const HELP = `\
lainlet serves a LAIN cluster's state, kept current from etcd or ZooKeeper, over
HTTP and gRPC: each view as an answer (GET) or as a live stream (watch).

Usage: lainlet [flags]     (a flag is -name value, -name=value, or with --)
       lainlet COMMAND [ARGUMENT] [flags of it]

The first serves. A command asks a lainlet that does: it prints tables, or what
the API answers; lainlet help COMMAND tells of its flags.

Commands:
${
  [...WORDS].map(([word, { argument, about }]) =>
    helpItem(`${word} ${argument}`.trimEnd(), about)
  ).join("\n")
}

Flags of commands:
${CLIENT_FLAGS.map(flagHelp).join("\n")}

${
  Object.entries(SECTIONS).map(([title, flags]) =>
    `${title}:\n${flags.map(flagHelp).join("\n")}\n`
  ).join("\n")
}
Examples:
  lainlet --etcd 10.0.0.1:2379,10.0.0.2:2379 --ip 10.0.0.7
  lainlet --web 127.0.0.1:9001 --store memory:cluster.json --noauth

Then look at http://127.0.0.1:9001 in a browser, or ask it:
  lainlet status
  lainlet pods --trouble
  lainlet watch coreinfowatcher --appname console
  curl -N 'http://127.0.0.1:9001/v2/webrouter/webprocs?watch=1&heartbeat=10'`;

/** What `lainlet help COMMAND` prints. */
export async function commandHelp(name: CommandName): Promise<string> {
  const { argument, about, flags }: Word = COMMANDS[name];
  const parts = [
    wrapped(`lainlet ${name} prints ${about}.`).join("\n"),
    ["Usage: lainlet", name, argument, flags.length > 0 ? "[flags]" : ""]
      .filter((word) => word !== "").join(" "),
  ];
  if (flags.length > 0) parts.push(`Flags:\n${flags.map(flagHelp).join("\n")}`);
  if (name === "get" || name === "watch") {
    const { endpointsOf } = await import("./endpoints.ts");
    const all = endpointsOf(name).map(({ name, summary, params }) =>
      [
        `  ${name}`,
        ...wrapped(summary, 6),
        ...Object.entries(params).flatMap(([param, { description }]) =>
          helpItem(`    --${param}`, description).split("\n")
        ),
      ].join("\n")
    );
    parts.push(`Endpoints, and their parameters:\n${all.join("\n")}`);
  }
  return parts.map((part) => part.replace(/  +$/gm, "")).join("\n\n");
}
