import { assertEquals } from "@std/assert";
import { fragment } from "../../../lib/broadcast/blocks.ts";
import { MaterializedFragments } from "../../../lib/view/materialized.ts";

Deno.test("fragments are reduced from the contributions of keys, in key order", () => {
  const fragments = new MaterializedFragments<number>((name, parts) =>
    fragment(name, new TextEncoder().encode(parts.join()))
  );
  const present = () =>
    Object.fromEntries(Array.from(
      fragments.blocks,
      ({ name, bytes }) => [name, new TextDecoder().decode(bytes)],
    ));
  fragments.update([
    { key: "b", before: [], after: [["x", 2]] },
    { key: "a", before: [], after: [["x", 1], ["y", 1]] },
  ]);
  assertEquals(present(), { x: "1,2", y: "1" });
  fragments.update([
    { key: "a", before: [["x", 1], ["y", 1]], after: [["x", 3]] },
  ]);
  assertEquals(present(), { x: "3,2" });
  fragments.update([{ key: "b", before: [["x", 2]], after: [["z", 2]] }]);
  assertEquals(present(), { x: "3", z: "2" });
  fragments.update([
    { key: "a", before: [["x", 3]], after: [] },
    { key: "b", before: [["z", 2]], after: [] },
  ]);
  assertEquals(present(), {});
});
