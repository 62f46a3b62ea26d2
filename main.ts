import { getLogger } from "@logtape/logtape";
import config from "./deno.json" with { type: "json" };
import { parseCommand, unknownCommand } from "./lib/cli/command.ts";
import { COMPLETE, isCommand } from "./lib/cli/commands.ts";
import { type Flags, parseFlags } from "./lib/cli/flags.ts";
import { HELP } from "./lib/cli/help.ts";
import { UsageError } from "./lib/flags.ts";
import type { Http2Address } from "./lib/http2/server.ts";
import type { Lainlet } from "./lib/http/handler.ts";
import { logUncaught, startLogging } from "./lib/log.ts";
import { ServiceManager } from "./lib/service_manager.ts";
import type { Store } from "./lib/store/store.ts";

// What is imported further down is large, and not what every process needs.

const log = getLogger(["lainlet"]);

/** How often the store is asked whether the state is current, at most, in ms. */
const CHECK_EVERY = 5_000;

/** How long the streams get to end after a signal, in ms; the process has 5 s. */
const SHUTDOWN_TIMEOUT = 4_500;

function openStore({ store, staleAfter, verifyEvery }: Flags): Promise<Store> {
  return store.open({
    // A few checks may fail before the state counts as stale.
    checkEvery: Math.min(CHECK_EVERY, staleAfter / 4),
    verifyEvery,
  });
}

/** Ends the process with one line that says why. */
function die(code: 1 | 2, message: string): never {
  console.error(`lainlet: ${message.replace(/\s+/g, " ")}`);
  Deno.exit(code);
}

/** Where a lainlet is served; undefined: not at all. */
export interface Served {
  readonly web?: { readonly hostname: string; readonly port: number };
  readonly grpc?: { readonly hostname: string; readonly port: number };
}

/**
 * Serves a store as the flags say, until a signal ends the process.
 *
 * @param leave ends what is under way with the store, when nobody follows it any more
 */
export async function run(
  flags: Flags,
  store: Store,
  leave?: () => Promise<void>,
): Promise<Served> {
  const tls = await readTls(flags);
  const apis = await import("./apis/mod.ts");
  const { HttpServer } = await import("./lib/http/server.ts");
  const { Lainlet } = await import("./lib/http/handler.ts");
  const { web, grpc, slowAfter, workers, limits, logFormat } = flags;
  const lainlet = new Lainlet({
    store,
    host: { ip: flags.ip, hostname: flags.hostname },
    version: config.version,
    endpoints: Object.values(apis),
    auth: !flags.noauth,
    staleAfter: flags.staleAfter,
    limits,
  });
  const front = web && new HttpServer(lainlet, {
    web,
    hosts: [flags.hostname, ...flags.webHosts],
    workers,
    listeners: limits.listeners,
    slowAfter,
    logFormat,
    logLevel: logLevel(flags),
  });
  const rpc = grpc && await serveGrpc({ ...grpc, tls }, lainlet, slowAfter);
  const manager = ServiceManager.connect(variable);
  const stop = (signal: Deno.Signal) => {
    log.info("lainlet is stopping", { signal });
    setTimeout(() => Deno.exit(0), SHUTDOWN_TIMEOUT);
    lainlet.close();
    Promise.allSettled([
      manager?.stopping(),
      front?.close(),
      rpc?.close(),
      leave?.(),
    ]).finally(() => Deno.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stop(signal));
  }
  await front?.ready();
  const served = {
    web: front?.address,
    grpc: rpc?.address,
  };
  log.info("lainlet is listening", {
    web: served.web && addressText(served.web),
    grpc: served.grpc && addressText(served.grpc),
    workers,
    version: config.version,
  });
  await manager?.ready(async () => await front?.ping());
  return served;
}

function addressText({ hostname, port }: NonNullable<Served["web"]>): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

async function serveGrpc(
  address: Http2Address,
  lainlet: Lainlet,
  slowAfter: number,
) {
  const { GrpcServer } = await import("./lib/grpc/server.ts");
  const { countDescriptors, MAX_COUNTED } = await import(
    "./lib/http/listener.ts"
  );
  const descriptors = countDescriptors(MAX_COUNTED);
  return new GrpcServer(address, { lainlet, slowAfter, descriptors });
}

/** The files for gRPC's TLS. @throws {UsageError} when they cannot be used */
async function readTls({ grpc }: Flags): Promise<Http2Address["tls"]> {
  const paths = grpc?.tls;
  if (paths === undefined) return undefined;
  const { readKeyPair, Reloaded } = await import("./lib/certificates.ts");
  const cert = { flag: "grpc.cert", path: paths.cert };
  const key = { flag: "grpc.key", path: paths.key };
  return new Reloaded(() => readKeyPair(cert, key));
}

function logLevel({ debug }: Flags): "debug" | "info" {
  return debug ? "debug" : "info";
}

function variable(name: string): string | undefined {
  return Deno.env.get(name);
}

/** Reads the command line; ends the process when that asks for a text, or is wrong. */
export function readFlags(args: readonly string[]): Flags {
  const environment = {
    variable,
    cores: navigator.hardwareConcurrency,
    hostname: Deno.hostname,
  };
  const flags = parseFlags(args, environment);
  if (typeof flags !== "string") return flags;
  console.log(flags === "help" ? HELP : config.version);
  Deno.exit(0);
}

/** Runs the program; an error ends the process with one line that says why. */
export async function start(program: () => Promise<unknown>): Promise<void> {
  logUncaught();
  try {
    await program();
  } catch (error) {
    if (error instanceof UsageError) {
      die(2, `${error.message} (see lainlet --help)`);
    }
    die(1, error instanceof Error ? error.message : String(error));
  }
}

if (import.meta.main) {
  start(async () => {
    const [word, ...rest] = Deno.args;
    if (isCommand(word) || word === COMPLETE) {
      const command = await parseCommand(word, rest, variable);
      const { runCommand } = await import("./lib/cli/mod.ts");
      Deno.exit(await runCommand(command));
    }
    if (word !== undefined && !word.startsWith("-")) {
      throw await unknownCommand(word);
    }
    const flags = readFlags(Deno.args);
    startLogging(flags.logFormat, logLevel(flags));
    const store = await openStore(flags);
    if (flags.state === undefined) return await run(flags, store);
    const { SavedStore } = await import("./lib/store/saved/store.ts");
    const saved = await SavedStore.open(store, flags.state, flags.store);
    await run(flags, saved, () => saved.close());
  });
}
