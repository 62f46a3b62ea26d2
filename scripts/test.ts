/**
 * Runs all tests; installs and makes first what they need.
 *
 *     deno task test [arguments of deno test]
 *
 * @module
 */
import { ensurePrograms, TEST_FLAGS } from "./setup.ts";

/** Tests that need both cores, and hold up the others: they come last. */
const ALONE = ["tests/e2e/hostile_server_test.ts"];

async function deno(...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command("deno", { args }).output();
  return success;
}

async function run(...args: string[]): Promise<number> {
  return (await new Deno.Command("deno", {
    args,
    // The tests of faults wait most of the time.
    env: { DENO_JOBS: "4" },
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status).code;
}

try {
  await ensurePrograms();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
if (
  !await deno("task", "compile") &&
  await run("task", "compile", "--runtime=npm") !== 0
) Deno.exit(1);
// Types are not tests: `deno check` looks at them.
const tests = (...args: string[]) =>
  run("test", "--no-check", ...TEST_FLAGS, ...Deno.args, ...args);
const most = await tests("--parallel", `--ignore=${ALONE.join()}`, "tests");
Deno.exit(Math.max(most, await tests(...ALONE)));
