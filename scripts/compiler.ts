/**
 * Compiles a program to an executable, with Deno's own runtime or the one that
 * was published to npm.
 *
 * @module
 */
import { resolve } from "node:path";
import { NPM_RUNTIME, npmRuntime } from "./npm_runtime.ts";

/** Whose runtime goes into an executable: that of this Deno, or {@linkcode NPM_RUNTIME}. */
export type Runtime = "deno" | "npm";

/** Names a runtime, if a text does. */
export function runtimeOf(text: string): Runtime | undefined {
  return text === "deno" || text === "npm" ? text : undefined;
}

/** What is compiled; it needs no packages. */
export interface Program {
  readonly folder: string;
  /** In that folder, as all that is included. */
  readonly main: string;
  /** What nothing imports. */
  readonly included: readonly string[];
  /** Permissions and settings. */
  readonly options: readonly string[];
}

/**
 * Compiles a program.
 *
 * @throws {Error} that says why that cannot be done
 */
export async function compile(
  program: Program,
  output: string,
  runtime: Runtime,
): Promise<void> {
  const failure = runtime === "npm"
    ? await runCompiler(
      "npx",
      ["-y", `deno@${NPM_RUNTIME.deno}`],
      program,
      output,
      {
        DENORT_BIN: await npmRuntime(),
        // Its threads overflow their stack of 2 MB on a large program.
        RUST_MIN_STACK: String(64 * 1024 * 1024),
        // Behind a proxy that inspects TLS npm is reached by the machine's CAs only.
        DENO_TLS_CA_STORE: "system,mozilla",
      },
    )
    : await runCompiler("deno", [], program, output);
  if (failure === undefined) return;
  if (runtime === "npm" || !/denort|base binary/.test(failure)) {
    throw new Error(failure);
  }
  throw new Error(
    `Deno ${Deno.version.deno}'s runtime cannot be had from its release server: ` +
      "set $DENORT_BIN to one, or run: deno task compile --runtime=npm",
  );
}

/** Compiles with the Deno that a command starts. @returns what it said when it failed */
async function runCompiler(
  command: string,
  args: readonly string[],
  { folder, main, included, options }: Program,
  output: string,
  env: Record<string, string> = {},
): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [
      ...args,
      "compile",
      "--no-check",
      "--no-config",
      // It would be looked for in /tmp, where anyone may have put another one.
      "--no-code-cache",
      "--quiet",
      ...options,
      ...included.flatMap((path) => ["--include", path]),
      "--output",
      resolve(output),
      main,
    ],
    cwd: folder,
    env,
    stdout: "inherit",
    stderr: "piped",
  }).output();
  return success ? undefined : new TextDecoder().decode(stderr);
}
