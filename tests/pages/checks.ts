/**
 * The ways in which blocks of pages are checked.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { get } from "../util/client.ts";
import { NEWER_SETTINGS, verifyUnit } from "../util/debian.ts";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { eventually, freePort } from "../util/process.ts";
import { NodeProject } from "../util/npm.ts";
import { TestZooKeeper } from "../util/zookeeper.ts";
import { runsAnywhere } from "./npm.ts";
import { type Block, commandsOf, placeOf, readPages, ROOT } from "./pages.ts";
import { Workbench } from "./workbench.ts";

/** What the demo is started with where a page does not say it. */
const DEMO = "npx -y deno@2.9.6 task demo";

/** One way to check a command, or a block of another language. */
interface Way {
  readonly name: string;
  readonly fits: RegExp;
  check(workbench: Workbench, text: string): Promise<unknown>;
}

/** For each line of an `sh` block. */
export const COMMAND_WAYS: readonly Way[] = [
  {
    name: "serves, until another one does",
    fits: /^(npx -y deno@\S+ task (demo|start)\b|\.\/lainlet --)/,
    check: (workbench, line) => workbench.serve(line),
  },
  {
    // It would run this test.
    name: "is a task, and not run",
    fits: /^npx -y deno@\S+ task test\b/,
    check: (_, line) => Promise.resolve(assert(taskOf(line) in config.tasks)),
  },
  {
    // They take minutes, and other tests run them: patches, and a soak of one.
    name: "is a task that takes these arguments, and not one more",
    fits: /^deno task (bench|simulate|soak)\b/,
    async check(workbench, line) {
      await using program = await workbench.start(
        line.replace(/\s+#.*/, "") + " nosuch",
      );
      const { code } = await program.ended();
      const task = taskOf(line);
      const told = new RegExp(`^${task}: [^\\n]*\\bnosuch\\b[^\\n]*$`, "m");
      assertMatch(program.stderr, told);
      assertEquals(code, 2);
    },
  },
  {
    name: "ends, and is well",
    fits:
      /^(npx -y deno@\S+ task (package|pack|compile)\b|(sudo (dpkg|systemctl|journalctl)|systemctl|cat|curl -s|echo|printf|promtool|source|ss) |lainlet (apps|changes(?!.* -f\b)|config|find|get|listeners|nodes|pods|status)\b)/,
    async check(workbench, line) {
      const stdout = await workbench.run(line);
      assertEquals(/^404 /.test(stdout), false, line);
    },
  },
  {
    name: "an empty project of npm's installs it, without a network",
    fits: /^npm install dist\/\S+\.tgz$/,
    async check({ checkout }, line) {
      const [, , tarball] = line.split(" ");
      await using _ = await NodeProject.make(`${checkout}/${tarball}`);
    },
  },
  {
    name: "goes on, and has said something",
    fits: /^lainlet (watch\b|changes\b.* -f\b)/,
    check: (workbench, line) =>
      workbench.until(line, ({ stdout }) => stdout.includes("\n")),
  },
  {
    name: "serves what ZooKeeper has, of a cluster of one",
    fits: /^lainlet --store=zookeeper /,
    async check(_, line) {
      const [, chroot = ""] = /(\/\S+)$/.exec(line) ?? [];
      await using zookeeper = await TestZooKeeper.start();
      await zookeeper.write({
        [`${chroot}/lain/config/domain`]: "lain.example",
      });
      const here = line.replace(/(?<=--zookeeper=)[^/]+/, zookeeper.endpoint);
      const flags = here.split(" ").slice(1);
      await using lainlet = await LainletProcess.start("source", flags);
      const { body } = await get(`${lainlet.url}/v2/configwatcher`);
      assertEquals(body, '{"domain":"lain.example"}');
    },
  },
  {
    name: "is a proxy that lainlet reads through",
    fits: /^etcd grpc-proxy start /,
    async check(workbench, line) {
      const listen = `127.0.0.1:${freePort()}`;
      const here = line.replace(/(?<=--listen-addr=)\S+/, listen);
      await workbench.until(here, async () => {
        (await Deno.connect(addressOf(listen))).close();
        const flags = ["--etcd", listen];
        await using lainlet = await LainletProcess.start("source", flags);
        const { body } = await get(`${lainlet.url}/v2/configwatcher`);
        return body === '{"domain":"lain.example"}';
      });
    },
  },
];

/** For a whole block, by its language and content. */
export const BLOCK_WAYS: readonly (Way & { readonly language: string })[] = [
  {
    name: "each line is a command",
    language: "sh",
    fits: /^/,
    async check(workbench, text) {
      for (const line of text.trim().split("\n")) {
        const [way] = COMMAND_WAYS.filter(({ fits }) => fits.test(line));
        await way?.check(workbench, line);
      }
    },
  },
  {
    name: "the commands print that, of a demo that has just been started",
    language: "console",
    fits: /^\$ curl (-N )?'/,
    check: printsThat,
  },
  {
    name: "an endpoint: it takes its place in the checkout",
    language: "ts",
    fits: /^export default view\(/m,
    check: ({ checkout }, text) =>
      Deno.writeTextFile(`${checkout}/apis/images.ts`, text),
  },
  {
    name: "its one line: with it the program has the right types",
    language: "ts",
    fits: /^export \{ default as \w+ \} from "\.\/\w+\.ts";\n$/,
    async check(workbench, text) {
      const path = `${workbench.checkout}/apis/mod.ts`;
      await Deno.writeTextFile(path, text, { append: true });
      await workbench.run("deno check main.ts apis lib");
    },
  },
  {
    name: "an excerpt: one of these files holds it",
    language: "ts",
    fits: /^(export const (memory|STORES): |testConformance\()/,
    async check(_, text) {
      const files = ["lib/store/memory.ts", "lib/store/stores.ts"]
        .concat("tests/lib/store/memory_test.ts");
      const texts = await Promise.all(
        files.map((file) => Deno.readTextFile(new URL(file, ROOT))),
      );
      assert(texts.some((whole) => whole.includes(text)), text);
    },
  },
  {
    name: "a program: it has the right types, and prints three lines",
    language: "ts",
    fits: /^import \{ Client \} from "\.\//,
    async check(workbench, text) {
      await workbench.serve(DEMO);
      await Deno.writeTextFile(
        `${workbench.checkout}/sample.ts`,
        text.replace("http://127.0.0.1:9001", workbench.url),
      );
      await workbench.run("deno check sample.ts");
      await workbench.until(
        "deno run --no-prompt --allow-net=127.0.0.1 sample.ts",
        ({ stdout }) => /\nfalse\n(.*\n)*(true|false)\n/.test(stdout),
      );
    },
  },
  {
    name:
      "a program of the package's: it has the right types, and runs anywhere",
    language: "ts",
    fits: /^import \{ Client \} from "@/,
    check: ({ checkout }, text) => runsAnywhere(`${checkout}/dist`, text),
  },
  {
    name: "promtool takes it, beside the alert rules",
    language: "yaml",
    fits: /^scrape_configs:$/m,
    async check(workbench, text) {
      const folder = "scripts/package/monitoring";
      await Deno.writeTextFile(
        `${workbench.checkout}/${folder}/prometheus.yml`,
        text,
      );
      await workbench.run(`promtool check config ${folder}/prometheus.yml`);
    },
  },
  {
    name: "nft takes it, in a network of its own",
    language: "nft",
    fits: /^table /,
    async check(workbench, text) {
      await Deno.writeTextFile(`${workbench.checkout}/rules.nft`, text);
      await workbench.run(
        "unshare --map-root-user --net nft --file rules.nft",
      );
    },
  },
  {
    name: "systemd takes it, beside the unit",
    language: "ini",
    fits: /^# \/etc\/systemd\/system\/lainlet\.service\.d\//,
    check: async (_, text) =>
      assertMatch(await verifyUnit(text), NEWER_SETTINGS),
  },
  {
    name: "answers have such headers when etcd is gone",
    language: "http",
    fits: /^Age: \d+$/m,
    check: (_, text) => answersSo(text),
  },
  {
    name: "a drawing: the folders that it names are there",
    language: "",
    fits: /──▶/,
    async check(_, text) {
      for (const [path] of text.matchAll(/\b(lib|apis)[\w/.]*/g)) {
        assert((await Deno.stat(new URL(path, ROOT))).isDirectory, path);
      }
    },
  },
];

/** The ways to check a block: one, as it should be. */
export function waysOf(block: Block) {
  return BLOCK_WAYS.filter(({ language, fits }) =>
    language === block.language && fits.test(block.text)
  );
}

/** `bench` of `deno task bench …`. */
function taskOf(line: string): string {
  return /\btask (\S+)/.exec(line)?.[1] ?? "";
}

function addressOf(text: string): Deno.ConnectOptions {
  const { hostname, port } = new URL(`http://${text}`);
  return { hostname, port: Number(port) };
}

/** What is printed is of the first two seconds of a demo: when that was missed, of another one. */
async function printsThat(workbench: Workbench, text: string): Promise<void> {
  const block = { language: "console", text, page: "", line: 0 };
  await eventually("a demo prints that", async () => {
    await workbench.serve(DEMO);
    for (const { text: line, output } of commandsOf(block)) {
      let printed = "";
      await workbench.until(line, ({ stdout }) => {
        printed = stdout;
        return stdout.length >= output.length;
      });
      assertEquals(printed.slice(0, output.length), output);
    }
    return true;
  }, 30_000);
}

/** A lainlet whose etcd is gone has such headers; numbers are others. */
async function answersSo(text: string): Promise<void> {
  const etcd = await TestEtcd.start();
  try {
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
  } finally {
    await etcd[Symbol.asyncDispose]();
  }
}

/** Tests that what a page prints works, block by block, as a reader would go on. */
export function testPage(path: string): void {
  Deno.test(`pages: what ${path} prints works`, async (t) => {
    const blocks = (await readPages()).flatMap(({ blocks }) => blocks);
    await using workbench = await Workbench.make();
    // Whoever reads about a node has installed lainlet on it.
    const before = path.startsWith("scripts/package/")
      ? blocks.filter(({ page, text }) =>
        page === "README.md" && text.includes("dpkg")
      )
      : [];
    const own = blocks.filter(({ page }) => page === path);
    for (const block of [...before, ...own]) {
      for (const { name, check } of waysOf(block)) {
        await t.step(
          `${placeOf(block)}: ${name}`,
          async () => void await check(workbench, block.text),
        );
      }
    }
  });
}
