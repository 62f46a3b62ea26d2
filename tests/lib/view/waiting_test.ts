/**
 * Streams that wait for a first state, and leave before there is one: nothing
 * keeps hold of them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as apis from "../../../apis/mod.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import type { ViewStream } from "../../../lib/view/views.ts";
import type { Views } from "../../../lib/view/views.ts";
import { collectGarbage } from "../../util/garbage.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

/** A listener that knows what it was told. */
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

/** How a listener begins. */
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

/** Begins, leaves when it waits, and lets go of a listener. */
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

/** A store that never says whether what it has told is all. */
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

Deno.test("views: who leaves before there is a state leaves nothing behind", async () => {
  // It holds nothing, which counts as not read yet.
  const empty = new MemoryStore();
  await using unread = new TestLainlet(empty);
  const { views } = unread.lainlet;
  const silent = new SilentStore([["/lain/nodes/nodes/n:10.0.0.1:22", "{}"]]);
  await using unproven = await new TestLainlet(silent).ready();
  // Nobody says that there is no change of the nodes before this one.
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

  // Whoever stayed begins when there is a state, and may leave as well.
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
