import { isAddress } from "../access/hosts.ts";
import { MAX_THREADS } from "../stats/counters.ts";
import {
  durationFlag,
  type Given,
  integerFlag,
  parseArguments,
  UsageError,
} from "../flags.ts";
import { WORDS } from "./commands.ts";
import { FLAGS, HELP } from "./help.ts";
import type { LimitsOptions } from "../http/limits.ts";
import type { StoreSource } from "../store/kind.ts";
import { readStore } from "../store/stores.ts";
import { suggestion } from "../suggest.ts";

/** Where to listen; hostname "" is every address, port 0 a free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** What the command line asks for. */
export interface Flags {
  /** Where HTTP is served; undefined: not at all. */
  readonly web?: ListenAddress;
  /** Names by which browsers may ask, besides addresses, localhost and {@linkcode hostname}. */
  readonly webHosts: readonly string[];
  /** Where gRPC is served; undefined: not at all. */
  readonly grpc?: ListenAddress & {
    /** PEM files. */
    readonly tls?: { readonly cert: string; readonly key: string };
  };
  /** "" when not given. */
  readonly ip: string;
  readonly hostname: string;
  readonly store: StoreSource;
  /** The file of the last known state; undefined: none is kept. */
  readonly state?: string;
  /** The age from which on the state counts as stale, in ms. */
  readonly staleAfter: number;
  /** How often the state is compared with etcd, in ms; 0: never. */
  readonly verifyEvery: number;
  /** Threads that serve connections. */
  readonly workers: number;
  readonly limits: LimitsOptions;
  /** How long a client may leave alone what is there for it, in ms. */
  readonly slowAfter: number;
  readonly noauth: boolean;
  readonly debug: boolean;
  readonly logFormat: "logfmt" | "json";
}

/** What of the environment the flags' defaults come from. */
export interface Environment {
  /** A variable's value. */
  variable(name: string): string | undefined;
  /** Of the machine. */
  readonly cores: number;
  hostname(): string;
}

/**
 * Reads the command line: `-name value`, `-name=value` and the same with two
 * dashes.
 *
 * @returns the flags, or a text to print instead of running
 * @throws {UsageError} on an unknown flag or a bad value
 */
export function parseFlags(
  args: readonly string[],
  environment: Environment,
  version: string,
): Flags | string {
  const { given: onLine, isEmpty, positional: [unexpected] } = parseArguments(
    args,
    FLAGS,
  );
  if (unexpected !== undefined) {
    throw new UsageError(
      `unexpected argument "${unexpected}"${
        suggestion(unexpected, WORDS.keys())
      }`,
    );
  }
  const variables = new Map(FLAGS.map(({ name, env }) => [name, env]));
  const given = (name: string) => {
    const variable = variables.get(name);
    return onLine(name) ??
      (variable && environment.variable(variable) || undefined);
  };
  if (given("help") !== undefined) return HELP;
  if (given("version") !== undefined) return version;
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
    debug: given("debug") !== undefined,
    logFormat: logFormat(given("log.format") ?? "logfmt"),
  };
}

/**
 * One thread serves as fast as two where the listeners and etcd need the other
 * core (`deno task bench`); where there are more, a second one may help.
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
  if (text === "logfmt" || text === "json") return text;
  throw new UsageError(`--log.format must be logfmt or json, not "${text}"`);
}
