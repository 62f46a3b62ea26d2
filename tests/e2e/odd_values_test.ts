/**
 * The dashboard over values that are odd, and with a view that fails.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  dependsKey,
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
  portalsValue,
} from "../../scripts/cluster.ts";
import { TestBrowser, violations, visit } from "../util/browser.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { nested } from "../util/example.ts";
import { becomes } from "../util/process.ts";

const takeBrowser = TestBrowser.shared();

const LONE = "\ud800";
const node = { name: "node1", ip: "192.0.2.1" };
const shop = (instances = 1) => ({
  app: "shop",
  proc: "web.web",
  instances: Array.from({ length: instances }, (_, i) => ({
    node,
    ip: `172.20.0.${i + 1}`,
    id: `shop-${i + 1}`,
    updated: "2026-01-15T12:00:00Z",
  })),
});

function content(): [string, string][] {
  return [
    [nodeKey(node), nodeValue(node)],
    [groupKey(shop()), groupValue(shop())],
  ];
}

Deno.test("dashboard: names with lone surrogates break no view", async () => {
  const odd = { name: `x${LONE}`, ip: "192.0.2.2" };
  const group = {
    app: "odd",
    proc: "web.web",
    annotation: { mountpoint: [`odd${LONE}/`] },
    version: `1${LONE}`,
    instances: [{ node: odd, ip: "172.20.1.1", id: `id${LONE}` }],
  };
  const store = new MemoryStore([
    ...content(),
    [groupKey(group), groupValue(group)],
    [
      dependsKey("shop.portal.portal-shop"),
      portalsValue([{ node: odd, app: `for${LONE}`, ip: "172.20.1.2" }]),
    ],
    ["/lain/config/odd", JSON.stringify({ [LONE]: LONE })],
  ]);
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/#/`);
  const status = page.getByRole("status");
  const at = (path: string, title: string) =>
    visit(page, `${lainlet.url}/#/${path}`, title);
  await status.getByText("Up to date", { exact: true }).waitFor();
  for (
    const [path, title] of [
      ["", "Cluster"],
      ["apps", "Apps"],
      ["pods", "Pods"],
      ["nodes", "Nodes"],
      ["config", "Config"],
      ["lainlet", /^lainlet /],
      ["search?q=odd", "Search"],
      [`search?q=${encodeURIComponent("\ufffd")}`, "Search"],
      ["app/odd", "odd"],
      ["changes", "Changes"],
    ] as const
  ) {
    await visit(page, `${lainlet.url}/#/${path}`, title);
  }
  // Links lead to what they name.
  await at("pods", "Pods");
  const main = page.locator("main");
  await main.getByRole("link", { name: "x\ufffd" }).click();
  await main.getByRole("heading", { level: 1, name: "x\ufffd" }).waitFor();
  await main.getByText("for\ufffd").waitFor();
  await main.getByRole("link", { name: "odd.web.web/1" }).click();
  await main.getByRole("heading", { level: 1, name: "odd.web.web/1" })
    .waitFor();
  await main.getByText("id\ufffd").first().waitFor();
  // A change is shown, too.
  await at("changes", "Changes");
  const moved = { ...group, instances: [{ node, ip: "", id: `id2${LONE}` }] };
  store.put(groupKey(moved), groupValue(moved));
  const change = main.locator(".changes li")
    .filter({ hasText: /moved from x. to node1/ });
  await change.waitFor();
  await change.locator("summary").click();
  await main.locator(".diff").first().waitFor();
  assertEquals(await status.innerText(), "Up to date");
  assertEquals(problems, []);
});

Deno.test("dashboard: a value that is nested too deep is named, and everything else is shown", async () => {
  const store = new MemoryStore(content());
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/#/`);
  const deep = `/lain/nodes/nodes/deep:192.0.2.3:22`;
  store.put(deep, nested(502));
  // Text may be anything.
  store.put("/lain/config/deep", nested(100_000));
  store.put("/lain/config/deep", nested(100_001));
  store.put("/lain/config/less", nested(3_000));
  await page.getByText("1 invalid value ignored").waitFor();
  await page.getByText("the value is nested deeper than 200").waitFor();
  await visit(page, `${lainlet.url}/#/config`, "Config");
  // Laid out, each level would indent all that are within it: megabytes.
  const { length } = await page.locator("main").innerText();
  assert(length > 200_000 && length < 250_000, `${length} characters`);
  await visit(page, `${lainlet.url}/#/changes`, "Changes");
  const config = page.locator(".changes li").filter({ hasText: "→" });
  await config.locator("summary").click();
  await config.locator(".diff").waitFor();
  await visit(page, `${lainlet.url}/#/nodes`, "Nodes");
  await page.locator("main").getByRole("link", { name: "node1" }).waitFor();
  assertEquals(await page.getByRole("status").innerText(), "Up to date");
  assertEquals(problems, []);
});

Deno.test("dashboard: a view that fails says so, takes nothing down with it, and comes back", async () => {
  const store = new MemoryStore(content());
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/#/pods`);
  const status = page.getByRole("status");
  const main = page.locator("main");
  const says = (words: string) => status.getByText(words, { exact: true });
  await says("Up to date").waitFor();
  await visit(page, `${lainlet.url}/#/pods`, "Pods");
  // Each row says when it changed, by this.
  await page.evaluate(`
    window.whole = Date.prototype.toLocaleString;
    window.calls = 0;
    Date.prototype.toLocaleString = () => {
      calls++;
      throw new Error("no such time");
    };
  `);
  store.put(groupKey(shop(2)), groupValue(shop(2)));
  const failed = main.getByRole("heading", { name: "cannot be shown" });
  await failed.waitFor();
  assertStringIncludes(await main.innerText(), "no such time");
  await says("View failed").waitFor();
  await becomes(
    "the title",
    async () => (await page.title()).startsWith("(!) pods"),
    true,
  );
  assertEquals(await violations(page), []);
  // It is nothing else, and nothing of the view is left.
  assertEquals(await main.locator("table").count(), 0);
  const said: string[] = [];
  await page.exposeFunction("say", (text: string) => said.push(text));
  await page.evaluate(`new MutationObserver(() => {
    say(document.querySelector("[role=status]").innerText);
  }).observe(document.querySelector("[role=status]"), {
    characterData: true, childList: true, subtree: true,
  })`);
  // It is tried again with each state, each second, but without an announcement.
  const tries = async () => Number(await page.evaluate("calls"));
  const before = await tries();
  await becomes("it is tried again", async () => await tries() > before, true);
  assertEquals([said, problems.length], [[], 1]);
  assertEquals(await failed.count(), 1);
  // A new view begins with it, too.
  await page.getByRole("link", { name: "Apps" }).click();
  await main.getByRole("heading", { name: "Apps" }).waitFor();
  await says("Up to date").waitFor();
  await page.getByRole("link", { name: "shop", exact: true }).click();
  await failed.waitFor();
  await says("View failed").waitFor();
  await page.getByRole("link", { name: "Nodes" }).click();
  await main.getByRole("link", { name: "node1" }).waitFor();
  await says("Up to date").waitFor();
  await page.getByRole("link", { name: "Pods" }).click();
  await failed.waitFor();
  await page.evaluate("Date.prototype.toLocaleString = window.whole");
  await main.getByText("shop.web.web/2").waitFor();
  await says("Up to date").waitFor();
  assertEquals(await failed.count(), 0);
  // What a view does once it is drawn may fail, too.
  await page.evaluate(`
    window.whole = CSSStyleSheet.prototype.replaceSync;
    CSSStyleSheet.prototype.replaceSync = () => { throw new Error("no such time"); };
  `);
  await page.getByRole("link", { name: "Cluster" }).click();
  await failed.waitFor();
  await says("View failed").waitFor();
  await page.evaluate("CSSStyleSheet.prototype.replaceSync = window.whole");
  await main.getByRole("heading", { name: "Cluster" }).waitFor();
  await says("Up to date").waitFor();
  assert(problems.every((text) => text.includes("no such time")));
});

Deno.test("dashboard: an unreadable state is reported as such, not as a lost connection", async () => {
  await using lainlet = await new TestLainlet(new MemoryStore(content()))
    .ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(lainlet.url);
  // What the worker of all windows asks for cannot be replaced.
  await page.addInitScript("delete globalThis.SharedWorker");
  let asked = 0;
  await page.route("**/v2/overview?*", (route) => {
    asked++;
    const isStream = route.request().url().includes("watch=");
    route.fulfill({
      contentType: isStream ? "text/event-stream" : "application/json",
      body: isStream
        ? `id: 1\nevent: init\ndata: ${nested(501)}\n\n`
        : nested(501),
    });
  });
  await page.reload();
  const reason = page.locator("main").getByText(
    "the response cannot be read: it is nested deeper than 500",
  );
  await reason.waitFor();
  await becomes("it asks again", () => asked > 1, true);
  await reason.waitFor();
  const status = page.getByRole("status");
  assertEquals(await status.innerText(), "Connecting");
  await page.unroute("**/v2/overview?*");
  await status.getByText("Up to date", { exact: true }).waitFor();
  assertEquals(problems, []);
});
