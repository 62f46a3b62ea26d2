/**
 * What the pages print works, and what they link to exists.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as apis from "../../apis/mod.ts";
import { HELP } from "../../lib/cli/help.ts";
import {
  anchorsOf,
  linksOf,
  type Page,
  proseOf,
  readPages,
  ROOT,
} from "./pages.ts";
import { CHECKS } from "./checks.ts";

const PAGES = await readPages();
const BLOCKS = PAGES.flatMap(({ blocks }) => blocks);
const FRONT = PAGES.find(({ path }) => path === "README.md");

/** A separate test uses all blocks of this page. */
const RECIPES = "lib/client/RECIPES.md";

Deno.test("pages: each block is in a language that is checked, and each of these is used", () => {
  assertEquals(
    [
      ...new Set(
        BLOCKS.filter(({ page }) => page !== RECIPES)
          .map(({ language }) => language),
      ),
    ].sort(),
    Object.keys(CHECKS).sort(),
  );
});

Deno.test("pages: each page with blocks has a test", async () => {
  const tested = new Set([RECIPES]);
  for await (const { name } of Deno.readDir(new URL(".", import.meta.url))) {
    const text = await Deno.readTextFile(new URL(name, import.meta.url));
    const [, paths = ""] = /^testPages\(([^)]+)\);$/m.exec(text) ?? [];
    for (const [, path = ""] of paths.matchAll(/"(.+?)"/g)) tested.add(path);
  }
  const pages = PAGES.filter(({ blocks }) => blocks.length > 0);
  assertEquals([...tested].sort(), pages.map(({ path }) => path).sort());
});

Deno.test("pages: the files and anchors that they link to exist", async () => {
  const byPath = new Map<string, Page>(PAGES.map((page) => [page.path, page]));
  const linked = new Set<string>();
  for (const page of PAGES) {
    for (const to of linksOf(page)) {
      if (/^https?:/.test(to)) continue;
      const url = new URL(to, new URL(page.path, ROOT));
      const path = url.pathname.slice(ROOT.pathname.length);
      assert((await Deno.stat(new URL(path, ROOT))).isFile, to);
      linked.add(path);
      if (url.hash === "") continue;
      const other = byPath.get(path);
      const isThere = other !== undefined &&
        anchorsOf(other).has(decodeURIComponent(url.hash.slice(1)));
      assert(isThere, `${page.path} links to ${to}`);
    }
  }
  for await (const { name } of Deno.readDir(new URL("lib/ui/docs", ROOT))) {
    assert(linked.has(`lib/ui/docs/${name}`), `no page shows ${name}`);
  }
});

Deno.test("pages: they name every endpoint and every flag, and existing files", async () => {
  const all = PAGES.map(({ text }) => text).join("\n");
  for (const { paths } of Object.values(apis)) {
    for (const path of paths) assert(FRONT?.text.includes(`\`${path}\``), path);
  }
  for (const [, flag = ""] of HELP.matchAll(/--([a-z][a-zA-Z.-]+)/g)) {
    assert(all.includes(`\`${flag}\``), flag);
  }
  for (const page of PAGES) {
    for (
      const [, path = ""] of proseOf(page).matchAll(
        /`((?:apis|lib|scripts|tests)\/[\w./]+)`/g,
      )
    ) {
      // What is made, or is the reader's to make.
      if (path === "lib/ui/dist" || path === "apis/images.ts") continue;
      await Deno.stat(new URL(path, ROOT));
    }
  }
});

Deno.test("pages: the table of alerts has each alert, with its section", async () => {
  const alerts = await Deno.readTextFile(
    new URL("scripts/package/monitoring/alerts.yml", ROOT),
  );
  const named = alerts.matchAll(/- alert: (\w+)[^]*?runbook: \S+(#\S+)/g);
  const page = PAGES.find(({ path }) => path === "scripts/package/README.md");
  const rows = page?.text.matchAll(/^\| `(Lainlet\w+)` .*\((#[^)]+)\) +\|$/gm);
  assertEquals(
    [...rows ?? []].map(([, alert, section]) => [alert, section]),
    Array.from(named, ([, alert, section]) => [alert, section]),
  );
});

Deno.test("pages: what lainlet takes in memory is what the benchmarks' page says", () => {
  const bench = PAGES.find(({ path }) => path === "scripts/bench/README.md");
  const measured = new Set(
    [...bench?.text.matchAll(/([\d.]+) ([MK]B)\b/g) ?? []]
      .map(([, figure, unit]) => `${Math.round(Number(figure))} ${unit}`),
  );
  const said = PAGES.filter((page) => page !== bench).flatMap(({ text }) => [
    ...text.matchAll(
      /(\d+)\s+(MB)\s+for\s+(?:a\s+cluster\s+of\s+)?[\d,]+\d{3}/g,
    ),
    ...text.matchAll(/(\d+) to \d+ (KB)\s+for\s+each\s+listener/g),
    ...text.matchAll(/\d+ to (\d+) (KB)\s+for\s+each\s+listener/g),
  ]).map(([, figure, unit]) => `${figure} ${unit}`);
  assert(said.length > 6, said.join());
  assertEquals(said.filter((figure) => !measured.has(figure)), []);
});

Deno.test("pages: the example of an API file is that of a file of apis/, and both are one view", () => {
  const textOf = (path: string, language: string) => {
    const page = PAGES.find((page) => page.path === path);
    const block = page?.blocks.find((block) =>
      block.language === language && block.text.includes("/v2/images")
    );
    return block?.text ?? "";
  };
  const file = textOf("apis/README.md", "ts");
  assertEquals(file, textOf("lib/README.md", "ts"));
  const fieldsOf = (text: string) =>
    text.slice(text.indexOf("paths:"), text.lastIndexOf("})"))
      .replaceAll(": Member[]", "").replace(/\s+/g, " ");
  assert(fieldsOf(file).length > 100);
  assertEquals(fieldsOf(textOf("apis/README.md", "js")), fieldsOf(file));
});

Deno.test("pages: the front page is short", () => {
  const prose = FRONT === undefined ? "" : proseOf(FRONT);
  const words = prose.replace(/^\|.*$/gm, "").match(/\S+/g) ?? [];
  assert(words.length < 1_300, `${words.length} words`);
});
