/**
 * Ways through the dashboard, on a cluster of 60 nodes: Back and its place,
 * and keys.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { LARGE, largeCluster } from "../fixtures/large_cluster.ts";
import { type Page, TestBrowser, violations } from "../util/browser.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { becomes, eventually } from "../util/process.ts";

const takeBrowser = TestBrowser.shared();

const store = new MemoryStore(largeCluster(Date.now()));

/** Views that are longer than a window, and a heading of each. */
const LONG_VIEWS: readonly (readonly [view: string, title: string])[] = [
  ["", "Cluster"],
  ["apps", "Apps"],
  ["pods?sort=node", "Pods"],
  ["nodes", "Nodes"],
  [`node/${LARGE.crowded.node}`, LARGE.crowded.node],
  ["app/shop", "shop"],
  ["changes", "Changes"],
  ["config", "Config"],
  ["lainlet", "lainlet"],
  ["search?q=node1", "Search"],
];

Deno.test("dashboard: Back returns to the place that was left", async (t) => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  for (let i = 0; i < 150; i++) store.put("/lain/config/motd", `${i}`);
  const { page, problems } = await browser.open(`${lainlet.url}/`, {
    viewport: { width: 1280, height: 500 },
  });
  const heading = (name: string | RegExp) =>
    page.locator("main").getByRole("heading", { level: 1, name }).waitFor();
  const scrolled = () => page.evaluate("Math.round(scrollY)");
  /** Scrolls to a share of the page, when all of it is there. */
  const scroll = async (share: number) => {
    await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
    await page.evaluate(
      `scrollTo(0, ${share} * (document.body.scrollHeight - innerHeight))`,
    );
    return await scrolled();
  };

  for (const [view, title] of LONG_VIEWS) {
    await t.step(view || "cluster", async () => {
      await page.evaluate(`location.hash = "#/${view}"`);
      await heading(new RegExp(`^${title}`));
      if (view === "changes") {
        await page.getByRole("button", { name: /^Show \d+ older/ }).click();
      }
      const place = await scroll(0.8);
      await page.evaluate(`location.hash = "#/app/tinydns"`);
      await heading("tinydns");
      assertEquals(await scrolled(), 0);
      await page.goBack();
      await heading(new RegExp(`^${title}`));
      // What loads above it does not move it.
      await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
      await becomes("the place", scrolled, place);
    });
  }

  await t.step("to a row far down, which has the focus", async () => {
    await page.evaluate(`location.hash = "#/pods"`);
    await heading("Pods");
    await scroll(0.7);
    const table = page.getByRole("region", { name: "Pods" });
    // The first that is seen whole.
    const name = await eventually(
      "a row",
      async () =>
        await page.evaluate(`[...document.querySelectorAll("tbody a")].find(
        (one) => one.getBoundingClientRect().top > innerHeight / 2)?.textContent`)
          .then(String),
    );
    const place = await scrolled();
    await table.getByRole("link", { name, exact: true }).click();
    await page.locator("main h1").filter({ hasNotText: "Pods" }).waitFor();
    await page.goBack();
    await becomes("the place", scrolled, place);
    await becomes(
      "what has the focus",
      () => page.evaluate("document.activeElement.textContent"),
      name,
    );
  });

  await t.step("to the order of a table that has none in its URL", async () => {
    await page.evaluate(`location.hash = "#/node/${LARGE.crowded.node}"`);
    await heading(LARGE.crowded.node);
    const pods = page.getByRole("region", { name: /^Pods on/ });
    const first = () => pods.locator("tbody a").first().innerText();
    await pods.getByRole("button", { name: "address" }).click();
    await pods.getByRole("button", { name: "address" }).click();
    await becomes("the last by address", first, "thumbnails.worker.scale/14");
    await pods.locator("tbody a").first().click();
    await page.locator("main h1").filter({ hasNotText: /^node/ }).waitFor();
    await page.goBack();
    await heading(LARGE.crowded.node);
    await becomes("the last by address", first, "thumbnails.worker.scale/14");
  });

  await t.step("from a long table to a short one", async () => {
    await page.evaluate(`location.hash = "#/pods?state=bad"`);
    await rowCount(page, /^1\d\d of 2,700 rows/);
    await page.locator("nav").getByRole("link", { name: "Pods" }).click();
    await rowCount(page, "2,700 rows");
    await scroll(1);
    await page.locator("tbody").getByText("node").last().waitFor();
    await page.goBack();
    await rowCount(page, /^1\d\d of 2,700 rows/);
    await hasRows(page);
    await page.goForward();
    await rowCount(page, "2,700 rows");
    await hasRows(page);
  });
  assertEquals(problems, []);
});

Deno.test("dashboard: a table that is shortened and lengthened while it is scrolled has rows", async () => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/#/pods`);
  await rowCount(page, "2,700 rows");
  for (
    const [text, count] of [["jobs", /^[\d,]+ of 2,700/], [
      "",
      /^2,700/,
    ]] as const
  ) {
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    await page.locator("tbody tr.space").first().waitFor({ state: "attached" });
    // Without scrolling to the field, as a change of the cluster does.
    await page.evaluate(`(() => {
      const field = document.querySelector("[aria-label='Filter Pods']");
      field.value = "${text}";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    })()`);
    await rowCount(page, count);
    await hasRows(page);
  }
  assertEquals(problems, []);
});

Deno.test("dashboard: on a phone all views are in a line, and what is pressed is large enough; rows are of one height", async () => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  for (const width of [390, 900, 1280]) {
    const isPhone = width === 390;
    const { page, problems } = await browser.open(`${lainlet.url}/#/pods`, {
      viewport: { width, height: 800 },
      hasTouch: isPhone,
      isMobile: isPhone,
    });
    await rowCount(page, "2,700 rows");
    const heights: unknown = await page.evaluate(
      `[...new Set([...document.querySelectorAll("tbody tr:not(.space)")].map(
        (row) => row.getBoundingClientRect().height.toFixed(1)))].length`,
    );
    assertEquals([width, heights], [width, 1]);
    // No address is cut, where the hash of a version may be.
    assertEquals(
      await page.evaluate(
        `[...document.querySelectorAll("tbody td:nth-child(4)")]
          .filter((cell) => cell.scrollWidth > cell.clientWidth)
          .map((cell) => cell.innerText)`,
      ),
      [],
    );
    if (isPhone) {
      assertEquals(await violations(page, ["target-size"]), []);
      const tops: unknown = await page.evaluate(
        `[...new Set([...document.querySelectorAll("nav a")].map(
          (link) => link.offsetTop))].length`,
      );
      assertEquals(tops, 1);
      assertEquals(
        await page.evaluate(
          `[...document.querySelectorAll("nav a")].filter((link) => {
            const { left, right } = link.getBoundingClientRect();
            return left < 0 || right > innerWidth;
          }).length`,
        ),
        0,
      );
    }
    assertEquals(problems, []);
    await page.close();
  }
});

async function rowCount(page: Page, text: string | RegExp): Promise<void> {
  await page.getByRole("region", { name: "Pods" }).getByText(text).waitFor();
}

/** Waits until rows are in the visible part of the page. */
async function hasRows(page: Page): Promise<void> {
  await eventually("rows are seen", async () =>
    Number(
        await page.evaluate(
          `[...document.querySelectorAll("tbody tr:not(.space)")].filter((row) => {
          const { bottom, top } = row.getBoundingClientRect();
          return bottom > 0 && top < innerHeight;
        }).length`,
        ),
      ) > 3 || undefined);
}
