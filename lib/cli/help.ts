import { SHORT } from "./args.ts";
import type { Flag } from "../flags.ts";
import { STORES, termOf } from "../store/stores.ts";

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
      help: "streams at a time (default 20000)",
    },
    {
      name: "max.listeners.per.address",
      value: "COUNT",
      help: "streams at a time to one address (default 1000)",
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
          kind.about === "" ? termOf(kind) : `${termOf(kind)}, ${kind.about}`
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
    { name: "help", help: "print this and exit" },
    { name: "version", help: "print the version and exit" },
  ],
};

/** All flags. */
export const FLAGS: readonly Flag[] = Object.values(SECTIONS).flat();

/** Where the text about a flag begins, and where a line ends at the latest. */
const COLUMN = 27;
const WIDTH = 80;

/** What `--help` prints. */
export const HELP = `\
lainlet serves a LAIN cluster's state, kept current from etcd or ZooKeeper, over
HTTP and gRPC: each view as an answer (GET) or as a live stream (watch).

Usage: lainlet [flags]     (a flag is -name value, -name=value, or with --)
       lainlet get ENDPOINT [--PARAMETER VALUE] [--addr ADDRESS]
       lainlet watch ENDPOINT [--PARAMETER VALUE] [--addr ADDRESS]
       lainlet status [--addr ADDRESS]
       lainlet completions bash|zsh|fish

The first serves; the others ask a lainlet that does (at 127.0.0.1:9001), and
print JSON, a document a line, when stdout is not a terminal. lainlet get --help
lists the endpoints and their parameters.

${
  Object.entries(SECTIONS).map(([title, flags]) =>
    `${title}:\n${flags.map(told).join("\n")}\n`
  ).join("\n")
}
Examples:
  lainlet --etcd 10.0.0.1:2379,10.0.0.2:2379 --ip 10.0.0.7
  lainlet --web 127.0.0.1:9001 --store memory:cluster.json --noauth

Then look at http://127.0.0.1:9001 in a browser, or ask it:
  lainlet status
  lainlet watch coreinfowatcher --appname console
  curl -N 'http://127.0.0.1:9001/v2/webrouter/webprocs?watch=1&heartbeat=10'`;

/** A flag and the text about it, in two columns. */
function told({ name, value, help }: Flag): string {
  const [short] = Object.keys(SHORT).filter((letter) => SHORT[letter] === name);
  const term = `  ${short === undefined ? "" : `-${short}, `}--${name}${
    value === undefined ? "" : ` ${value}`
  }`;
  const lines = [""];
  for (const word of help.split(" ")) {
    const last = lines.at(-1) ?? "";
    const line = last === "" ? word : `${last} ${word}`;
    if (COLUMN + line.length <= WIDTH) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  const [first, ...rest] = term.length + 2 > COLUMN
    ? [term, ...lines.map(inColumn)]
    : [term.padEnd(COLUMN) + lines[0], ...lines.slice(1).map(inColumn)];
  return [first, ...rest].join("\n");
}

function inColumn(line: string): string {
  return " ".repeat(COLUMN) + line;
}
