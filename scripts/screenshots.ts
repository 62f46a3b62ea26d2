/**
 * Takes pictures of the dashboard: those that the pages show, of the demo's
 * cluster in which something happens; or, with `all`, of each view in each
 * look, of the demo's cluster and of a large one.
 *
 *     deno task screenshots [FOLDER] [all]
 *
 * @module
 */
import { scriptOptions, UsageError } from "../lib/flags.ts";
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
}

const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1200, height: 720 } },
  dark: { colorScheme: "dark", viewport: { width: 1200, height: 720 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 800 } },
} as const;

const SHOTS: readonly Shot[] = [
  { name: "cluster-light", view: "", look: "light" },
  { name: "changes-dark", view: "changes", look: "dark" },
  { name: "app-phone", view: "app/shop", look: "phone" },
  { name: "lainlet-dark", view: "lainlet", look: "dark" },
];

/** How much of the demo has happened when pictures are taken of it: something is wrong there. */
const CHAPTER = 8;

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
  { look, name, view }: Shot,
  happen: () => void,
): Promise<void> {
  const { page, problems } = await browser.open(
    `${url}/#/${view}`,
    LOOKS[look],
  );
  await page.getByText("Up to date", { exact: true }).waitFor();
  happen();
  // Until what happened is shown, and has settled.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const path = `${folder}/${name}.png`;
  await page.screenshot({ path });
  await page.close();
  if (problems.length > 0) throw new Error(`${view}: ${problems.join("; ")}`);
  const { size } = await Deno.stat(path);
  console.log(`${path}, ${Math.round(size / 1000)} KB`);
}

/** @param before how much of the demo's story happens before the first picture; nothing of it happens where that is not said */
async function takeOf(
  content: Iterable<readonly [key: string, value: string]>,
  shots: readonly Shot[],
  before?: number,
): Promise<void> {
  const store = new MemoryStore(content);
  const events = story();
  const happen = (times: number) => {
    for (let i = 0; i < times; i++) store.commit(events.next().value.changes);
  };
  happen(before ?? 0);
  await using lainlet = await new TestLainlet(store).ready();
  await using browser = await TestBrowser.launch();
  for (const shot of shots) {
    await take(
      browser,
      lainlet.url,
      shot,
      () => happen(before === undefined ? 0 : 2),
    );
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
  await takeOf(content(), each("demo", "shop", "node3"), CHAPTER);
  await takeOf(largeCluster(Date.now()), large);
} else await takeOf(content(), SHOTS, CHAPTER);
