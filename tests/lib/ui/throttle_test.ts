import { assertEquals } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { Throttle } from "../../../lib/ui/live.ts";

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
