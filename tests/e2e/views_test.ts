/**
 * How the dashboard's views lie on the page.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { LARGE, largeCluster } from "../fixtures/large_cluster.ts";
import { TestBrowser, visit } from "../util/browser.ts";
import { TestLainlet } from "../util/lainlet.ts";

const takeBrowser = TestBrowser.shared();

Deno.test("views: the cards of problems leave no gap on the page", async () => {
  const store = new MemoryStore(largeCluster(Date.now()));
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/`, {
    viewport: { width: 1200, height: 800 },
  });
  const cards = page.locator(".issue");
  await cards.nth(2).waitFor();
  const [pods, groups, nodes] = await Promise.all(
    [0, 1, 2].map((i) => cards.nth(i).boundingBox()),
  );
  assert(pods && groups && nodes);
  assertEquals([groups.y, groups.x], [pods.y, nodes.x]);
  assert(groups.x > pods.x + pods.width);
  assert(nodes.y + nodes.height < pods.y + pods.height);
  assertEquals(problems, []);
});

Deno.test("views: one thing's page is in the view that lists it", async () => {
  const store = new MemoryStore(largeCluster(Date.now()));
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page } = await browser.open(`${lainlet.url}/`);
  const { app } = LARGE.crashed;
  const { node } = LARGE.crowded;
  for (
    const [view, title, tab, current] of [
      ["apps", "Apps", "Apps", "page"],
      [`app/${app}`, app, "Apps", "true"],
      [`node/${node}`, node, "Nodes", "true"],
    ] as const
  ) {
    await visit(page, `${lainlet.url}/#/${view}`, title);
    const marked = page.locator("nav [aria-current]");
    assertEquals(await marked.allInnerTexts(), [tab]);
    assertEquals(await marked.getAttribute("aria-current"), current);
  }
});
