import axe from "axe-core";
import type { Browser, Page } from "playwright-core";

export type { Page };

/** Where Debian has it. */
const CHROMIUM = "/usr/bin/chromium";

/** When this is set, Playwright does not look into /proc for Windows, which no permission but all allows. */
const NO_WINDOWS = "__IS_WSL_TEST__";

/** A headless Chromium. */
export class TestBrowser implements AsyncDisposable {
  private constructor(private readonly browser: Browser) {}

  /** @param names that are to resolve to 127.0.0.1 */
  static async launch(names: readonly string[] = []): Promise<TestBrowser> {
    Deno.env.set(NO_WINDOWS, "1");
    const { chromium } = await import("playwright-core");
    return new TestBrowser(
      await chromium.launch({
        executablePath: CHROMIUM,
        args: [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          `--host-resolver-rules=${
            names.map((name) => `MAP ${name} 127.0.0.1`).join(", ")
          }`,
        ],
      }),
    );
  }

  /** A page of its own; what it does that it should not is in its problems. */
  async open(
    url: string,
    options: Parameters<Browser["newPage"]>[0] = {},
  ): Promise<{ page: Page; problems: string[] }> {
    const page = await this.browser.newPage(options);
    const problems: string[] = [];
    const { host } = new URL(url);
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      // A server that is away is no fault of the page's.
      const isFault = message.type() === "error" &&
        !/net::ERR/.test(message.text());
      if (isFault) problems.push(message.text());
    });
    page.on("request", (request) => {
      const { host: asked, protocol } = new URL(request.url());
      if (protocol !== "data:" && asked !== host) {
        problems.push(`it asked ${request.url()}`);
      }
    });
    await page.goto(url);
    return { page, problems };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
  }
}

/** What axe-core finds in a page that is serious or critical. */
export async function violations(page: Page): Promise<string[]> {
  // The page's policy lets no script in but its own: this one comes by the debugger.
  await page.evaluate(axe.source);
  const found = await page.evaluate("axe.run()");
  const results: axe.AxeResults = Object(found);
  return results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
