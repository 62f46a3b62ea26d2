import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { HELP } from "../lib/cli/help.ts";
import { get } from "./util/client.ts";
import { eventually, freePort, Program } from "./util/process.ts";

const ROOT = new URL("..", import.meta.url);
const README = await Deno.readTextFile(new URL("README.md", ROOT));

Deno.test("README: the endpoint that it shows is one file and one line, and works", async () => {
  const [file = "", line = ""] = [...README.matchAll(/```ts\n(.+?)```/gs)]
    .map(([, code = ""]) => code);
  const [, answer = ""] = /with\s+`(\{.+?\})`/s.exec(README) ?? [];
  assertEquals(line.trim().split("\n").length, 1);
  const copy = await Deno.makeTempDir();
  for (const folder of ["apis", "lib", "scripts"]) {
    await copyFolder(folder, copy);
  }
  for (const name of ["deno.json", "deno.lock", "main.ts"]) {
    await Deno.copyFile(new URL(name, ROOT), `${copy}/${name}`);
  }
  await Deno.writeTextFile(`${copy}/apis/images.ts`, file);
  await Deno.writeTextFile(`${copy}/apis/mod.ts`, line, { append: true });
  const check = await new Deno.Command("deno", {
    args: ["check", "main.ts", "apis"],
    cwd: copy,
  }).output();
  assert(check.success, new TextDecoder().decode(check.stderr));
  const port = freePort();
  const flags = config.tasks.demo.command.split(" ").slice(2, -1);
  await using _demo = new Program("deno", [
    "run",
    "--config",
    `${copy}/deno.json`,
    ...flags,
    `${copy}/scripts/demo.ts`,
    "--web",
    `:${port}`,
  ]);
  const { status, body } = await eventually(
    "the demo answers",
    () => get(`http://127.0.0.1:${port}/v2/images?appname=shop`),
  );
  assertEquals([status, body], [200, answer]);
  await Deno.remove(copy, { recursive: true });
});

async function copyFolder(folder: string, to: string): Promise<void> {
  await Deno.mkdir(`${to}/${folder}`);
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))
  ) {
    const path = `${folder}/${name}`;
    if (isDirectory) await copyFolder(path, to);
    else await Deno.copyFile(new URL(path, ROOT), `${to}/${path}`);
  }
}

Deno.test("README: names every endpoint and every flag", async () => {
  const apis = await import("../apis/mod.ts");
  for (const { paths } of Object.values(apis)) {
    for (const path of paths) assert(README.includes(`\`${path}\``), path);
  }
  for (const [, flag = ""] of HELP.matchAll(/--([a-z][a-z.]+)/g)) {
    assert(README.includes(`\`${flag}\``), flag);
  }
});

Deno.test("the top level is what it is meant to be", async () => {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files"],
    cwd: ROOT,
  }).output();
  const names = new TextDecoder().decode(stdout).trim().split("\n")
    .map((path) => path.split("/")[0]);
  assertEquals([...new Set(names)].sort(), [
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "apis",
    "deno.json",
    "deno.lock",
    "lib",
    "main.ts",
    "scripts",
    "tests",
  ]);
});
