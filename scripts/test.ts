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
  "--allow-sys=hostname",
  "--allow-env=SEED",
  "--ignore-env",
  `--allow-run=cat,curl,deno,etcd,etcdctl,git,node,openssl,ps,./${BINARY}`,
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
