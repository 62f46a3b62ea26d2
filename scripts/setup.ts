/**
 * Sees to it that the programs which the tests run are there.
 *
 * @module
 */

/** The tests' programs, and Debian's packages that bring them. */
const PACKAGES: Record<string, string> = {
  curl: "curl",
  etcd: "etcd-server",
  etcdctl: "etcd-client",
  git: "git",
  node: "nodejs",
  openssl: "openssl",
  ps: "procps",
};

/**
 * Installs what is missing: with apt, on Debian and Ubuntu, as root.
 *
 * @throws {Error} that says what to install, when that cannot be done here
 */
export async function ensurePrograms(): Promise<void> {
  const missing: string[] = [];
  for (const program of Object.keys(PACKAGES)) {
    if (await exitCode(program, "--version") === undefined) {
      missing.push(program);
    }
  }
  if (missing.length === 0) return;
  const packages = missing.map((program) => PACKAGES[program] ?? program);
  const how = `apt-get install -y ${packages.join(" ")}`;
  if (Deno.uid() !== 0 || await exitCode("apt-get", "--version") !== 0) {
    throw new Error(
      `the tests need ${missing.join(" and ")}: install them ` +
        `(Debian, Ubuntu: ${how}) and run this again`,
    );
  }
  console.error(`Installing ${packages.join(", ")}.`);
  await exitCode("apt-get", "update");
  if (await exitCode("apt-get", "install", "-y", ...packages) !== 0) {
    throw new Error(`this failed: ${how}`);
  }
  // The tests start etcds of their own; the package may have started one, too.
  if (missing.includes("etcd")) await exitCode("systemctl", "stop", "etcd");
}

/** Runs a program to its end; undefined when there is no such program. */
async function exitCode(
  program: string,
  ...args: string[]
): Promise<number | undefined> {
  try {
    const { code } = await new Deno.Command(program, {
      args,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return code;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
