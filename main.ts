/**
 * The program. Without a command, lainlet runs the server: it reads the flags,
 * opens the store, and serves it by HTTP and gRPC. Commands query a running one.
 *
 * Large modules are imported where they are used, as not every process needs
 * them.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import config from "./deno.json" with { type: "json" };
import { parseCommand, unknownCommand } from "./lib/cli/command.ts";
import { COMPLETE, isCommand } from "./lib/cli/commands.ts";
import { type Flags, parseFlags } from "./lib/cli/flags.ts";
import { HELP } from "./lib/cli/help.ts";
import { UsageError } from "./lib/flags.ts";
import type { Lainlet, LainletOptions } from "./lib/http/handler.ts";
import type { Http2Address } from "./lib/http2/server.ts";
import { logUncaught, startLogging } from "./lib/log.ts";
import { ServiceManager } from "./lib/service_manager.ts";
import type { SavedStore } from "./lib/store/saved/store.ts";
import type { Store } from "./lib/store/store.ts";

const log = getLogger(["lainlet"]);

/** Longest time between checks whether the state is current, in ms. */
const CHECK_EVERY = 5_000;

/** How long a stop may take, in ms; service managers are promised 5 s. */
const SHUTDOWN_TIMEOUT = 4_500;

async function main(): Promise<void> {
  const [word, ...rest] = Deno.args;
  if (isCommand(word) || word === COMPLETE) {
    const command = await parseCommand(word, rest, variable);
    const { runCommand } = await import("./lib/cli/mod.ts");
    Deno.exit(await runCommand(command, variable("TERM")));
  }
  if (word !== undefined && !word.startsWith("-")) {
    throw await unknownCommand(word);
  }
  const flags = readFlags(Deno.args);
  startLogging(flags.logFormat, logLevel(flags));
  const store = await openStore(flags);
  if (flags.state === undefined) {
    await serve(flags, store);
  } else {
    const { SavedStore } = await import("./lib/store/saved/store.ts");
    const saved = await SavedStore.open(store, flags.state, flags.store);
    await serve(flags, saved, saved);
  }
}

/** Parses the flags. `--help` and `--version` print, and end the process. @throws {UsageError} */
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

function openStore({ store, staleAfter, verifyEvery }: Flags): Promise<Store> {
  return store.open({
    // Some checks may fail before the state is stale.
    checkEvery: Math.min(CHECK_EVERY, staleAfter / 4),
    verifyEvery,
  });
}

/** Where a lainlet listens. */
export interface Served {
  readonly web?: { readonly hostname: string; readonly port: number };
  readonly grpc?: { readonly hostname: string; readonly port: number };
}

/**
 * Serves a store until SIGINT, SIGTERM, or the end of its terminal ends the
 * process.
 *
 * @param saved the same store, when it keeps a saved state; closed when nothing follows it any more
 * @throws {UsageError} if files that flags name cannot be used
 * @throws {Error} if it cannot listen
 */
export async function serve(
  flags: Flags,
  store: Store,
  saved?: SavedStore,
): Promise<Served> {
  const tls = await readTls(flags);
  const apis = await import("./apis/mod.ts");
  const { HttpServer } = await import("./lib/http/server.ts");
  const { Lainlet } = await import("./lib/http/handler.ts");
  const { web, grpc, slowAfter, workers, limits, logFormat } = flags;
  const builtIn = Object.values(apis);
  const lainlet = new Lainlet({
    store,
    host: { ip: flags.ip, hostname: flags.hostname },
    version: config.version,
    endpoints: builtIn,
    apiFiles: await apiFiles(flags, builtIn),
    auth: !flags.noauth,
    staleAfter: flags.staleAfter,
    limits,
    historyKeeper: saved,
  });
  // Also without the folder: nobody who sends it wants the streams to end.
  Deno.addSignalListener("SIGHUP", () => {
    if (flags.apis === undefined) log.info("there are no API files to read");
    lainlet.reloadApis();
  });
  await lainlet.reloadApis();
  const httpServer = web && new HttpServer(lainlet, {
    // Called again when a lack of file descriptors has closed the port.
    serve: (options, handler) => Deno.serve(options, handler),
    web,
    hosts: [flags.hostname, ...flags.webHosts],
    workers,
    listeners: limits.listeners,
    slowAfter,
    logFormat,
    logLevel: logLevel(flags),
  });
  const grpcServer = grpc &&
    await serveGrpc({ ...grpc, tls }, lainlet, slowAfter);
  const manager = ServiceManager.connect(variable);
  const stop = (signal: Deno.Signal) => {
    log.info("lainlet is stopping", { signal });
    setTimeout(() => Deno.exit(0), SHUTDOWN_TIMEOUT);
    lainlet.close();
    Promise.allSettled([
      manager?.stopping(),
      httpServer?.close(),
      grpcServer?.close(),
      saved?.close(),
    ]).finally(() => Deno.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stop(signal));
  }
  const hasTerminal = Deno.stdin.isTerminal();
  Deno.addSignalListener("SIGHUP", () => {
    // Once it is closed, stdin is no longer a terminal.
    if (hasTerminal && !Deno.stdin.isTerminal()) stop("SIGHUP");
  });
  await httpServer?.ready();
  const served = { web: httpServer?.address, grpc: grpcServer?.address };
  log.info("lainlet is listening", {
    web: served.web && hostAndPort(served.web),
    grpc: served.grpc && hostAndPort(served.grpc),
    workers,
    version: config.version,
  });
  await manager?.ready(async () => await httpServer?.ping());
  return served;
}

async function apiFiles(
  { apis: folder, debug }: Flags,
  builtIn: LainletOptions["endpoints"],
): Promise<LainletOptions["apiFiles"]> {
  if (folder === undefined) return undefined;
  const { ApiFiles } = await import("./lib/view/files/files.ts");
  if (!debug) return new ApiFiles({ folder, builtIn });
  const { checkingAnswers: wrap } = await import("./lib/view/files/answers.ts");
  return new ApiFiles({ folder, builtIn, wrap });
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

async function readTls({ grpc }: Flags): Promise<Http2Address["tls"]> {
  const paths = grpc?.tls;
  if (paths === undefined) return undefined;
  const { readKeyPair, Reloaded } = await import("./lib/certificates.ts");
  const cert = { flag: "grpc.cert", path: paths.cert };
  const key = { flag: "grpc.key", path: paths.key };
  return new Reloaded(() => readKeyPair(cert, key));
}

function hostAndPort({ hostname, port }: NonNullable<Served["web"]>): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

function logLevel({ debug }: Flags): "debug" | "info" {
  return debug ? "debug" : "info";
}

function variable(name: string): string | undefined {
  return Deno.env.get(name);
}

/** Runs a program; an error ends the process with one line on stderr, and 2 for wrong usage. */
export async function start(program: () => Promise<unknown>): Promise<void> {
  logUncaught();
  try {
    await program();
  } catch (error) {
    if (error instanceof UsageError) {
      exit(2, `${error.message} (see lainlet --help)`);
    }
    exit(1, error instanceof Error ? error.message : String(error));
  }
}

function exit(code: 1 | 2, message: string): never {
  try {
    console.error(`lainlet: ${message.replace(/\s+/g, " ")}`);
  } finally {
    // Also when stderr takes nothing.
    Deno.exit(code);
  }
}

if (import.meta.main) start(main);
