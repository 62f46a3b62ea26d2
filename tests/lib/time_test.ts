import { assert } from "@std/assert";
import { nextAlignedDelay } from "../../lib/time.ts";

Deno.test("nextAlignedDelay: many lainlets are spread over all slots", () => {
  const slots = new Set<number>();
  for (let i = 0; i < 1_000; i++) {
    const now = Date.UTC(2026, 0, 1) + 10_000 * Math.random();
    const delay = nextAlignedDelay(5_000, now);
    assert(delay > 4_350 && delay <= 5_000, `${delay}`);
    const slot = (now + delay) / 100;
    assert(Math.abs(slot - Math.round(slot)) < 1e-4, `${slot}`);
    slots.add(Math.round(slot) % 50);
  }
  assert(slots.size === 50, `${slots.size}`);
});
