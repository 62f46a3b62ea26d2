/**
 * What browsers other than Chromium do, done by Chromium.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { TestBrowser } from "../util/browser.ts";
import { cluster } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { becomes } from "../util/process.ts";

const takeBrowser = TestBrowser.shared();

const store = new MemoryStore(Object.entries(cluster));

Deno.test("other browsers: WebKit on a system without a locale has a language that is none", async () => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open(`${lainlet.url}/healthz`);
  await page.addInitScript(
    'Object.defineProperty(Navigator.prototype, "language", { get: () => "C" })',
  );
  await page.goto(`${lainlet.url}/#/lainlet`);
  await page.getByRole("status").getByText("Up to date", { exact: true })
    .waitFor();
  await becomes("charts", () => page.locator(".chart canvas").count(), 6);
  assertEquals(problems, []);
});

Deno.test("other browsers: where the script is not loaded, or fails, the page says what to do", async () => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page } = await browser.open(`${lainlet.url}/healthz`);
  const late = page.getByText("If this stays, reload the page.");
  // Not at once: a moment later there is the dashboard.
  await page.route("**/ui/main.js", (route) => route.abort());
  await page.goto(lainlet.url);
  assertEquals(await late.isVisible(), false);
  await page.evaluate(
    "document.getAnimations().forEach((one) => one.finish())",
  );
  await late.waitFor();
  await page.unroute("**/ui/main.js");
  await page.reload();
  await page.getByRole("heading", { name: "Cluster" }).waitFor();
  assertEquals(await late.count(), 0);
});
