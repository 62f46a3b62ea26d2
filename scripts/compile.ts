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
import { parseArgs } from "@std/cli/parse-args";
import config from "../deno.json" with { type: "json" };
import { BUNDLE, bundle } from "./bundle.ts";
import { compile, NPM_RUNTIME, runtimeOf } from "./compiler.ts";

/** The permissions that `deno task start` has, and no others; and its settings. */
const OPTIONS = config.tasks.start.command.split(" ")
  .filter((word) => word.startsWith("--"));

const { output = "lainlet", runtime: name = "deno" } = parseArgs(Deno.args, {
  string: ["output", "runtime"],
  boolean: [],
  alias: {},
  unknown: (arg) => fail(`unknown argument ${arg}`),
});
const runtime = runtimeOf(String(name)) ??
  fail("--runtime must be deno or npm");

try {
  const { main, included } = await bundle(BUNDLE);
  const program = { folder: BUNDLE, main, included, options: OPTIONS };
  await compile(program, String(output), runtime);
} catch (error) {
  if (!(error instanceof Error)) throw error;
  fail(error.message);
}
const { size } = await Deno.stat(String(output));
console.error(`${output} is made, ${Math.round(size / 1e6)} MB.`);
if (runtime === "npm") {
  console.error(
    `NOTE: ${output} holds Deno ${NPM_RUNTIME.deno}'s runtime as npm has it in ` +
      `${NPM_RUNTIME.package}@${NPM_RUNTIME.version}, not one from Deno's release ` +
      `server; its sha256 is ${NPM_RUNTIME.sha256}.`,
  );
}

function fail(message: string): never {
  console.error(`compile: ${message.trim()}`);
  Deno.exit(1);
}
