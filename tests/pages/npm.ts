import config from "../../deno.json" with { type: "json" };
import { MemoryStore } from "../../lib/store/memory.ts";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { TestBrowser } from "../util/browser.ts";
import { exampleCluster, shop } from "../util/example.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { NodeProject } from "../util/npm.ts";
import { eventually } from "../util/process.ts";

/** What the program prints first of the cluster of the examples, and after one instance more. */
const BEGINNING = "shop.web.web: 172.20.1.40:8080";
const CHANGED = "shop.web.web: 172.20.1.40:8080 172.20.1.41:8080";
const MORE = [1, 2].map((n) => (
  { node: { name: `node${n}`, ip: "" }, ip: `172.20.1.${39 + n}` }
));

/**
 * Checks the types of a program that uses the client's package, and runs it
 * until it has followed a change: in Node.js, also as old versions are, in
 * Deno, and as one script in Chromium, also as that was before `JSON.rawJSON`.
 *
 * @param dist where the package is
 */
export async function runsAnywhere(dist: string, text: string): Promise<void> {
  const { name, version } = config;
  const file = `${name.slice(1).replace("/", "-")}-${version}.tgz`;
  await using project = await NodeProject.make(`${dist}/${file}`);
  await project.write("sample.ts", text);
  await project.check("sample.ts");

  await using stack = new AsyncDisposableStack();
  const store = new MemoryStore(Object.entries(exampleCluster));
  const lainlet = await stack.use(new TestLainlet(store)).ready();
  /** For the next program, before it starts, as it may ask at once. */
  const begin = () => store.put(groupKey(shop), groupValue(shop));
  const follows = async (printed: () => string) => {
    const prints = (line: string) =>
      eventually(`it prints ${line}`, () => {
        if (printed().includes(`${line}\n`)) return true;
        throw new Error(printed());
      }, 60_000);
    await prints(BEGINNING);
    store.put(groupKey(shop), groupValue({ ...shop, instances: MORE }));
    await prints(CHANGED);
  };

  const sample = text.replace("http://127.0.0.1:9001", lainlet.url);
  await project.write("sample.js", sample);
  for (const [command = "", ...args] of project.runs("sample.js")) {
    begin();
    await using program = project.start(command, ...args);
    await follows(() => program.stdout + program.stderr);
  }

  const script = await project.bundle("sample.js");
  await using browser = await TestBrowser.launch();
  for (const isOld of [false, true]) {
    begin();
    // A page of lainlet: it refuses other sites.
    const { page } = await browser.open(`${lainlet.url}/healthz`);
    let printed = "";
    page.on("pageerror", ({ message }) => printed += `${message}\n`);
    page.on("console", (message) => printed += `${message.text()}\n`);
    if (isOld) {
      await page.evaluate("delete JSON.rawJSON; delete JSON.isRawJSON");
    }
    await page.addScriptTag({ content: script, type: "module" });
    await follows(() => printed);
    await page.close();
  }
}
