import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { followCluster } from "../../lib/watcher/cluster.ts";
import { content } from "../../scripts/demo/cluster.ts";
import { story } from "../../scripts/demo/story.ts";
import {
  type Command,
  commandsOf,
  patternOf,
  readPages,
} from "../pages/pages.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";

/** What there is to see in the store at a moment. */
function troublesOf(values: ReadonlyMap<string, string>): Set<string> {
  const found = new Set<string>();
  const nodes = new Map<string, { mem: number; used: number }>();
  const groups: string[] = [];
  for (const [key, text] of values) {
    if (key.startsWith("/lain/nodes/")) {
      const { name, mem } = JSON.parse(text);
      nodes.set(name, { mem: mem * 2 ** 30, used: 0 });
    } else if (key.includes("/pod_groups/")) groups.push(text);
  }
  for (const text of groups) {
    if (!isJson(text)) {
      found.add("a value is rejected");
      continue;
    }
    const { Spec, Pods } = JSON.parse(text);
    const [spec] = Spec.Pod.Containers;
    if (Pods.length < Spec.NumInstances) found.add("too few instances");
    for (const pod of Pods) {
      const [container] = pod.Containers;
      if (pod.OOMkilled) found.add("killed for memory");
      if (container.ContainerIp === "") found.add("no address");
      if (pod.State === 5) found.add("an odd version");
      const node = nodes.get(container.NodeName);
      if (node === undefined) found.add("a node is away");
      else node.used += spec.MemoryLimit;
    }
  }
  for (const { mem, used } of nodes.values()) {
    if (used > mem) found.add("a node is full");
  }
  return found;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("the demo: each problem comes and goes, and at times there is none", async () => {
  const values = new Map(content());
  const store = new MemoryStore(values);
  const aborted = new AbortController();
  const cluster = followCluster(store, aborted.signal);
  await Promise.all(Object.values(cluster).map(({ synced }) => synced));
  const seen = new Map<string, number>();
  const ended = new Map<string, number>();
  let before = new Set<string>();
  let calm = 0;
  const events = story();
  for (let turn = 0; turn < 400; turn++) {
    const { text, changes } = events.next().value;
    assert(text.length < 80, text);
    store.commit(changes);
    for (const { key, value } of changes) {
      if (value === undefined) values.delete(key);
      else values.set(key, new TextDecoder().decode(value));
    }
    const now = troublesOf(values);
    await eventually(`what is not taken is told: ${text}`, () => {
      const rejected = Object.values(cluster)
        .reduce((sum, watcher) => sum + watcher.rejected.size, 0);
      return rejected === Number(now.has("a value is rejected")) || undefined;
    });
    for (const one of now.difference(before)) {
      seen.set(one, (seen.get(one) ?? 0) + 1);
    }
    for (const one of before.difference(now)) {
      ended.set(one, (ended.get(one) ?? 0) + 1);
    }
    if (now.size === 0) calm++;
    before = now;
  }
  aborted.abort();
  assertEquals([...seen.keys()].sort(), [
    "a node is away",
    "a node is full",
    "a value is rejected",
    "an odd version",
    "killed for memory",
    "no address",
    "too few instances",
  ]);
  for (const [one, times] of seen) {
    assert(times >= 2, `${one}: ${times}`);
    assert((ended.get(one) ?? 0) >= times - 1, one);
  }
  assert(calm > 40, `${calm} moments`);
});

/** Pages that show what the demo answers. */
const PAGES = ["README.md", "lib/http/README.md"];

/** Where a page asks the demo. */
const DEMO = "http://127.0.0.1:9001";

/** How often the pages are tried. */
const TRIES = 40;

/** So many things happen before anything is told of again. */
const EVENTS = 200;

Deno.test("the demo: the output on the pages is right at any time", async () => {
  const commands = (await readPages())
    .filter(({ path }) => PAGES.includes(path))
    .flatMap(({ blocks }) => blocks.flatMap(commandsOf))
    .filter(({ text }) => text.includes(DEMO));
  assert(commands.length > PAGES.length);
  const store = new MemoryStore(content());
  await using lainlet = await new TestLainlet(store).ready();
  const events = story();
  /** Lets the next thing happen. */
  const go = () => store.commit(events.next().value.changes);
  for (let i = 0; i < TRIES; i++) {
    for (const command of commands) await shows(lainlet.url, command, go);
    go();
  }
});

/** Sends the request of a command, and reads until its output is there, while things happen. */
async function shows(
  url: string,
  command: Command,
  go: () => void,
): Promise<void> {
  const aborted = new AbortController();
  const [, path = ""] = /'http:\/\/[^/]+(.*)'/.exec(command.text) ?? [];
  const { body } = await fetch(url + path);
  const pattern = patternOf(command);
  let printed = "";
  const ended = body?.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({
      write(text) {
        printed += text;
      },
    }),
    { signal: aborted.signal },
  ).catch(() => {});
  for (let i = 0; i < EVENTS && !pattern.test(printed); i++) {
    // Meanwhile what is on its way arrives.
    await fetch(`${url}/healthz`).then((response) => response.text());
    if (i > 5) go();
  }
  aborted.abort();
  await ended;
  assertMatch(printed, pattern);
}
