import { assertEquals } from "@std/assert";
import { Client, type Data } from "../../../lib/client/client.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import {
  connectionStateOf,
  iconUrl,
  withFault,
} from "../../../lib/ui/connection_state.ts";
import { TestLainlet } from "../../util/lainlet.ts";

async function overviewOf(): Promise<Data<"overview">> {
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using lainlet = await new TestLainlet(store).ready();
  return await new Client(lainlet.url).get("overview", {});
}

Deno.test("connection state: current only while there is a state, it is confirmed, and every view is drawn", async () => {
  const overview = await overviewOf();
  const kinds = (live: Parameters<typeof connectionStateOf>[0]) => {
    const state = connectionStateOf(live);
    const { kind, reason } = withFault(state, "it failed");
    return [state.kind, kind, reason];
  };
  const live = { overview, received: new Date() };
  assertEquals(kinds(live), ["current", "failed", "it failed"]);
  assertEquals(kinds({}), ["connecting", "connecting", ""]);
  assertEquals(
    kinds({ ...live, isResuming: true }),
    ["connecting", "connecting", ""],
  );
  assertEquals(kinds({ ...live, problem: "gone" }), ["lost", "lost", "gone"]);
  // lainlet answers, but not with a state.
  const waiting = "the response cannot be read";
  assertEquals(kinds({ ...live, waiting }), ["stale", "stale", waiting]);
  const present = { ...overview["lainlet/present"], stale: true, lag: 45 };
  const stale = connectionStateOf({
    ...live,
    overview: {
      ...overview,
      "lainlet/present": { ...present, problems: ["a", "b"] },
    },
  });
  assertEquals([stale.kind, stale.reason], ["stale", "a; b"]);
  assertEquals(stale.confirmed, live.received.getTime() - 45_000);
  assertEquals(withFault(connectionStateOf(live)).kind, "current");
});

Deno.test("connection state: each kind but the two failures has its own icon", () => {
  const icons = (["connecting", "current", "stale", "lost", "failed"] as const)
    .map(iconUrl);
  assertEquals(new Set(icons).size, 4);
  for (const icon of icons) {
    assertEquals(icon.startsWith("data:image/svg+xml,%3Csvg"), true);
  }
});
