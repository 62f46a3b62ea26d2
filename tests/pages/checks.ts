/**
 * How the blocks of pages are checked: by their language, as a reader would go
 * on from one to the next.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { get } from "../util/client.ts";
import { NEWER_SETTINGS, verifyUnit } from "../util/debian.ts";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { eventually } from "../util/process.ts";
import { NodeProject } from "../util/npm.ts";
import { runsAnywhere } from "./npm.ts";
import {
  type Block,
  commandsOf,
  patternOf,
  placeOf,
  readPages,
  repositoryFiles,
  ROOT,
} from "./pages.ts";
import { Workbench } from "./workbench.ts";

/** The command that starts the demo where a page only shows its responses. */
const DEMO = "npx -y deno@2.9.6 task demo";

/** Tasks that take minutes, which other tests run. */
const LONG =
  /^(npx -y deno@\S+|deno) task (bench|check|simulate|soak|test\s*(#|$))/;

/** Commands that serve, until another one is started. */
const SERVES = /^(npx -y deno@\S+ task (demo|start)|\.\/lainlet|lainlet --)/;

/** Other commands that run until they are ended. */
const GOES_ON = /^lainlet watch | -f\b|^etcd grpc-proxy /;

/** Checks of blocks, by language. */
export const CHECKS: Readonly<
  Record<string, (workbench: Workbench, block: Block) => Promise<unknown>>
> = {
  async sh(workbench, block) {
    for (const { text } of commandsOf(block)) await works(workbench, text);
  },
  console: prints,
  async js(workbench, { before, text }) {
    const [, file] = /into\s+`([^`]+)`:$/.exec(before) ?? [];
    assert(file !== undefined);
    const folder = file.slice(0, file.lastIndexOf("/"));
    await workbench.run(`mkdir -p ${folder} && chmod 755 ${folder}`);
    await Deno.writeTextFile(`${workbench.checkout}/file.js`, text);
    await workbench.run(`install -m 644 file.js ${file}`);
  },
  ts: isTypeScript,
  async yaml(workbench, { text }) {
    const file = "scripts/package/monitoring/prometheus.yml";
    await Deno.writeTextFile(`${workbench.checkout}/${file}`, text);
    await workbench.run(`promtool check config ${file}`);
  },
  async nft(workbench, { text }) {
    await Deno.writeTextFile(`${workbench.checkout}/rules.nft`, text);
    await workbench.run("unshare --map-root-user --net nft --file rules.nft");
  },
  ini: async (_, { text }) =>
    assertMatch(await verifyUnit(text), NEWER_SETTINGS),
  http: (_, { text }) => hasHeaders(text),
  /** A drawing: the folders that it names exist. */
  async ""(_, { text }) {
    for (const [path] of text.matchAll(/\b(lib|apis)[\w/.]*/g)) {
      assert((await Deno.stat(new URL(path, ROOT))).isDirectory, path);
    }
  },
};

/** Tests what pages print, block by block. */
export function testPages(...paths: readonly string[]): void {
  for (const path of paths) {
    Deno.test(`pages: what ${path} prints works`, async (t) => {
      const blocks = (await readPages()).flatMap(({ blocks }) => blocks);
      await using workbench = await Workbench.make();
      // The page about a node begins with an installed lainlet.
      const before = path.startsWith("scripts/package/")
        ? blocks.filter(({ page, text }) =>
          page === "README.md" && text.includes("dpkg")
        )
        : [];
      const own = blocks.filter(({ page }) => page === path);
      for (const block of [...before, ...own]) {
        await t.step(
          placeOf(block),
          async () => void await CHECKS[block.language]?.(workbench, block),
        );
      }
    });
  }
}

/** Runs a line of `sh`: it serves, keeps running after it has printed something, or ends with 0. */
async function works(workbench: Workbench, line: string): Promise<void> {
  if (LONG.test(line)) await refusesMore(workbench, line);
  else if (SERVES.test(line)) await workbench.serve(line);
  else if (GOES_ON.test(line)) {
    await workbench.until(
      line,
      ({ stdout, stderr }) => `${stdout}${stderr}`.includes("\n"),
    );
  } else if (line.startsWith("npm install ")) {
    // Into an empty project, without a network.
    const file = line.split(" ").at(-1);
    await using _ = await NodeProject.make(`${workbench.checkout}/${file}`);
  } else {
    const stdout = await workbench.run(line);
    // curl ends with 0 for every response.
    assert(!stdout.startsWith("404 "), line);
  }
}

/** Checks that a task takes the arguments of a line, and not one more. */
async function refusesMore(workbench: Workbench, line: string): Promise<void> {
  const [, task = ""] = /\btask (\S+)/.exec(line) ?? [];
  assert(task in config.tasks, task);
  // It takes no arguments.
  if (task === "check") return;
  await using program = await workbench.start(
    line.replace(/\s+#.*/, "") + " nosuch",
  );
  const { code } = await program.ended();
  assertMatch(program.stderr, new RegExp(`^${task}: .*\\bnosuch\\b`, "m"));
  assertEquals(code, 2);
}

/** Checks what commands print of a demo. */
async function prints(workbench: Workbench, block: Block): Promise<void> {
  await workbench.serve(DEMO);
  for (const command of commandsOf(block)) {
    await workbench.until(command.text, ({ stdout }) => {
      assertMatch(stdout, patternOf(command));
      return true;
    });
  }
}

/**
 * Checks a block of TypeScript: it is put into the file that the text before it
 * names, or it is a program, or an excerpt of a file.
 */
async function isTypeScript(
  workbench: Workbench,
  { before, text }: Block,
): Promise<void> {
  const { checkout } = workbench;
  const [, file] = /into\s+`([^`]+)`:$/.exec(before) ?? [];
  if (file !== undefined) {
    const path = `${checkout}/${file}`;
    const isNew = await Deno.stat(path).then(() => false, () => true);
    await Deno.writeTextFile(path, text, { append: true });
    if (!isNew) await workbench.run("deno check main.ts apis lib");
  } else if (/^import .* from "@laincloud\//m.test(text)) {
    await runsAnywhere(`${checkout}/dist`, text);
  } else if (/^import /m.test(text)) {
    await workbench.serve(DEMO);
    await Deno.writeTextFile(
      `${checkout}/sample.ts`,
      text.replace("http://127.0.0.1:9001", workbench.url),
    );
    await workbench.run("deno check sample.ts");
    await workbench.until(
      "deno run --no-prompt --allow-net=127.0.0.1 sample.ts",
      ({ stdout }) => stdout.split("\n").length > 3,
    );
  } else {
    const files = (await repositoryFiles())
      .filter((path) => /^(lib|tests)\/.*\.ts$/.test(path));
    const texts = await Promise.all(
      files.map((path) => Deno.readTextFile(new URL(path, ROOT))),
    );
    assert(texts.some((whole) => whole.includes(text)), text);
  }
}

/** Checks that a lainlet whose etcd is gone responds with these headers; numbers may differ. */
async function hasHeaders(text: string): Promise<void> {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/domain": "lain.example" });
  await using lainlet = await LainletProcess.start("source", [
    "--etcd",
    etcd.endpoint,
    "--stale.after=1s",
  ]);
  await etcd.kill();
  const shapeOf = (value: string) => value.replace(/-?\d[\d.:]*/g, "0");
  await eventually("the answer says so", async () => {
    const { headers } = await get(`${lainlet.url}/v2/configwatcher`);
    for (const line of text.trim().split("\n")) {
      const [name = "", value = ""] = line.split(/: (.*)/);
      assertEquals(shapeOf(headers.get(name) ?? ""), shapeOf(value));
    }
    return true;
  });
}
