/**
 * What brings an operator to the dashboard, on a cluster of 60 nodes: each
 * question is answered in at most two clicks from the first page.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { content } from "../../scripts/demo/cluster.ts";
import { LARGE, largeCluster } from "../fixtures/large_cluster.ts";
import { type Page, TestBrowser, violations, visit } from "../util/browser.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { LainletProcess, TARGETS } from "../util/lainlet_process.ts";
import { TestEtcd } from "../util/etcd.ts";
import { becomes, eventually, Program } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";

const takeBrowser = TestBrowser.shared();

const store = new MemoryStore(largeCluster(Date.now()));

/** A lainlet and a browser for all steps; each begins at the first page. */
Deno.test("dashboard of 60 nodes: six questions in at most two clicks", async (t) => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/`);
  const ask = (question: string, answer: () => Promise<void>) =>
    t.step(question, async () => {
      await page.goto(`${lainlet.url}/#/`);
      await needs(page).waitFor();
      await answer();
    });
  const main = page.locator("main");

  await ask("where is my app", async () => {
    await page.getByRole("combobox", { name: "app" }).fill("shop");
    await main.getByText("24 pods on 24 nodes").waitFor();
    await becomes("which cells are seen", () =>
      page.evaluate(
        `[...document.querySelectorAll(".map .cell")].filter((cell) => getComputedStyle(cell).opacity === "1").map((cell) => cell.dataset.app)`,
      ), Array(24).fill("shop"));
    await page.reload();
    await main.getByText("24 pods on 24 nodes").waitFor();
    await main.getByRole("link", { name: "shop", exact: true }).click();
    await page.getByRole("region", { name: "Pods of shop.web.web" })
      .getByText("24 rows").waitFor();
  });

  await ask("what changed in five minutes", async () => {
    store.put("/lain/config/domain", "new.example");
    await main.getByRole("link", { name: /^Changes of the last 5/ }).click();
    await main.getByText('domain: "lain.example" → "new.example"').waitFor();
  });

  await ask("which pods have no address or a problem", async () => {
    const lost = LARGE.withoutAddress - LARGE.stopped;
    await needs(page).getByText(`${lost + 2} pods have a problem`).waitFor();
    // The worst and newest comes first.
    assertMatch(
      await needs(page).locator(".issue li").first().innerText(),
      /^invoices.worker.pdf\/1 killed for memory \d+ (s|min) ago, failed for /,
    );
    await main.getByRole("link", { name: `${lost} without an address` })
      .click();
    await main.getByText(`${lost} of 2,700 rows`).waitFor();
    const rows = page.getByRole("region", { name: "Pods" }).locator("tbody tr");
    assert(await rows.count() < 2 * lost);
    assertMatch(await rows.first().innerText(), /no address/);
  });

  await ask("which node is overloaded", async () => {
    await needs(page).getByText("memory: 151 of 8 GB").waitFor();
    await page.getByRole("combobox", { name: "order" }).selectOption(
      "reserved",
    );
    const first = page.locator(".node h3").first();
    await becomes("the first", () => first.innerText(), LARGE.crowded.node);
  });

  await ask("who listens and is behind", async () => {
    await main.getByRole("link", { name: "listeners" }).click();
    const rows = page.getByRole("region", { name: "Listeners", exact: true })
      .locator("tbody tr").filter({ hasText: "/v2/overview" });
    // As it was before it was reloaded the page may be there for a while.
    await becomes(
      "who follows the overview",
      () => rows.locator(".mark").allInnerTexts(),
      ["up to date"],
    );
  });

  await ask("is it stale", async () => {
    await page.getByRole("status").getByText("Up to date", { exact: true })
      .waitFor();
    await main.getByText("group has fewer pods than wanted").waitFor();
  });

  await t.step("of 2,700 rows only the visible ones are drawn", async () => {
    await page.goto(`${lainlet.url}/#/pods?sort=node`);
    const table = page.getByRole("region", { name: "Pods" });
    await table.getByText("2,700 rows").waitFor();
    const rows = table.locator("tbody tr:not(.space)");
    assert(await rows.count() < 200);
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    await rows.filter({ hasText: "node60" }).first().waitFor();
    assert(await rows.count() < 200);
    const head: unknown = await page.evaluate(
      `(() => { const { top } = document.querySelector("thead th").getBoundingClientRect(); return top >= 0 && top < innerHeight / 2; })()`,
    );
    assertEquals(head, true);
  });
  assertEquals(problems, []);

  await t.step(
    "print shows all rows, and problems by their shape",
    async () => {
      const { page, problems } = await browser.open(`${lainlet.url}/#/pods`, {
        colorScheme: "dark",
        viewport: PAPER,
      });
      const rows = page.locator("tbody tr:not(.space)");
      await page.getByText("2,700 rows").waitFor();
      assert(await rows.count() < 200);
      await page.emulateMedia({ media: "print" });
      await eventually(
        "all rows are there",
        async () => await rows.count() === LARGE.containers || undefined,
      );
      const cut = () =>
        page.evaluate(
          `[...document.querySelectorAll("main *, .brand")].filter((one) =>
          getComputedStyle(one).overflow === "hidden" && one.scrollWidth > one.clientWidth
        ).map((one) => one.textContent)`,
        );
      assertEquals(await cut(), []);
      // No cell stands over the next one, and no word of a heading is broken.
      assertEquals(
        await page.evaluate(
          `[...document.querySelectorAll("th, td")].filter((cell) =>
          cell.scrollWidth > cell.clientWidth).map((cell) => cell.innerText)`,
        ),
        [],
      );
      assertEquals(
        await page.evaluate(
          `[...document.querySelectorAll(".sort")].flatMap(({ firstChild }) =>
          [...firstChild.data.matchAll(/\\w+/g)].filter(({ 0: word, index }) => {
            const range = document.createRange();
            range.setStart(firstChild, index);
            range.setEnd(firstChild, index + word.length);
            return range.getClientRects().length > 1;
          }).map(([word]) => word))`,
        ),
        [],
      );
      const marks: unknown = await page.evaluate(
        `Object.entries(Object.groupBy(document.querySelectorAll(".mark"), (one) =>
        getComputedStyle(one, "::before").content
      )).map(([shape, { length }]) => [shape, length]).sort()`,
      );
      // One was killed, and one is in drift.
      const lost = LARGE.withoutAddress - LARGE.stopped + 2;
      assertEquals(marks, [
        ['"□"', LARGE.stopped],
        ['"▲"', lost],
        ['"●"', LARGE.containers - LARGE.stopped - lost],
      ]);
      await page.goto(`${lainlet.url}/#/`);
      await needs(page).waitFor();
      assertEquals(await cut(), []);
      const cells: unknown = await page.evaluate(
        `[...document.querySelectorAll(".map .cell")].filter((one) =>
        getComputedStyle(one, "::before").content === '"▲"').length`,
      );
      assertEquals(cells, lost);
      // Dark text on white, whatever the screen has.
      assertEquals(
        await page.evaluate("getComputedStyle(document.body).backgroundColor"),
        "rgb(251, 251, 250)",
      );
      await page.emulateMedia({ media: "screen" });
      assertEquals(problems, []);
      await page.close();
    },
  );

  await t.step(
    "nothing is wider than a phone, and no view has a serious violation in forced colours",
    async () => {
      const { page, problems } = await browser.open(lainlet.url, {
        viewport: { width: 390, height: 800 },
        forcedColors: "active",
      });
      for (const [view, title] of VIEWS) {
        await visit(page, `${lainlet.url}/#/${view}`, title);
        const overflow: unknown = await page.evaluate(
          "document.documentElement.scrollWidth - innerWidth",
        );
        assert(Number(overflow) <= 0, `${view}: ${overflow} px too wide`);
        // Of the map's thousands of cells this would take minutes.
        if (view === "") continue;
        assertEquals([view, await violations(page)], [view, []]);
      }
      assertEquals(problems, []);
    },
  );
});

/** Views, and what is their heading. */
const VIEWS: readonly (readonly [view: string, title: string | RegExp])[] = [
  ["", "Cluster"],
  ["pods?state=oom", "Pods"],
  ["changes", "Changes"],
  ["lainlet", /^lainlet /],
  [`app/${LARGE.longName}`, LARGE.longName],
  [`node/${LARGE.crowded.node}`, LARGE.crowded.node],
];

/** A4, without its margins. */
const PAPER = { width: 718, height: 1047 };

function needs(page: Page) {
  return page.getByRole("region", { name: "Needs attention" });
}

Deno.test("dashboard of a store that is cut off: it is said at once, why by a click, and by one command", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.load(Object.fromEntries(content()));
  await using way = new Proxy(etcd.endpoint);
  await using lainlet = await LainletProcess.start("binary", [
    `--etcd=${way.addr}`,
    "--stale.after=2s",
  ]);
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/`);
  const status = page.getByRole("status");
  const said = async () => {
    await using program = new Program(TARGETS.binary[0], [
      "status",
      "-ojson",
      `--addr=${lainlet.url}`,
    ]);
    const { code } = await program.ended();
    return { code, ...JSON.parse(program.stdout) };
  };
  await status.getByText("Up to date", { exact: true }).waitFor();
  await page.getByRole("heading", { name: "No problems" }).waitFor();
  await becomes("that it is well", async () => (await said()).code, 0);

  way.fault = "silent";
  await status.getByText("Stale", { exact: true }).waitFor();
  const banner = page.locator(".banner");
  assertMatch(await banner.innerText(), /Last confirmed at \d\d:\d\d/);
  // It is said once, and not that all is well.
  const heading = page.getByRole("heading", { name: /problems$/ });
  assertEquals(await heading.allInnerTexts(), [
    "No known problems",
  ]);
  assertEquals(await page.locator(".issue").count(), 0);
  await page.getByRole("link", { name: "lainlet", exact: true }).click();
  await page.locator(".facts").getByText("Stale", { exact: true }).waitFor();
  // They are asked one after the other, and why it is may change meanwhile.
  await eventually("the page and the command say why", async () => {
    const { code, ready, reason } = await said();
    assertEquals([code, ready], [1, false]);
    const why = await page.locator("main p.bad").first().innerText();
    assert(reason.includes(why), `${reason} and not ${why}`);
    return true;
  });

  way.fault = "none";
  await status.getByText("Up to date", { exact: true }).waitFor();
  await becomes("that it is well", async () => (await said()).code, 0);
  assertEquals(problems, []);
});
