import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { mergePatch } from "../../lib/broadcast/merge_patch.ts";
import { applyMergePatch, reuseEqualParts } from "../../lib/client/patch.ts";
import { canonical, parseExact } from "../../lib/json.ts";
import type { Check } from "./check.ts";
import { json, objects } from "./json.ts";

/** A patch makes of one state the other, touches neither, and is there whenever no null is in the way. */
export async function patches(check: Check): Promise<void> {
  const states = fc.oneof(objects(json), json);
  await check(fc.property(states, states, (before, after) => {
    const [old, now] = [parseExact(before), parseExact(after)];
    const patch = mergePatch(before, after);
    if (patch === undefined) {
      assert(/null/.test(after), "there is no patch");
    } else {
      assertEquals(
        canonical(applyMergePatch(old, parseExact(patch))),
        canonical(now),
      );
    }
    const shared = reuseEqualParts(old, now);
    assertEquals(canonical(shared), canonical(now));
    // Members in another order are the same state.
    assertEquals(shared === old, canonical(old) === canonical(now));
    assertEquals([old, now].map(canonical), [
      canonical(parseExact(before)),
      canonical(parseExact(after)),
    ]);
  }));
}
