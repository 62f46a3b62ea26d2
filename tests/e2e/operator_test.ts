/**
 * What brings an operator to the dashboard, on a cluster of 60 nodes: each
 * question is answered in at most two clicks from the first page.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { LARGE, largeCluster } from "../../scripts/large_cluster.ts";
import { type Page, TestBrowser, violations } from "../util/browser.ts";
import { TestLainlet } from "../util/lainlet.ts";

const store = new MemoryStore(largeCluster(Date.now()));

/** A lainlet and a browser for all steps; each begins at the first page. */
Deno.test("dashboard of 60 nodes: six questions in at most two clicks", async (t) => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = await TestBrowser.launch();
  const { page, problems } = await browser.open(`${lainlet.url}/`);
  const ask = (question: string, answer: () => Promise<void>) =>
    t.step(question, async () => {
      await page.goto(`${lainlet.url}/#/`);
      await needs(page).waitFor();
      await answer();
    });
  const main = page.locator("main");

  await ask("where is my app", async () => {
    await page.getByRole("combobox", { name: "Show app" }).fill("shop");
    await main.getByText("24 pods on 24 nodes").waitFor();
    const seen: unknown = await page.evaluate(
      `[...document.querySelectorAll(".map .cell")].filter((cell) => getComputedStyle(cell).opacity === "1").map((cell) => cell.dataset.app)`,
    );
    assertEquals(seen, Array(24).fill("shop"));
    await page.reload();
    await main.getByText("24 pods on 24 nodes").waitFor();
    await main.getByRole("link", { name: "shop", exact: true }).click();
    await page.getByRole("region", { name: "Pods of shop.web.web" })
      .getByText("24 rows").waitFor();
  });

  await ask("what changed in five minutes", async () => {
    store.put("/lain/config/domain", "new.example");
    await main.getByRole("link", { name: /changed in the last 5/ }).click();
    await main.getByText('domain: "lain.example" → "new.example"').waitFor();
  });

  await ask("which pods have no address or are not well", async () => {
    const lost = LARGE.withoutAddress - LARGE.stopped;
    await needs(page).getByText(`${lost + 1} pods are not well`).waitFor();
    await needs(page).getByText("killed for memory, failed, unhealthy")
      .waitFor();
    await main.getByRole("link", { name: `${lost} without an address` })
      .click();
    await main.getByText(`${lost} of 2,700 rows`).waitFor();
    const rows = page.getByRole("region", { name: "Pods" }).locator("tbody tr");
    assert(await rows.count() < 2 * lost);
    assertMatch(await rows.first().innerText(), /no address/);
  });

  await ask("which node is overloaded", async () => {
    await needs(page).getByText("memory: 151 of 8 GB").waitFor();
    await page.getByLabel("Nodes by").selectOption("load");
    const first = page.locator(".node h3").first();
    assertEquals(await first.innerText(), LARGE.crowded.node);
  });

  await ask("who listens and is behind", async () => {
    await main.getByRole("link", { name: "who listens" }).click();
    const row = page.getByRole("region", { name: "Listeners", exact: true })
      .locator("tbody tr").filter({ hasText: "/v2/overview" });
    await row.getByText("up to date").waitFor();
  });

  await ask("is it stale", async () => {
    await page.getByRole("status").getByText("in step", { exact: true })
      .waitFor();
    await main.getByText("group has fewer instances than asked for").waitFor();
  });

  await t.step("of 2,700 rows those are drawn that are seen", async () => {
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
    "nothing is wider than a phone, and no view has a serious violation in forced colours",
    async () => {
      const { page, problems } = await browser.open(lainlet.url, {
        viewport: { width: 390, height: 800 },
        forcedColors: "active",
      });
      for (const view of ["", ...VIEWS]) {
        await page.goto(`${lainlet.url}/#/${view}`);
        await page.locator("h1").waitFor();
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

const VIEWS = [
  "pods?state=oom",
  "changes",
  "lainlet",
  `app/${LARGE.longName}`,
  `node/${LARGE.crowded.node}`,
];

function needs(page: Page) {
  return page.getByRole("region", { name: "What needs you" });
}
