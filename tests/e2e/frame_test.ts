/**
 * What stands around the dashboard's views, in a real browser: where one is,
 * whether it is true, and that going from view to view is as going from page
 * to page.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  dependsKey,
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { type Page, TestBrowser, violations, visit } from "../util/browser.ts";
import { GOLDEN_HOST, TestLainlet } from "../util/lainlet.ts";
import { becomes, eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";

const takeBrowser = TestBrowser.shared();

const NODES = Array.from({ length: 30 }, (_, i) => ({
  name: `node${i + 1}`,
  ip: `192.0.2.${i + 1}`,
}));

/** A store of which it can be said how old it is; it gets older from then on. */
class AgedStore extends MemoryStore {
  #confirmed?: number;
  /** @param ms 0: it is current from now on */
  set old(ms: number) {
    this.#confirmed = ms === 0 ? undefined : performance.now() - ms;
  }
  override age(): number {
    return this.#confirmed === undefined
      ? 0
      : performance.now() - this.#confirmed;
  }
}

function content(): [string, string][] {
  const groups = Array.from({ length: 60 }, (_, i) => ({
    app: `app${i + 1}`,
    proc: "web.web",
    annotation: { mountpoint: [`app${i + 1}.example/`] },
    instances: [{
      node: NODES[i % NODES.length] ?? NODES[0]!,
      ip: `172.20.1.${i + 1}`,
      id: `container-${i + 1}`,
    }],
  }));
  return [
    ["/lain/config/domain", "lain.example"],
    ...NODES.map((node): [string, string] => [nodeKey(node), nodeValue(node)]),
    ...groups.map((one): [string, string] => [groupKey(one), groupValue(one)]),
  ];
}

/** A lainlet, a way to it that can fail, and a browser. */
async function scene() {
  const stack = new AsyncDisposableStack();
  const store = new AgedStore(content());
  const lainlet = stack.use(new TestLainlet(store));
  await lainlet.ready();
  const proxy = stack.use(new Proxy(lainlet.url));
  const browser = stack.use(takeBrowser());
  return {
    store,
    proxy,
    browser,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

const PHONE = { width: 390, height: 800 };

const hashOf = (page: Page) => new URL(page.url()).hash;
const y = async (page: Page) => Number(await page.evaluate("scrollY"));

/**
 * The view that is there: its name is in the title when it is drawn, and keys
 * are for it; in the URL it is before.
 */
const viewOf = async (page: Page) => (await page.title()).split(" · ")[0] ?? "";

Deno.test("frame: it names the host and the domain, and says when what is shown is old", async (t) => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.proxy.url}/#/lainlet`);
  const status = page.getByRole("status");
  const banner = page.locator(".banner");
  const iconOf = () => page.locator("link[rel=icon]").getAttribute("href");
  const said: string[] = [];
  await page.exposeFunction("say", (text: string) => said.push(text));
  await status.getByText("Up to date", { exact: true }).waitFor();
  await page.evaluate(`new MutationObserver(() => {
    say(document.querySelector("[role=status]").innerText);
  }).observe(document.querySelector("[role=status]"), {
    characterData: true, childList: true, subtree: true,
  })`);
  // Title and icon are set after the page is drawn, the icon last.
  const becomesTitled = (title: string) =>
    becomes("the title", () => page.title(), title);
  let good: string | null = null;
  await t.step("current", async () => {
    await page.locator(".brand").getByText(GOLDEN_HOST.hostname).waitFor();
    await page.locator(".brand").getByText("lain.example").waitFor();
    await becomesTitled("lainlet · node1 · lain.example");
    assertEquals(await banner.count(), 0);
    good = await iconOf();
    assert(good?.startsWith("data:image/svg+xml,"));
  });

  const old = async (words: string) => {
    await status.getByText(words, { exact: true }).waitFor();
    await banner.waitFor();
    await becomesTitled("(!) lainlet · node1 · lain.example");
    assert(await iconOf() !== good);
    // Nowhere is it said that all is well, and what is shown is dimmed.
    assertEquals(await page.getByText(/Up to date/).count(), 0);
    const opacity: unknown = await page.evaluate(
      "getComputedStyle(document.querySelector('main')).opacity",
    );
    assert(Number(opacity) < 0.9, `${opacity}`);
    assertEquals(await violations(page), []);
    // Its age counts, and in view it stays.
    const age = await banner.locator(".age").innerText();
    await banner.locator(".age").getByText(age, { exact: true })
      .waitFor({ state: "detached" });
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)");
    const top = (await banner.boundingBox())?.y ?? -1;
    assert(top >= 0 && top < 200, `${top}`);
  };
  const isGoodAgain = async () => {
    await status.getByText("Up to date", { exact: true }).waitFor();
    await banner.waitFor({ state: "detached" });
    await becomesTitled("lainlet · node1 · lain.example");
    assertEquals(await iconOf(), good);
  };
  await t.step("the store is unreachable", async () => {
    s.store.old = 45_000;
    await old("Stale");
    assertStringIncludes(
      await banner.innerText(),
      "This may be out of date: ",
    );
    s.store.old = 0;
    await isGoodAgain();
  });
  await t.step("lainlet is away", async () => {
    s.proxy.fault = "cut";
    await old("No connection");
    await page.setViewportSize(PHONE);
    await old("No connection");
    s.proxy.fault = "none";
    await isGoodAgain();
  });
  await t.step("lainlet says nothing", async () => {
    s.proxy.fault = "silent";
    await banner.getByText("nothing came for 10 s").waitFor();
    s.proxy.fault = "cut";
    s.proxy.fault = "none";
    await isGoodAgain();
  });
  // Each change was announced to screen readers, and nothing else.
  await becomes("what was said", () => said, [
    "Stale",
    "Up to date",
    "No connection",
    "Up to date",
    "No connection",
    "Up to date",
  ]);
  assertEquals(problems, []);
});

Deno.test("frame: a view begins at its top, Back is where one was, a reload shows the same", async (t) => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.proxy.url}/#/`, {
    viewport: { width: 900, height: 400 },
  });
  const at = (hash: string, top: number) => {
    const names = hash.split("/").slice(1);
    return becomes("where one is", async () => {
      const title = (await page.title()).split(" · ");
      return [hashOf(page), await y(page), ...title.slice(0, names.length)];
    }, [hash, top, ...names]);
  };
  const main = page.locator("main");
  const focused = () => page.evaluate("document.activeElement.outerHTML");
  await page.getByText("Up to date", { exact: true }).waitFor();
  await t.step("a click, and back", async () => {
    await page.getByRole("link", { name: "Apps", exact: true }).click();
    const link = main.getByRole("link", { name: "app40", exact: true });
    await page.getByRole("region", { name: "Apps", exact: true }).waitFor();
    // Of a long table only what is seen is drawn.
    await page.evaluate(
      "scrollTo(0, document.documentElement.scrollHeight / 2)",
    );
    await link.scrollIntoViewIfNeeded();
    const left = await y(page);
    assert(left > 100, `${left}`);
    await link.click();
    await at("#/app/app40", 0);
    assertStringIncludes(String(await focused()), 'id="main"');
    await page.goBack();
    await at("#/apps", left);
    assertStringIncludes(String(await focused()), ">app40<");
    await page.reload();
    await at("#/apps", left);
    await page.goForward();
    await at("#/app/app40", 0);
  });
  await t.step("ten steps, back and forward", async () => {
    const hashes = [hashOf(page)];
    for (let i = 1; i <= 10; i++) {
      await page.evaluate(`location.hash = "#/node/node${i}"`);
      await main.getByRole("heading", { name: `node${i}`, exact: true })
        .waitFor();
      hashes.push(hashOf(page));
    }
    for (const hash of hashes.toReversed().slice(1)) {
      await page.goBack();
      await at(hash, 0);
    }
    for (const hash of hashes.slice(1)) {
      await page.goForward();
      await at(hash, 0);
    }
    await main.getByText(/^Loading/).waitFor({ state: "detached" });
    const before = await main.innerText();
    await page.reload();
    await becomes("the same", () => main.innerText(), before);
  });
  assertEquals(problems, []);
});

Deno.test("frame: the search is a separate step, and works with the keyboard only", async () => {
  await using s = await scene();
  const { page, problems } = await s.browser.open(`${s.proxy.url}/#/apps`);
  await page.getByText("Up to date", { exact: true }).waitFor();
  const main = page.locator("main");
  const focused = () => page.evaluate("document.activeElement.textContent");
  await page.keyboard.press("/");
  await page.keyboard.type("app1");
  await main.getByRole("heading", { name: "Apps (11)" }).waitFor();
  assertEquals(hashOf(page), "#/search?q=app1");
  await becomes("whom keys are for", () => viewOf(page), "search");
  // The likeliest is first.
  await page.keyboard.press("ArrowDown");
  assertEquals(await focused(), "app1");
  await page.keyboard.press("ArrowDown");
  assertEquals(await focused(), "app10");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assertEquals(await page.evaluate("document.activeElement.id"), "search");
  await page.keyboard.press("Enter");
  await main.getByRole("heading", { name: "app1", exact: true }).waitFor();
  assertEquals(hashOf(page), "#/app/app1");
  // One step back are the results, whatever was typed, and one more is what was before.
  await page.goBack();
  await main.getByRole("heading", { name: "Apps (11)" }).waitFor();
  await page.goBack();
  await becomes("where one was", () => viewOf(page), "apps");
  assertEquals(hashOf(page), "#/apps");

  await page.keyboard.press("/");
  await page.keyboard.type("x");
  await page.keyboard.press("Backspace");
  await main.getByText("Examples:").waitFor();
  await main.getByRole("link", { name: "node1", exact: true }).waitFor();
  await becomes("whom keys are for", () => viewOf(page), "search");
  await page.keyboard.press("Escape");
  await becomes("where one was", () => viewOf(page), "apps");
  assertEquals(hashOf(page), "#/apps");
  // Elsewhere a slash is a slash.
  const field = page.getByRole("searchbox", { name: /^Search apps/ });
  await field.fill("app1.example");
  await field.press("End");
  await page.keyboard.press("/");
  await main.getByRole("heading", { name: "Groups (1)" }).waitFor();
  assertEquals(await field.inputValue(), "app1.example/");
  assertEquals(problems, []);
});

Deno.test("frame: a phone, forced colours, an older browser", async (t) => {
  await using s = await scene();
  await t.step("a phone's header does not jump", async () => {
    const { page, problems } = await s.browser.open(`${s.proxy.url}/#/apps`, {
      viewport: PHONE,
    });
    const header = page.locator("header");
    const height = async () => (await header.boundingBox())?.height;
    await page.getByText("Up to date", { exact: true }).waitFor();
    const before = await height();
    s.proxy.fault = "cut";
    await page.getByText("No connection", { exact: true }).waitFor();
    assertEquals(await height(), before);
    s.proxy.fault = "none";
    await page.getByText("Up to date", { exact: true }).waitFor();
    for (
      const [view, title] of [
        ["apps", "Apps"],
        ["app/app1", "app1"],
        ["node/node1", "node1"],
        ["lainlet", /^lainlet /],
      ] as const
    ) {
      await visit(page, `${s.proxy.url}/#/${view}`, title);
      assertEquals([view, await height()], [view, before]);
    }
    assertEquals(problems, []);
    await page.close();
  });
  await t.step("in forced colours", async () => {
    const { page, problems } = await s.browser.open(`${s.proxy.url}/#/`, {
      forcedColors: "active",
    });
    await page.getByText("Up to date", { exact: true }).waitFor();
    assertEquals(await violations(page), []);
    assertEquals(problems, []);
    await page.close();
  });
  await t.step("without JSON.rawJSON", async () => {
    const { page, problems } = await s.browser.open("about:blank");
    await page.addInitScript("delete JSON.rawJSON; delete JSON.isRawJSON;");
    const before = s.proxy.accepted;
    await page.goto(`${s.proxy.url}/#/config`);
    await page.getByText("Up to date", { exact: true }).waitFor();
    s.store.put("/lain/config/domain", "new.example");
    await page.locator(".brand").getByText("new.example").waitFor();
    // One for the watch; the files may take more.
    assert(s.proxy.accepted - before <= 4, `${s.proxy.accepted - before}`);
    assertEquals(problems.filter((one) => !one.startsWith("it asked")), []);
    await page.close();
  });
});

Deno.test("frame: what a page says can be read, followed both ways, and pointed at", async () => {
  await using s = await scene();
  const mysql: GroupSpec = {
    app: "mysql-service",
    proc: "portal.mysql",
    instances: [{ node: NODES[0]!, ip: "172.20.2.1", id: "mysql-1" }],
    memory: 32 * 2 ** 20,
  };
  const user: GroupSpec = {
    app: "user",
    proc: "web.web",
    instances: [{ node: NODES[1]!, ip: "172.20.2.2", id: "user-1" }],
    services: ["mysql-service", "gone-service"],
  };
  for (const one of [mysql, user]) s.store.put(groupKey(one), groupValue(one));
  // English as of the United States, where clocks have twelve hours.
  const { page, problems } = await s.browser.open(
    `${s.proxy.url}/#/app/user`,
    { locale: "en-US", viewport: PHONE },
  );
  const main = page.locator("main");
  const fact = (name: string) =>
    main.locator(".facts > div").filter({
      has: page.getByText(name, { exact: true }),
    }).locator("dd").last();
  await fact("uses").waitFor();
  const [portal = ""] = dependsKey("gone-service").split("/").slice(-1);
  assertStringIncludes(
    await fact("uses").innerText(),
    `${portal} (no such app)`,
  );
  // An image is on one line, even here.
  const image = fact("image").locator(".mono");
  assert(Number((await image.boundingBox())?.height) < 30);
  await fact("uses").getByRole("link").click();
  await fact("used by").getByRole("link", { name: "user" }).waitFor();
  assertEquals(hashOf(page), "#/app/mysql-service");
  await page.goto(`${s.proxy.url}/#/container/node1/mysql-1`);
  assertEquals(await fact("memory limit").innerText(), "32 MiB");

  await page.setViewportSize({ width: 900, height: 1200 });
  await page.mouse.move(0, 0);
  await page.goto(`${s.proxy.url}/#/lainlet`);
  const since = await fact("up since").innerText();
  assert(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(since), since);
  const chart = main.locator(".chart", { hasText: "Confirmed" });
  await chart.getByText("stale from 30").waitFor();
  assertEquals(await chart.locator("time").count(), 0);
  // There may be nothing to point at yet, and the page may still move.
  await eventually("a time under the pointer", async () => {
    const box = await chart.locator(".u-over").boundingBox();
    assert(box);
    await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2);
    await page.mouse.move(box.x + box.width - 1, box.y + box.height / 2);
    const times = await chart.locator("time").allInnerTexts();
    return times.find((time) => /^\d\d:\d\d:\d\d$/.test(time));
  });
  await page.mouse.move(0, 0);
  await chart.locator("time").waitFor({ state: "detached" });
  await page.goto(`${s.proxy.url}/#/app/nobody`);
  await main.getByRole("link", { name: "Search for it" }).click();
  await main.getByRole("heading", { name: 'No results for "nobody"' })
    .waitFor();
  assertEquals(problems, []);
});
