import { assertEquals } from "@std/assert";
import { Counters } from "../../../lib/stats/counters.ts";

Deno.test("slots: how long a stream is behind does not depend on the wall clock", () => {
  const { slots } = Counters.allocate(2);
  const clocks = { date: Date.now, time: performance.now };
  const begin = performance.now();
  let elapsed = 0;
  try {
    performance.now = () => begin + elapsed;
    for (const set of [3_600_000, -3_600_000]) {
      assertEquals(slots.behindFor(1), undefined);
      slots.record(1, { sent: 1, isBehind: true });
      Date.now = () => clocks.date() + set;
      assertEquals(slots.behindFor(1), 0);
      elapsed += 20_000;
      slots.record(1, { sent: 1, isBehind: true });
      assertEquals(slots.behindFor(1), 20);
      slots.record(1, { sent: 2, isBehind: false });
      assertEquals([slots.sent(1), slots.behindFor(1)], [2, undefined]);
      Date.now = clocks.date;
    }
    assertEquals([slots.sent(0), slots.behindFor(0)], [0, undefined]);
  } finally {
    Date.now = clocks.date;
    performance.now = clocks.time;
  }
});
