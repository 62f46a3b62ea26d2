/**
 * Streams that end while they wait for a first state are not retained.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as apis from "../../../apis/mod.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import type { ViewStream } from "../../../lib/view/views.ts";
import type { Views } from "../../../lib/view/views.ts";
import { collectGarbage } from "../../util/leaks.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

/** A stream that records its calls. */
class Told implements ViewStream {
  readonly heard: string[] = [];

  attach(_topic: unknown, _had: unknown, which = 0): void {
    this.heard.push(`attached ${which}`);
  }

  fail(message: string): void {
    this.heard.push(message);
  }
}

const VIEWS = { nodes: apis.nodes, config: apis.configwatcher };

function demandOf(name: keyof typeof VIEWS, peer = "127.0.0.1") {
  return { view: VIEWS[name], params: new URLSearchParams(), peer };
}

/** The ways to subscribe. */
const BEGINS: Record<
  string,
  (views: Views, listener: ViewStream) => () => void
> = {
  "one view": (views, listener) => views.subscribe(demandOf("nodes"), listener),
  "one view, as an app": (views, listener) =>
    views.subscribe(demandOf("config", "127.0.0.9"), listener),
  "several views": (views, listener) =>
    views.subscribeTogether([demandOf("nodes"), demandOf("config")], listener),
};

/** Subscribes a stream, ends it while it waits, and drops it. */
async function visit(
  begin: (listener: ViewStream) => () => void,
): Promise<WeakRef<Told>> {
  const listener = new Told();
  const stop = begin(listener);
  await new Promise((resolve) => setTimeout(resolve));
  stop();
  assertEquals(listener.heard, []);
  return new WeakRef(listener);
}

/** A store whose freshness checks never end. */
class SilentStore extends MemoryStore {
  override checkFreshness(
    _prefix: string,
    signal: AbortSignal,
  ): Promise<number> {
    const { promise, reject } = Promise.withResolvers<number>();
    signal.addEventListener("abort", () => reject(signal.reason));
    return promise;
  }
}

Deno.test("views: a stream that ends before it has a state is not retained", async () => {
  // An empty store counts as not read yet.
  const empty = new MemoryStore();
  await using unread = new TestLainlet(empty);
  const { views } = unread.lainlet;
  const silent = new SilentStore([["/lain/nodes/nodes/n:10.0.0.1:22", "{}"]]);
  await using unproven = await new TestLainlet(silent).ready();
  // The store does not confirm that the nodes are unchanged up to this revision.
  silent.put("/lain/config/a", "1");
  const { config } = unproven.lainlet.cluster;
  await eventually("it is here", () => config.size === 1 || undefined);

  const stayed = Object.values(BEGINS).map((begin) => {
    const listener = new Told();
    return { listener, stop: begin(views, listener) };
  });
  const together = BEGINS["several views"];
  if (together === undefined) throw new Error("there is no such way");
  const waits = new Told();
  const stop = together(unproven.lainlet.views, waits);
  const gone = await Promise.all([
    ...Object.values(BEGINS).map((begin) =>
      visit((listener) => begin(views, listener))
    ),
    visit((listener) => together(unproven.lainlet.views, listener)),
  ]);
  await collectGarbage();
  assertEquals(gone.map((one) => one.deref()), gone.map(() => undefined));
  assertEquals(waits.heard, []);

  // The others start when there is a state, and can be ended, too.
  const [left] = stayed.splice(0, 1);
  left?.stop();
  empty.put("/lain/nodes/nodes/n:10.0.0.1:22", "{}");
  await unread.ready();
  await collectGarbage();
  assertEquals(stayed.map(({ listener }) => listener.heard), [
    ["authorize failed, super required"],
    ["attached 0", "attached 1"],
  ]);
  assertEquals(left?.listener.heard, []);
  for (const { stop } of stayed) stop();
  stop();
});
