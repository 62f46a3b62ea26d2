import { isAddress } from "../access/hosts.ts";
import {
  durationFlag,
  type Flag,
  type Given,
  HELP_FLAG,
  integerFlag,
  parseArguments,
  UsageError,
  withEnvironment,
} from "../flags.ts";
import type { LimitsOptions } from "../http/limits.ts";
import type { StoreSource } from "../store/kind.ts";
import { readStore, STORE_FLAGS } from "../store/stores.ts";
import { suggestion } from "../suggest.ts";
import { MAX_THREADS } from "../stats/counters.ts";
import { COMMAND_SPECS } from "./commands.ts";

const LOG_FORMATS = ["logfmt", "json"] as const;

/** Flags of the server, by the section of the help that lists them. */
export const FLAG_SECTIONS: Readonly<Record<string, readonly Flag[]>> = {
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
        "host names that browsers may use, comma-separated, besides addresses, localhost and --hostname (default lainlet.lain)",
    },
    {
      name: "grpc.addr",
      value: "ADDRESS",
      help:
        "where to serve gRPC as well (default: nowhere); an empty --web= then switches HTTP off",
    },
    { name: "grpc.TLS", help: "serve gRPC over TLS" },
    {
      name: "grpc.cert",
      value: "FILE",
      help: "PEM file of the certificate for gRPC",
    },
    { name: "grpc.key", value: "FILE", help: "PEM file of its key" },
    {
      name: "ip",
      value: "ADDRESS",
      help:
        "this node's address (default none): callers from it may request everything, and localspec describes it",
    },
    {
      name: "hostname",
      value: "NAME",
      help:
        "this node's name, which localprocs describes (default the system's)",
    },
    { name: "noauth", help: "let every caller request everything" },
    {
      name: "apis",
      value: "FOLDER",
      help:
        "folder of API files, each of which adds a view; read at the start and on SIGHUP (default none)",
    },
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
      help: "streams and waiting GETs at a time (default 20000)",
    },
    {
      name: "max.listeners.per.address",
      value: "COUNT",
      help: "the same for one address, and its gRPC connections (default 1000)",
    },
    {
      name: "slow.after",
      value: "TIME",
      help:
        "disconnect a client that leaves data unread for this long (default 60s)",
    },
  ],
  "Store": [
    ...STORE_FLAGS,
    {
      name: "state",
      value: "FILE",
      help:
        "where the last known state and the history of changes are saved; after a start that state is served until the store is read (default: nowhere)",
    },
    {
      name: "stale.after",
      value: "TIME",
      help:
        "how long the state may be unconfirmed before /readyz and responses report it as stale (default 30s)",
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
      choices: LOG_FORMATS,
      help: "logfmt (default) or json, a line for each event",
    },
    { name: "debug", help: "log at debug level" },
  ],
  "Other": [
    HELP_FLAG,
    { name: "version", letters: ["v"], help: "print the version and exit" },
  ],
};

/** All flags of the server. */
export const FLAGS: readonly Flag[] = Object.values(FLAG_SECTIONS).flat();

/** Where to listen; hostname "" is every address, port 0 a free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Options of the server, from the command line and the environment. */
export interface Flags {
  /** Where HTTP is served; undefined: nowhere. */
  readonly web?: ListenAddress;
  /** Host names that browsers may use, besides addresses, localhost and {@linkcode hostname}. */
  readonly webHosts: readonly string[];
  /** Where gRPC is served; undefined: nowhere. */
  readonly grpc?: ListenAddress & {
    /** PEM files. */
    readonly tls?: { readonly cert: string; readonly key: string };
  };
  /** "" when not given. */
  readonly ip: string;
  readonly hostname: string;
  readonly store: StoreSource;
  /** File of the saved state; undefined: none is saved. */
  readonly state?: string;
  /** Age from which the state is stale, in ms. */
  readonly staleAfter: number;
  /** Interval of comparing all keys with the store, in ms; 0: never. */
  readonly verifyEvery: number;
  /** Threads that serve connections. */
  readonly workers: number;
  readonly limits: LimitsOptions;
  /** How long a client may leave data unread, in ms. */
  readonly slowAfter: number;
  readonly noauth: boolean;
  /** Folder of API files; undefined: there are none. */
  readonly apis?: string;
  readonly debug: boolean;
  readonly logFormat: typeof LOG_FORMATS[number];
}

/** The environment, which some defaults come from. */
export interface Environment {
  /** A variable's value. */
  variable(name: string): string | undefined;
  /** Of the machine. */
  readonly cores: number;
  hostname(): string;
}

/**
 * Parses the command line of the server.
 *
 * @returns the flags, or what to print instead of running
 * @throws {UsageError} on an unknown flag or a bad value
 */
export function parseFlags(
  args: readonly string[],
  environment: Environment,
): Flags | "help" | "version" {
  const { given: onLine, isEmpty, positional: [unexpected] } = parseArguments(
    args,
    FLAGS,
  );
  if (unexpected !== undefined) {
    throw new UsageError(
      `unexpected argument "${unexpected}"${
        suggestion(unexpected, COMMAND_SPECS.keys())
      }`,
    );
  }
  const given = withEnvironment(
    onLine,
    FLAGS,
    (name) => environment.variable(name),
  );
  if (given("help") !== undefined) return "help";
  if (given("version") !== undefined) return "version";
  const ip = given("ip") ?? "";
  if (ip !== "" && !isAddress(ip)) {
    throw new UsageError(`--ip must be an IP address, not "${ip}"`);
  }
  const grpc = grpcFlags(given);
  return {
    web: grpc !== undefined && isEmpty("web")
      ? undefined
      : listenAddress("web", given("web") ?? ":9001"),
    grpc,
    webHosts: hostNames(given("web.hosts") ?? "lainlet.lain"),
    ip,
    hostname: given("hostname") ?? environment.hostname(),
    store: readStore(given, (name) => onLine(name) !== undefined),
    state: given("state"),
    staleAfter: durationFlag(given, "stale.after", "30s", 1_000),
    verifyEvery: durationFlag(given, "verify.every", "10m", 0),
    workers: integerFlag(
      given,
      "workers",
      defaultWorkers(environment.cores),
      1,
      MAX_THREADS,
    ),
    limits: {
      listeners: integerFlag(given, "max.listeners", 20_000, 1, 1_000_000),
      listenersPerAddress: integerFlag(
        given,
        "max.listeners.per.address",
        1_000,
        1,
        1_000_000,
      ),
    },
    slowAfter: durationFlag(given, "slow.after", "60s", 1_000),
    noauth: given("noauth") !== undefined,
    apis: given("apis"),
    debug: given("debug") !== undefined,
    logFormat: logFormat(given("log.format") ?? "logfmt"),
  };
}

/**
 * On two cores a second thread gains nothing, as the listeners and etcd need
 * the other core (`deno task bench`).
 */
function defaultWorkers(cores: number): number {
  return cores < 4 ? 1 : 2;
}

function listenAddress(name: string, text: string): ListenAddress {
  const [, v6, host, digits] =
    /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new UsageError(
      `--${name} must be an address like :9001, 127.0.0.1:9001 or [::1]:9001, not "${text}"`,
    );
  }
  return { hostname: v6 ?? host ?? "", port };
}

function grpcFlags(given: Given): Flags["grpc"] {
  const address = given("grpc.addr");
  if (address === undefined) return undefined;
  const where = listenAddress("grpc.addr", address);
  if (given("grpc.TLS") === undefined) return where;
  const cert = given("grpc.cert");
  const key = given("grpc.key");
  if (cert === undefined || key === undefined) {
    throw new UsageError("--grpc.TLS needs --grpc.cert and --grpc.key");
  }
  return { ...where, tls: { cert, key } };
}

function hostNames(list: string): string[] {
  return list.split(",").map((part) => {
    const name = part.trim();
    if (/^[a-z\d_]([-a-z\d_.]*[a-z\d_])?$/i.test(name)) return name;
    throw new UsageError(
      `--web.hosts must be names like lainlet.lain,node1.example.com, not "${part}"`,
    );
  });
}

function logFormat(text: string): Flags["logFormat"] {
  const format = LOG_FORMATS.find((format) => format === text);
  if (format !== undefined) return format;
  throw new UsageError(
    `--log.format must be ${LOG_FORMATS.join(" or ")}, not "${text}"`,
  );
}
