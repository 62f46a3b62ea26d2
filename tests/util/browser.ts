import axe from "axe-core";
import type { Browser, Page } from "playwright-core";

export type { Page };

/** Where Debian has it. */
const CHROMIUM = "/usr/bin/chromium";

/** When this is set, Playwright does not look into /proc for Windows, which no permission but all allows. */
const NO_WINDOWS = "__IS_WSL_TEST__";

/** A headless Chromium. */
export class TestBrowser implements AsyncDisposable {
  private constructor(
    private readonly browser: Browser,
    private readonly end: () => Promise<unknown>,
  ) {}

  /** @param names that are to resolve to 127.0.0.1 */
  static async launch(names: readonly string[] = []): Promise<TestBrowser> {
    const browser = await start(names);
    return new TestBrowser(browser, () => browser.close());
  }

  /**
   * One process for all tests of a file, as its start costs more than most
   * tests; the pages of a test are closed at its end.
   */
  static shared(): () => TestBrowser {
    let browser: Browser | undefined;
    Deno.test.beforeAll(async () => void (browser = await start([])));
    Deno.test.afterAll(async () => await browser?.close());
    return () => {
      if (browser === undefined) throw new Error("no test has begun");
      const contexts = () => browser?.contexts() ?? [];
      return new TestBrowser(
        browser,
        () => Promise.all(contexts().map((context) => context.close())),
      );
    };
  }

  /** A separate page, and the problems that are found in it. */
  async open(
    url: string,
    options: Parameters<Browser["newPage"]>[0] = {},
  ): Promise<{ page: Page; problems: string[] }> {
    const page = await this.browser.newPage(options);
    return { page, problems: await go(page, url) };
  }

  /** Windows of one browser profile, which share connections and workers. */
  async openWindows(
    urls: readonly string[],
  ): Promise<{ pages: Page[]; problems: string[] }> {
    const context = await this.browser.newContext();
    const pages: Page[] = [];
    const problems = await Promise.all(urls.map(async (url) => {
      const page = await context.newPage();
      pages.push(page);
      return await go(page, url);
    }));
    return { pages, problems: problems.flat() };
  }

  /** CPU time that all pages and workers have taken, in seconds. */
  async cpuOfPages(): Promise<number> {
    const session = await this.browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    return processInfo.filter(({ type }) => type === "renderer")
      .reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  }

  /**
   * CPU time of each task of a page's thread, in ms: other than its duration it
   * does not depend on what else the machine does.
   */
  async tasksOf(
    page: Page,
    meanwhile: () => Promise<void>,
  ): Promise<readonly number[]> {
    await this.browser.startTracing(page, { categories: ["toplevel"] });
    await meanwhile();
    const trace = await this.browser.stopTracing();
    const { traceEvents }: { readonly traceEvents: readonly TraceEvent[] } =
      JSON.parse(trace.toString());
    const threads = new Set(
      traceEvents.filter(({ args, name }) =>
        name === "thread_name" && args?.name === "CrRendererMain"
      ).map(({ pid, tid }) => `${pid} ${tid}`),
    );
    return traceEvents.filter(({ name, pid, tid }) =>
      name === "ThreadControllerImpl::RunTask" && threads.has(`${pid} ${tid}`)
    ).map(({ tdur = 0 }) => tdur / 1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** An event of a trace of Chromium's. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
  /** CPU time of the thread, in µs. */
  readonly tdur?: number;
}

/** Opens a page. @returns the page's problems; more may be added later */
async function go(page: Page, url: string): Promise<string[]> {
  const problems: string[] = [];
  const { host } = new URL(url);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    // An unreachable server is not a problem of the page.
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
  return problems;
}

async function start(names: readonly string[]): Promise<Browser> {
  Deno.env.set(NO_WINDOWS, "1");
  const { chromium } = await import("playwright-core");
  return await chromium.launch({
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
  });
}

/**
 * Goes to a view, and waits until it is drawn with all its data: until then the
 * page shows the previous one.
 *
 * @param title its heading
 */
export async function visit(
  page: Page,
  url: string,
  title: string | RegExp,
): Promise<void> {
  await page.goto(url);
  const main = page.locator("main");
  await main.getByRole("heading", { level: 1, name: title, exact: true })
    .waitFor();
  await main.getByText(/^Loading/).waitFor({ state: "detached" });
}

/**
 * Returns what axe-core finds in a page that is serious or critical.
 *
 * @param rules ids of its rules; default: all
 */
export async function violations(
  page: Page,
  rules?: readonly string[],
): Promise<string[]> {
  // The page's content policy allows only its own scripts: this one comes by the debugger.
  if (await page.evaluate("typeof axe") === "undefined") {
    await page.evaluate(axe.source);
  }
  const options = rules === undefined ? {} : { runOnly: rules };
  const found = await page.evaluate(`axe.run(${JSON.stringify(options)})`);
  const results: axe.AxeResults = Object(found);
  return results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
