import { assert } from "@std/assert";
import { nextAlignedDelay } from "../../lib/time.ts";

Deno.test("what many lainlets do again and again, some of them do together, and not all", () => {
  const beats = new Set<number>();
  for (let i = 0; i < 1_000; i++) {
    const now = Date.UTC(2026, 0, 1) + 10_000 * Math.random();
    const pause = nextAlignedDelay(5_000, now);
    assert(pause > 4_350 && pause <= 5_000, `${pause}`);
    const beat = (now + pause) / 100;
    assert(Math.abs(beat - Math.round(beat)) < 1e-4, `${beat}`);
    beats.add(Math.round(beat) % 50);
  }
  assert(beats.size === 50, `${beats.size}`);
});
