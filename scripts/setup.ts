/**
 * Sees to it that the programs which the tests run are there.
 *
 * @module
 */

/** Programs of tests and benchmarks, and Debian's packages that bring them. */
const PACKAGES: Record<string, string> = {
  bash: "bash",
  chromium: "chromium",
  curl: "curl",
  "dpkg-deb": "dpkg",
  etcd: "etcd-server",
  etcdctl: "etcd-client",
  fakeroot: "fakeroot",
  fish: "fish",
  git: "git",
  man: "man-db",
  mandoc: "mandoc",
  node: "nodejs",
  openssl: "openssl",
  promtool: "prometheus",
  ps: "procps",
  script: "bsdutils",
  setpriv: "util-linux",
  tar: "tar",
  zsh: "zsh",
};

/** What packages start when they are installed, where there is systemd. */
const SERVICES: Record<string, string> = {
  etcd: "etcd",
  promtool: "prometheus",
};

/**
 * Installs what is missing: with apt, on Debian and Ubuntu, as root.
 *
 * @param programs default: all that the tests run
 * @throws {Error} that says what to install, when that cannot be done here
 */
export async function ensurePrograms(
  programs: readonly string[] = Object.keys(PACKAGES),
): Promise<void> {
  const missing: string[] = [];
  for (const program of programs) {
    if (await exitCode(program, "--version") === undefined) {
      missing.push(program);
    }
  }
  if (missing.length === 0) return;
  const packages = missing.map((program) => PACKAGES[program] ?? program);
  const how = `apt-get install -y --no-install-recommends ${
    packages.join(" ")
  }`;
  if (Deno.uid() !== 0 || await exitCode("apt-get", "--version") !== 0) {
    throw new Error(
      `the tests need ${missing.join(" and ")}: install them ` +
        `(Debian, Ubuntu: ${how}) and run this again`,
    );
  }
  console.error(`Installing ${packages.join(", ")}.`);
  await exitCode("apt-get", "update");
  const [command = "", ...args] = how.split(" ");
  if (await exitCode(command, ...args) !== 0) {
    throw new Error(`this failed: ${how}`);
  }
  for (const program of missing) {
    const service = SERVICES[program];
    if (service !== undefined) await exitCode("systemctl", "stop", service);
  }
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
