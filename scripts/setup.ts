/**
 * What the tests need: programs, which are installed when missing, and permissions.
 *
 * @module
 */

import { type Flag, type Given, UsageError } from "../lib/flags.ts";

/** Programs of tests and benchmarks, and Debian's packages that bring them. */
export const PACKAGES: Readonly<Record<string, string>> = {
  // Debian's own, for which its packages are.
  "/usr/bin/python3": "python3-grpcio",
  "ansible-inventory": "ansible-core",
  bash: "bash",
  chromium: "chromium",
  curl: "curl",
  "dpkg-deb": "dpkg",
  etcd: "etcd-server",
  etcdctl: "etcd-client",
  fakeroot: "fakeroot",
  fish: "fish",
  git: "git",
  h2load: "nghttp2-client",
  haproxy: "haproxy",
  java: "zookeeper",
  jq: "jq",
  luajit: "luajit",
  man: "man-db",
  mandoc: "mandoc",
  nghttp: "nghttp2-client",
  nft: "nftables",
  nginx: "nginx-light",
  node: "nodejs",
  npm: "npm",
  openssl: "openssl",
  prometheus: "prometheus",
  protoc: "protobuf-compiler",
  script: "bsdutils",
  setpriv: "util-linux",
  socat: "socat",
  ss: "iproute2",
  "systemd-analyze": "systemd",
  tar: "tar",
  unshare: "util-linux",
  zsh: "zsh",
};

/** How to find out that a program can be run, where being there is not enough. */
const PROBES: Record<string, readonly string[]> = {
  "/usr/bin/python3": ["-c", "import grpc"],
  java: [
    "-cp",
    "/usr/share/java/zookeeper.jar",
    "org.apache.zookeeper.Version",
    "--short",
  ],
};

/** What packages start when they are installed, where there is systemd. */
const SERVICES: Record<string, string> = {
  etcd: "etcd",
  haproxy: "haproxy",
  nginx: "nginx",
  prometheus: "prometheus",
};

/** What `deno test` is to be called with: what the tests may do, and no more. */
export const TEST_FLAGS: readonly string[] = [
  "--no-prompt",
  "--unstable-net",
  "--unstable-no-legacy-abort",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  // The last three are Playwright's.
  "--allow-sys=hostname,uid,cpus,homedir,osRelease",
  "--allow-env=SEED,__IS_WSL_TEST__",
  "--ignore-env",
  "--allow-run=" + [
    "/usr/bin/chromium",
    "/usr/bin/python3",
    "bash",
    "cat",
    "curl",
    "deno",
    "etcd",
    "etcdctl",
    "fakeroot",
    "fish",
    "git",
    "h2load",
    "haproxy",
    "java",
    "man",
    "mandoc",
    "nghttp",
    "nginx",
    "node",
    "npm",
    "openssl",
    "prometheus",
    "promtool",
    "protoc",
    "script",
    "systemd-analyze",
    "tar",
    "unshare",
    "zsh",
    "./lainlet",
  ].join(),
];

/** How the lainlet that is tried is started. */
export const TARGET_FLAG: Flag = {
  name: "target",
  value: "TARGET",
  help: "lainlet from source, or the compiled binary (default source)",
};

/** Reads {@linkcode TARGET_FLAG}. @throws {UsageError} */
export function readTarget(given: Given): "source" | "binary" {
  const target = given(TARGET_FLAG.name) ?? "source";
  if (target === "source" || target === "binary") return target;
  throw new UsageError("--target must be source or binary");
}

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
    const probe = PROBES[program];
    const code = await exitCode(program, ...probe ?? ["--version"]);
    if (code === undefined || probe !== undefined && code !== 0) {
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
      `${missing.join(" and ")} not found: install what is missing ` +
        `(Debian, Ubuntu: sudo ${how}) and run this again`,
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
