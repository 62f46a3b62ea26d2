/**
 * The pages of a pod and of a node, and keys, in a real browser.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { type Page, TestBrowser, violations } from "../util/browser.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { becomes, eventually } from "../util/process.ts";

const takeBrowser = TestBrowser.shared();

const NODE1 = { name: "node1", ip: "192.0.2.1" };
const NODE2 = { name: "node2", ip: "192.0.2.2" };

const ID = "6d3d458298d29b4c7bffdf39765d1335f08358eade8520c12e964bcdd1cbbf9d";

const SHOP: GroupSpec = {
  app: "shop",
  proc: "web.web",
  env: ["MODE=fast", "DB_PASSWORD=letmein", "CACHE=redis://:letmein@redis"],
  instances: [
    { node: NODE1, ip: "172.20.9.1", id: ID },
    { node: NODE1, ip: "172.20.9.2", id: "shop-2" },
    { node: NODE2, ip: "172.20.9.3", id: "shop-3" },
  ],
};

async function scene(view: string) {
  const stack = new AsyncDisposableStack();
  const store = new MemoryStore([
    [nodeKey(NODE1), nodeValue(NODE1)],
    [nodeKey(NODE2), nodeValue(NODE2)],
    [groupKey(SHOP), groupValue(SHOP)],
  ]);
  const lainlet = stack.use(new TestLainlet(store));
  await lainlet.ready();
  const browser = stack.use(takeBrowser());
  const { page, problems } = await browser.open(`${lainlet.url}/#/${view}`, {
    permissions: ["clipboard-read", "clipboard-write"],
  });
  return {
    store,
    url: lainlet.url,
    page,
    main: page.locator("main"),
    problems,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

/** The group with its first instance elsewhere. */
function moved(ip: string): GroupSpec {
  const [, ...others] = SHOP.instances;
  return { ...SHOP, instances: [{ node: NODE2, ip, id: "new" }, ...others] };
}

async function hasTitle(page: Page, name: string): Promise<void> {
  await page.locator("main")
    .getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

function clipboard(page: Page): Promise<unknown> {
  return page.evaluate("navigator.clipboard.readText()");
}

Deno.test("dashboard: a pod's page has its place, its container, its changes, its siblings and commands", async () => {
  await using s = await scene(`container/node1/${ID}`);
  const { main, page } = s;
  // The page of a container is that of its pod, whatever its id is.
  await hasTitle(page, "shop.web.web/1");
  await main.getByText("registry.lain.local/shop:release-1").waitFor();
  assertEquals(await violations(page), []);
  assertEquals(
    await page.getByRole("region", { name: "Other pods of shop.web.web" })
      .locator("tbody a").allInnerTexts(),
    ["shop.web.web/2", "node1", "shop.web.web/3", "node2"],
  );
  const text = await main.innerText();
  assertEquals(text.includes("letmein"), false);
  await main.getByText("MODE", { exact: true }).waitFor();
  await main.getByRole("button", { name: "Show DB_PASSWORD" }).click();
  await main.getByText("letmein", { exact: true }).waitFor();

  for (
    const text of [
      "172.20.9.1:8080",
      "192.0.2.1",
      ID,
      "registry.lain.local/shop:release-1",
      "lainlet find shop.web.web/1",
      `curl -s '${s.url}/v2/pods?appname=shop'`,
    ]
  ) {
    await main.getByRole("button", { name: `Copy ${text}`, exact: true })
      .click();
    await becomes("what was copied", () => clipboard(page), text);
  }

  // It stays with the pod when that moves, and says so.
  await page.goto(`${s.url}/#/pod/shop/shop.web.web/1`);
  await hasTitle(page, "shop.web.web/1");
  s.store.put(groupKey(SHOP), groupValue(moved("172.20.9.9")));
  await main.getByText("172.20.9.9:8080").waitFor();
  await main.getByText("instance 1 moved from node1 to node2").waitFor();
  // A change of another pod is not shown here.
  const [first, ...others] = moved("172.20.9.9").instances;
  if (first === undefined) throw new Error("no instance");
  s.store.put(
    groupKey(SHOP),
    groupValue({
      ...SHOP,
      env: ["MODE=fast", "DB_PASSWORD=n3w"],
      instances: [first, ...others.map((one) => ({ ...one, restarts: 3 }))],
    }),
  );
  const changes = main.locator(".changes > li");
  await changes.filter({ hasText: "environment" }).waitFor();
  assertEquals(await changes.filter({ hasText: "moved" }).count(), 1);
  // What differs has no secret.
  await changes.filter({ hasText: "environment" }).locator("summary").click();
  await changes.getByText("DB_PASSWORD=(secret)").first().waitFor();
  assertEquals((await main.innerText()).includes("n3w"), false);

  s.store.delete(groupKey(SHOP));
  await main.getByText('No pod named "shop.web.web/1".').waitFor();
  await main.getByText(/^Removed at /).waitFor();
  await main.locator("pre", { hasText: "DB_PASSWORD=(secret)" }).first()
    .waitFor();
  assertEquals((await main.innerText()).includes("n3w"), false);
  assertEquals(s.problems, []);
});

Deno.test("dashboard: a node's page begins with what moved there and away", async () => {
  await using s = await scene("node/node1");
  const { page } = s;
  await hasTitle(page, "node1");
  s.store.put(groupKey(SHOP), groupValue(moved("172.20.9.9")));
  const rows = (node: string) =>
    page.getByRole("region", { name: `Pods that moved to or from ${node}` })
      .locator("tbody tr").evaluateAll((rows) =>
        rows.map((row) =>
          [...Object(row).cells].slice(0, 2).map((cell) => cell.innerText)
        )
      );
  await becomes("who left", () => rows("node1"), [
    ["shop.web.web/1", "away to node2"],
  ]);
  const [first] = await page.locator("main h2").allInnerTexts();
  assertEquals(first, "Moved in the last hour");
  await page.evaluate('location.hash = "#/node/node2"');
  await hasTitle(page, "node2");
  await becomes("who came", () => rows("node2"), [
    ["shop.web.web/1", "here from node1"],
  ]);
  s.store.put(groupKey(SHOP), groupValue(SHOP));
  await becomes("who came and left, the newest first", () => rows("node2"), [
    ["shop.web.web/1", "away to node1"],
    ["shop.web.web/1", "here from node1"],
  ]);
  assertEquals(s.problems, []);
});

Deno.test("dashboard: keys go to views, through rows, copy, and are shown", async () => {
  await using s = await scene("");
  const { page } = s;
  const { keyboard } = page;
  const press = async (...keys: string[]) => {
    for (const key of keys) await keyboard.press(key);
  };
  await hasTitle(page, "Cluster");
  for (
    const [key, title] of [
      ["a", "Apps"],
      ["n", "Nodes"],
      ["h", "Changes"],
      ["s", "Config"],
      ["c", "Cluster"],
      ["p", "Pods"],
    ] as const
  ) {
    await press("g", key);
    await hasTitle(page, title);
  }
  const focused = () =>
    page.evaluate("document.activeElement.textContent").then(String);
  await press("j");
  assertEquals(await focused(), "shop.web.web/1");
  await press("j", "j", "k");
  assertEquals(await focused(), "shop.web.web/2");
  // What has the focus is seen.
  assertEquals(
    await page.evaluate(
      `getComputedStyle(document.activeElement).outlineStyle`,
    ),
    "solid",
  );
  await press(".");
  await becomes("what was copied", () => clipboard(page), "172.20.9.2:8080");
  await press("k", "k");
  assertEquals(await focused(), "shop.web.web/1");
  await press("j", "Enter");
  await hasTitle(page, "shop.web.web/2");
  await press(".");
  await becomes("what was copied", () => clipboard(page), "172.20.9.2:8080");

  // Where somebody types, and with a modifier, they are not for the page.
  await press("g", "p");
  await hasTitle(page, "Pods");
  const filter = page.getByRole("combobox", { name: "node", exact: true });
  await filter.focus();
  await press("g", "a", "?", "j", ".");
  assertEquals(await filter.inputValue(), "ga?j.");
  await hasTitle(page, "Pods");
  await filter.fill("");
  await page.evaluate("document.activeElement.blur()");
  await press("g", "Control+a", "Alt+j", "Control+.");
  await hasTitle(page, "Pods");
  assertEquals(await page.evaluate("document.activeElement.id"), "");

  const dialog = page.getByRole("dialog", { name: "Keys" });
  await press("?");
  await dialog.getByText("Changes").waitFor();
  assertEquals(await violations(page), []);
  // In the dialog they are not for the page behind it.
  await press("g", "a");
  await hasTitle(page, "Pods");
  await press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Keys" }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
  await dialog.waitFor({ state: "hidden" });
  await eventually(
    "the page has the keys again",
    async () => {
      await press("g", "l");
      return await page.locator("h1", { hasText: "lainlet" }).count() === 1 ||
        undefined;
    },
  );
  assertEquals(s.problems, []);
});
