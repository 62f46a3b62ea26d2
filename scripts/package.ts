/**
 * Makes a Debian package and a tarball of the executable and what belongs to it.
 *
 *     deno task package [--binary FILE] [--runtime=npm] [--output FOLDER]
 *
 * Without `--binary` it compiles one first, see compile.ts. It needs dpkg-deb
 * and tar.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import config from "../deno.json" with { type: "json" };
import { scriptOptions } from "../lib/flags.ts";
import { completionScript } from "../lib/cli/completions.ts";
import { MANUAL } from "../lib/cli/help.ts";
import { BUNDLE, LICENSES } from "./bundle.ts";
import { manPage } from "./package/man.ts";

const { version } = config;
const MAINTAINER = "LAIN <lain@lain.example>";
const DATE = new Date().toISOString().slice(0, 10);

/** The pages of both packages, at the places that they link each other by. */
const PAGES = [
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "README.md",
  "SECURITY.md",
  "apis/README.md",
  "lib/README.md",
  "lib/client/README.md",
  "lib/client/RECIPES.md",
  "lib/grpc/README.md",
  "lib/http/README.md",
  "lib/store/README.md",
  "scripts/bench/README.md",
  "scripts/package/README.md",
  "tests/simulation/README.md",
];

/** The folder of their pictures. */
const PICTURES = "lib/ui/docs";

/** Files for Prometheus and Grafana. */
const MONITORING = ["alerts.yml", "grafana.json"];

/** Debian's names for the machines that Deno runs on. */
const ARCHITECTURES = { x86_64: "amd64", aarch64: "arm64" } as const;

/** Where files go in a package, and their mode. */
type Tree = Readonly<
  Record<string, readonly [content: string | Uint8Array, mode: number]>
>;

const { program, licenses, output } = await readOptions();
await Deno.mkdir(output, { recursive: true });
const work = await Deno.makeTempDir({ prefix: "lainlet-package-" });
try {
  await makeDeb(`${work}/deb`);
  await makeTarball(work);
} finally {
  await Deno.remove(work, { recursive: true });
}

async function readOptions() {
  const { binary, runtime, output } = scriptOptions({
    name: "package",
    summary: "Makes a Debian package and a tarball of the executable.",
    flags: [
      {
        name: "binary",
        value: "FILE",
        help: "the executable (default: one that it compiles first)",
      },
      {
        name: "runtime",
        value: "RUNTIME",
        help: "of deno task compile, when it compiles",
      },
      {
        name: "output",
        value: "FOLDER",
        help: "where both are written (default dist)",
      },
    ],
  }, ({ given }) => ({
    binary: given("binary"),
    runtime: given("runtime"),
    output: given("output") ?? "dist",
  }));
  if (binary === undefined) {
    const flags = runtime === undefined ? [] : [`--runtime=${runtime}`];
    await run("deno", "task", "compile", ...flags);
  }
  try {
    const program = await Deno.readFile(binary ?? "lainlet");
    // The compiler leaves them there.
    const licenses = await Deno.readTextFile(`${BUNDLE}/${LICENSES}`);
    return { program, licenses, output };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error(`package: ${error.message}`);
    Deno.exit(2);
  }
}

function own(name: string): string {
  return Deno.readTextFileSync(new URL(name, import.meta.url));
}

/** The pages and their pictures, in a folder. */
function pages(folder: string): Tree {
  const root = new URL("../", import.meta.url);
  const pictures = [...Deno.readDirSync(new URL(PICTURES, root))]
    .map(({ name }) => `${PICTURES}/${name}`);
  return Object.fromEntries([...PAGES, ...pictures].map((path) => [
    `${folder}${path}`,
    [Deno.readFileSync(new URL(path, root)), 0o644],
  ]));
}

/** {@linkcode MONITORING}, in a folder. */
function monitoring(folder: string): Tree {
  return Object.fromEntries(MONITORING.map((name) => [
    `${folder}${name}`,
    [own(`package/monitoring/${name}`), 0o644],
  ]));
}

/** @see https://www.debian.org/doc/debian-policy/ */
async function makeDeb(folder: string): Promise<void> {
  const { arch } = Deno.build;
  const architecture = ARCHITECTURES[arch];
  const files: Tree = {
    "etc/default/lainlet": [own("package/default"), 0o644],
    "usr/bin/lainlet": [program, 0o755],
    "usr/lib/systemd/system/lainlet.service": [
      own("package/lainlet.service"),
      0o644,
    ],
    "usr/share/bash-completion/completions/lainlet": [
      completionScript("bash"),
      0o644,
    ],
    ...pages("usr/share/doc/lainlet/"),
    "usr/share/doc/lainlet/changelog.Debian.gz": [
      packed(changelog()),
      0o644,
    ],
    "usr/share/doc/lainlet/changelog.gz": [
      packed(own("../CHANGELOG.md")),
      0o644,
    ],
    "usr/share/doc/lainlet/copyright": [
      `${own("../LICENSE")}\nIt holds parts of these:\n\n${licenses}`,
      0o644,
    ],
    "usr/share/fish/vendor_completions.d/lainlet.fish": [
      completionScript("fish"),
      0o644,
    ],
    ...monitoring("usr/share/lainlet/monitoring/"),
    "usr/share/man/man8/lainlet.8.gz": [
      packed(manPage(MANUAL, version, DATE)),
      0o644,
    ],
    "usr/share/zsh/vendor-completions/_lainlet": [
      completionScript("zsh"),
      0o644,
    ],
  };
  await write(folder, files);
  await write(`${folder}/DEBIAN`, {
    conffiles: ["/etc/default/lainlet\n", 0o644],
    control: [control(architecture, files), 0o644],
    md5sums: [sums(files), 0o644],
    postinst: [own("package/postinst"), 0o755],
    postrm: [own("package/postrm"), 0o755],
    prerm: [own("package/prerm"), 0o755],
  });
  // Empty: for API files.
  await Deno.mkdir(`${folder}/etc/lainlet/apis`, { recursive: true });
  for (const path of ["etc", "etc/lainlet", "etc/lainlet/apis"]) {
    await Deno.chmod(`${folder}/${path}`, 0o755);
  }
  const deb = `${output}/lainlet_${version}-1_${architecture}.deb`;
  // Every dpkg there is can read gzip.
  await run(
    "dpkg-deb",
    "-Zgzip",
    "-z6",
    "--root-owner-group",
    "--build",
    folder,
    deb,
  );
}

/** As small as it gets, as Debian wants it. */
function packed(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

function changelog(): string {
  const date = new Date().toUTCString().replace("GMT", "+0000");
  return `lainlet (${version}-1) stable; urgency=medium\n\n` +
    `  * See changelog.gz.\n\n -- ${MAINTAINER}  ${date}\n`;
}

function control(architecture: string, files: Tree): string {
  const bytes = Object.values(files)
    .reduce((sum, [content]) => sum + content.length, 0);
  return [
    "Package: lainlet",
    `Version: ${version}-1`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    "Section: net",
    "Priority: optional",
    `Installed-Size: ${Math.ceil(bytes / 1024)}`,
    // What Deno's runtime is linked with.
    "Depends: libc6 (>= 2.27), libgcc-s1",
    "Description: state of a LAIN cluster, over HTTP",
    " lainlet runs on every node of a LAIN cluster, follows the cluster's state in",
    " etcd, and serves it to DNS, routers, log shippers, backup and the apps: each",
    " view as a response or as a live stream.",
    "",
  ].join("\n");
}

function sums(files: Tree): string {
  return Object.entries(files).filter(([path]) => !path.startsWith("etc/"))
    .map(([path, [content]]) => {
      const hash = createHash("md5").update(content).digest("hex");
      return `${hash}  ${path}\n`;
    }).join("");
}

async function makeTarball(folder: string): Promise<void> {
  const name = `lainlet-${version}`;
  await write(`${folder}/${name}`, {
    ...pages(""),
    LICENSE: [own("../LICENSE"), 0o644],
    [LICENSES]: [licenses, 0o644],
    lainlet: [program, 0o755],
    "lainlet.8": [manPage(MANUAL, version, DATE), 0o644],
    "lainlet.default": [own("package/default"), 0o644],
    "lainlet.service": [own("package/lainlet.service"), 0o644],
    "completions/lainlet.bash": [completionScript("bash"), 0o644],
    "completions/lainlet.fish": [completionScript("fish"), 0o644],
    "completions/_lainlet": [completionScript("zsh"), 0o644],
    ...monitoring("monitoring/"),
  });
  const tarball =
    `${output}/${name}-${Deno.build.os}-${Deno.build.arch}.tar.gz`;
  await run(
    "tar",
    "--create",
    "--gzip",
    "--owner=0",
    "--group=0",
    "--sort=name",
    `--file=${tarball}`,
    `--directory=${folder}`,
    name,
  );
  console.error(`${tarball} is made.`);
}

async function write(folder: string, files: Tree): Promise<void> {
  for (const [path, [content, mode]] of Object.entries(files)) {
    const full = `${folder}/${path}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    await Deno.writeFile(full, bytes);
    // Not by the mode of writing: that is less what the umask takes.
    await Deno.chmod(full, mode);
  }
}

/** Runs a program; ends this one when that fails. */
async function run(command: string, ...args: string[]): Promise<void> {
  const { code } = await new Deno.Command(command, {
    args,
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (code === 0) return;
  console.error(`package: ${command} failed`);
  Deno.exit(1);
}
