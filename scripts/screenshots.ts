/**
 * Takes pictures of the dashboard: those that the pages show, of the demo's
 * cluster after an hour in which much happens; or, with `all`, of each view in
 * each look, of the demo's cluster and of a large one.
 *
 *     deno task screenshots [FOLDER] [all]
 *
 * @module
 */
import { scriptOptions, UsageError } from "../lib/flags.ts";
import { Client } from "../lib/client/client.ts";
import type { RuntimeStatus, Sample } from "../lib/stats/stats.ts";
import { MemoryStore } from "../lib/store/memory.ts";
import { TestBrowser } from "../tests/util/browser.ts";
import { TestLainlet } from "../tests/util/lainlet.ts";
import { content } from "./demo/cluster.ts";
import { story } from "./demo/story.ts";
import { LARGE, largeCluster } from "../tests/fixtures/large_cluster.ts";
import { ensurePrograms } from "./setup.ts";

/** What is shown, and how; a name is a file's. */
interface Shot {
  readonly name: string;
  readonly view: string;
  readonly look: keyof typeof LOOKS;
  /** What is clicked before it is taken, as a selector. */
  readonly click?: string;
}

const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1200, height: 720 } },
  dark: { colorScheme: "dark", viewport: { width: 1200, height: 720 } },
  phone: {
    colorScheme: "light",
    viewport: { width: 390, height: 800 },
    hasTouch: true,
    isMobile: true,
  },
} as const;

const SHOTS: readonly Shot[] = [
  { name: "cluster-light", view: "", look: "light" },
  {
    name: "changes-dark",
    view: "changes",
    look: "dark",
    click: ".changes > li:nth-child(2) summary",
  },
  { name: "app-phone", view: "app/shop", look: "phone" },
  { name: "lainlet-dark", view: "lainlet", look: "dark" },
];

/** What has happened last when pictures of the demo are taken: something is wrong there. */
const CHAPTER = /^mail: instance 2 is killed for memory, and restarts, 5/;

/** Samples of an hour, and their distance, in seconds. */
const SAMPLES = 360;
const SAMPLE_TIME = 10;

/** How long a sample takes here, in ms, and how many are left out at the start. */
const SAMPLE_PACE = 250;
const SKIPPED = 40;

/** Who listens in that hour: one more every few samples, then fewer. */
const LISTENERS = [
  ["webrouter/webprocs", {}],
  ["streamrouter/streamprocs", {}],
  ["configwatcher", { target: "domain" }],
  ["containers", { nodename: "node1" }],
  ["nodes", {}],
  ["proxywatcher", { appname: "shop" }],
  ["coreinfowatcher", { appname: "catalog" }],
  ["pods", { appname: "*" }],
] as const;

/** Each view in each look. @param app one that has something to show, as its node has */
function each(cluster: string, app: string, node: string): Shot[] {
  const views = {
    cluster: "",
    apps: "apps",
    app: `app/${app}`,
    pods: "pods",
    nodes: "nodes",
    node: `node/${node}`,
    changes: "changes",
    config: "config",
    lainlet: "lainlet",
    search: `search?q=${app}`,
  };
  return Object.entries(views).flatMap(([name, view]) =>
    (["light", "dark", "phone"] as const)
      .map((look) => ({ name: `${cluster}-${name}-${look}`, view, look }))
  );
}

async function take(
  browser: TestBrowser,
  url: string,
  { click, look, name, view }: Shot,
  happen: () => void,
): Promise<void> {
  const { page, problems } = await browser.open(
    `${url}/#/${view}`,
    LOOKS[look],
  );
  await page.getByRole("status").getByText("Up to date", { exact: true })
    .waitFor();
  happen();
  // Until what happened is shown, and has settled.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  if (click !== undefined) {
    await page.locator(click).click();
    await page.mouse.move(0, 0);
  }
  const path = `${folder}/${name}.png`;
  await page.screenshot({ path });
  await page.close();
  if (problems.length > 0) throw new Error(`${view}: ${problems.join("; ")}`);
  const { size } = await Deno.stat(path);
  console.log(`${path}, ${Math.round(size / 1000)} KB`);
}

/** The demo's cluster, and what happens in it. */
class Demo {
  readonly store = new MemoryStore(content());
  readonly #story = story();

  /** @returns what happened */
  happen(): string {
    const { changes, text } = this.#story.next().value;
    this.store.commit(changes);
    return text;
  }

  /** Goes on to the chapter of which pictures are taken. */
  finish(): void {
    while (!CHAPTER.test(this.happen()));
  }
}

/**
 * Lets an hour of the demo pass in a minute and a half: what is measured in it
 * is sampled as often as in an hour, and the samples are given the times of one.
 */
async function passHour(demo: Demo, { lainlet, url }: TestLainlet) {
  const client = new Client(url);
  const stops: AbortController[] = [];
  const samples: Sample[] = [];
  for (let i = -SKIPPED; i < SAMPLES; i++) {
    demo.happen();
    if (i % 9 === 0 && i < SAMPLES / 2) {
      const [name, params] = LISTENERS[stops.length % LISTENERS.length] ??
        LISTENERS[0];
      const stop = new AbortController();
      stops.push(stop);
      listen(client.watchAny(name, params, { signal: stop.signal }));
    }
    if (i % 40 === 39) stops.shift()?.abort();
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_PACE));
    if (i >= 0) samples.push(sampleOf(lainlet.stats.current));
  }
  const now = Math.round(Date.now() / 1000);
  lainlet.stats.samples.clear();
  for (const [i, sample] of samples.entries()) {
    lainlet.stats.samples.set(now - (SAMPLES - i) * SAMPLE_TIME, sample);
  }
  return () => stops.forEach((stop) => stop.abort());
}

/** Reads a stream until it ends. */
async function listen(updates: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of updates);
}

function sampleOf(status: RuntimeStatus): Sample {
  const { lag, changes, deliveries, bytes, delay50, delay99 } = status;
  const { cpu, listeners, memory } = status;
  return {
    lag,
    changes,
    deliveries,
    bytes,
    delay50,
    delay99,
    listeners,
    cpu,
    memory,
  };
}

/** Takes pictures of the demo after its hour. */
async function takeOfDemo(shots: readonly Shot[]): Promise<void> {
  const demo = new Demo();
  await using lainlet = await new TestLainlet(demo.store).ready();
  const end = await passHour(demo, lainlet);
  demo.finish();
  await using browser = await TestBrowser.launch();
  for (const shot of shots) {
    await take(browser, lainlet.url, shot, () => {
      demo.happen();
      demo.happen();
    });
  }
  end();
}

async function takeOfLarge(shots: readonly Shot[]): Promise<void> {
  const store = new MemoryStore(largeCluster(Date.now()));
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = await TestBrowser.launch();
  for (const shot of shots) {
    await take(browser, lainlet.url, shot, () => {});
  }
}

const { folder, isAll } = scriptOptions(
  {
    name: "screenshots",
    summary: "Takes pictures of the dashboard with the demo's cluster: those " +
      "that the pages show; with `all` each view, light, dark and on a " +
      "phone, also of a large cluster.",
    argument: "[FOLDER] [all]",
  },
  ({ positional: [folder = "lib/ui/docs", which] }) => {
    if (which === undefined || which === "all") {
      return { folder, isAll: which === "all" };
    }
    throw new UsageError(`unexpected argument "${which}"`);
  },
);
await ensurePrograms(["chromium"]);
await Deno.mkdir(folder, { recursive: true });
if (isAll) {
  const { crashed, crowded } = LARGE;
  const large = each("large", crashed.app, crowded.node);
  await takeOfDemo(each("demo", "shop", "node3"));
  await takeOfLarge(large);
} else await takeOfDemo(SHOTS);
