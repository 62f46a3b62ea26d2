import { assertEquals } from "@std/assert";
import { Client, type Data } from "../../../lib/client/client.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { standingOf, withFault } from "../../../lib/ui/standing.ts";
import { TestLainlet } from "../../util/lainlet.ts";

/** What a lainlet says of a store. */
async function overviewOf(): Promise<Data<"overview">> {
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using lainlet = await new TestLainlet(store).ready();
  return await new Client(lainlet.url).get("overview", {});
}

Deno.test("standing: good only while there is a state, of now, and all of it is shown", async () => {
  const overview = await overviewOf();
  const kinds = (live: Parameters<typeof standingOf>[0]) => {
    const standing = standingOf(live);
    const { kind, why } = withFault(standing, "it failed");
    return [standing.kind, kind, why];
  };
  const live = { overview, heard: new Date() };
  assertEquals(kinds(live), ["good", "fault", "it failed"]);
  assertEquals(kinds({}), ["asking", "asking", ""]);
  assertEquals(kinds({ ...live, isResuming: true }), ["asking", "asking", ""]);
  assertEquals(kinds({ ...live, problem: "gone" }), ["away", "away", "gone"]);
  // lainlet answers, but not with a state.
  const waiting = "the answer cannot be read";
  assertEquals(kinds({ ...live, waiting }), ["stale", "stale", waiting]);
  assertEquals(withFault(standingOf(live)).kind, "good");
});
