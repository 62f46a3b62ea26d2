/**
 * Runs all tests; installs and makes first what they need.
 *
 *     deno task test [arguments of deno test]
 *
 * @module
 */
import { ensurePrograms } from "./setup.ts";

/** Where lainlet's binary goes; the tests run it there. */
const BINARY = "lainlet";

const PERMISSIONS = [
  "--no-prompt",
  "--unstable-net",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  // The last three are Playwright's.
  "--allow-sys=hostname,cpus,homedir,osRelease",
  "--allow-env=SEED,__IS_WSL_TEST__",
  "--ignore-env",
  "--allow-run=" + [
    "/usr/bin/chromium",
    "bash",
    "cat",
    "curl",
    "deno",
    "etcd",
    "etcdctl",
    "fakeroot",
    "fish",
    "git",
    "man",
    "mandoc",
    "node",
    "openssl",
    "promtool",
    "ps",
    "script",
    "tar",
    "zsh",
    `./${BINARY}`,
  ].join(),
];

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
Deno.exit(
  await run("test", "--parallel", ...PERMISSIONS, ...Deno.args, "tests"),
);
