import FakeTimers from "@sinonjs/fake-timers";
import { assertEquals } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { Feeds } from "../../../lib/ui/feeds.ts";
import {
  type Overview,
  Throttle,
  watchOverview,
} from "../../../lib/ui/live.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { becomes, eventually, freePort } from "../../util/process.ts";

/** As much of a browser's document as decides whether the page is visible. */
class TestDocument extends EventTarget {
  hidden = false;

  set(hidden: boolean): void {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** Watches the overview in a document of its own. */
function watched(url: string) {
  const document = new TestDocument();
  Object.assign(globalThis, { document });
  let last: Overview = {};
  const stop = watchOverview(new Feeds(url), (overview) => last = overview);
  return {
    document,
    last: () => last,
    [Symbol.dispose]() {
      stop();
      Reflect.deleteProperty(globalThis, "document");
    },
  };
}

Deno.test("live: a visible page follows the overview, a hidden one holds no stream", async () => {
  const store = new MemoryStore([["/lain/config/motd", "one"]]);
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const streams = async () => (await client.get("/debug", {})).goroutines;
  using page = watched(lainlet.url);
  const motd = (text: string) =>
    becomes(
      "the setting",
      () => Promise.resolve(page.last().overview?.["config/motd"]),
      text,
    );
  await motd("one");
  store.put("/lain/config/motd", "two");
  await motd("two");
  const { problem, received, waiting } = page.last();
  assertEquals([problem, waiting, received !== undefined], [
    undefined,
    undefined,
    true,
  ]);
  await becomes("the stream of the page", streams, 1);
  page.document.set(true);
  await becomes("no stream", streams, 0);
  assertEquals([page.last().isResuming, page.last().problem], [
    true,
    undefined,
  ]);
  // What it showed is still there, and is current again when it is visible.
  await motd("two");
  store.put("/lain/config/motd", "three");
  page.document.set(false);
  await motd("three");
  assertEquals(page.last().isResuming, false);
});

Deno.test("live: without lainlet there is a problem, and no state", async () => {
  using gone = watched(`http://127.0.0.1:${freePort()}`);
  await eventually("no connection", () => gone.last().problem || undefined);
  assertEquals(gone.last().overview, undefined);
});

Deno.test("throttle: the first value at once, then the newest at intervals, none after the end", () => {
  const clock = FakeTimers.install({
    toFake: ["setTimeout", "clearTimeout", "performance"],
  });
  try {
    const drawn: number[] = [];
    const throttle = new Throttle<number>((value) => drawn.push(value));
    throttle.push(1);
    clock.tick(0);
    assertEquals(drawn, [1]);
    for (let value = 2; value <= 101; value++) {
      throttle.push(value);
      clock.tick(10);
    }
    // 1,000 ms are four intervals.
    assertEquals(drawn.length, 5);
    assertEquals(
      drawn.every((value, i) => i === 0 || value > (drawn[i - 1] ?? 0)),
      true,
    );
    clock.tick(250);
    assertEquals(drawn.at(-1), 101);
    throttle.push(102);
    throttle.stop();
    clock.tick(1_000);
    assertEquals(drawn.at(-1), 101);
  } finally {
    clock.uninstall();
  }
});
