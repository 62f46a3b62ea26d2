import { assertEquals, assertMatch } from "@std/assert";
import * as apis from "../../../apis/mod.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { CapturedLog } from "../../util/captured_log.ts";
import { TestLainlet } from "../../util/lainlet.ts";

const BROKEN = {
  ...apis.nodes,
  select(): never {
    throw new TypeError("a bug");
  },
};

Deno.test("views: a bug in a view ends its streams with an error, and its stack is logged", async () => {
  const store = new MemoryStore([["/lain/nodes/nodes/n:10.0.0.1:22", "{}"]]);
  await using lainlet = await new TestLainlet(store).ready();
  const { views } = lainlet.lainlet;
  const request = {
    view: BROKEN,
    params: new URLSearchParams(),
    peer: "127.0.0.1",
  };
  const failures: string[] = [];
  const stream = {
    attach: () => failures.push("attached"),
    fail: (message: string, status: number, index?: number) =>
      failures.push(`${status} ${message} ${index}`),
  };
  using log = new CapturedLog();
  views.subscribe(request, stream)();
  views.subscribeTogether([request], stream)();
  assertEquals(failures, [
    "500 internal error undefined",
    "500 internal error 0",
  ]);
  const lines = log.about(/a view failed/);
  assertEquals(lines.length, 2);
  for (const line of lines) {
    assertMatch(line, /^error a view failed TypeError: a bug\n +at .*select /);
  }
});
