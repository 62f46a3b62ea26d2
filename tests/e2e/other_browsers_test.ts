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

/** Problems of a page that was opened after an empty one, from which each request leads elsewhere. */
function faults(problems: readonly string[]): string[] {
  return problems.filter((one) => !one.startsWith("it asked"));
}

Deno.test("other browsers: WebKit on a system without a locale has a language that is none", async () => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open("about:blank");
  await page.addInitScript(
    'Object.defineProperty(Navigator.prototype, "language", { get: () => "C" })',
  );
  await page.goto(`${lainlet.url}/#/lainlet`);
  await page.getByRole("status").getByText("Up to date", { exact: true })
    .waitFor();
  await becomes("charts", () => page.locator(".chart canvas").count(), 6);
  assertEquals(faults(problems), []);
});

Deno.test("other browsers: where the script is not loaded, or fails, the page says what to do", async () => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page } = await browser.open("about:blank");
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

Deno.test("other browsers: Firefox refuses a shared worker to a page that may store nothing", async () => {
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = takeBrowser();
  const { page, problems } = await browser.open("about:blank");
  await page.addInitScript(`
    const refuse = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
    window.SharedWorker = class { constructor() { refuse(); } };
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, { get: refuse });
    }
  `);
  await page.goto(`${lainlet.url}/#/changes`);
  await page.getByRole("status").getByText("Up to date", { exact: true })
    .waitFor();
  await page.getByText(/^History starts at/).waitFor();
  store.put("/lain/config/motd", "hello");
  await page.locator(".changes > li", { hasText: "motd" }).waitFor();
  assertEquals(faults(problems), []);
});
