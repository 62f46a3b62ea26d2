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
import config from "../deno.json" with { type: "json" };
import { scriptOptions, UsageError } from "../lib/flags.ts";
import { BUNDLE, bundle } from "./bundle.ts";
import { compile, runtimeOf } from "./compiler.ts";
import { NPM_RUNTIME } from "./npm_runtime.ts";

/** The permissions that `deno task start` has, and no others; and its settings. */
const OPTIONS = config.tasks.start.command.split(" ")
  .filter((word) => word.startsWith("--"));

const { output, runtime } = scriptOptions({
  name: "compile",
  summary: "Compiles lainlet to a standalone executable.",
  flags: [
    {
      name: "output",
      value: "FILE",
      help: "where it is written (default lainlet)",
    },
    {
      name: "runtime",
      value: "FROM",
      help: "Deno's runtime in it: deno, of this version from $DENORT_BIN or " +
        "Deno's release server; npm, of 2.7.11 from npm (default deno)",
    },
  ],
}, ({ given }) => {
  const runtime = runtimeOf(given("runtime") ?? "deno");
  if (runtime === undefined) {
    throw new UsageError("--runtime must be deno or npm");
  }
  return { output: given("output") ?? "lainlet", runtime };
});

try {
  const { main, included } = await bundle(BUNDLE);
  const program = { folder: BUNDLE, main, included, options: OPTIONS };
  await compile(program, output, runtime);
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(`compile: ${error.message.trim()}`);
  Deno.exit(1);
}
const { size } = await Deno.stat(output);
console.error(`${output} is made, ${Math.round(size / 1e6)} MB.`);
if (runtime === "npm") {
  console.error(
    `NOTE: ${output} holds Deno ${NPM_RUNTIME.deno}'s runtime as npm has it in ` +
      `${NPM_RUNTIME.package}@${NPM_RUNTIME.version}, not one from Deno's release ` +
      `server; its sha256 is ${NPM_RUNTIME.sha256}.`,
  );
}
