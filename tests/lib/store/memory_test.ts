import { assertEquals, assertThrows } from "@std/assert";
import { MemoryStore, parseContent } from "../../../lib/store/memory.ts";
import { readEvent } from "../../util/collector.ts";
import { testConformance } from "./conformance.ts";
import { MemoryHarness } from "./memory.ts";

testConformance("memory", () => Promise.resolve(new MemoryHarness()));

Deno.test("memory: the first snapshot has the initial content", async () => {
  const store = new MemoryStore(
    parseContent('{"/a/1": "x", "__proto__": "y"}'),
  );
  const abort = new AbortController();
  const reader = store.watch("", abort.signal).getReader();
  const { value: item } = await reader.read();
  const value = item && await readEvent(item);
  abort.abort();
  assertEquals(
    value?.type === "snapshot" && value.entries.map(({ key }) => key),
    ["/a/1", "__proto__"],
  );
});

Deno.test("memory: content that is not {key: value} is refused", () => {
  assertThrows(() => parseContent("{"), SyntaxError);
  assertThrows(() => parseContent("[]"), TypeError, "object");
  assertThrows(() => parseContent('{"a": 1}'), TypeError, '"a"');
});
