import { assertEquals } from "@std/assert";
import {
  Curve,
  leaksSessions,
  withoutLeaked,
} from "../../scripts/soak/curve.ts";

const SECOND = 1_000;

/** The curve of some minutes, a sample each second. */
function curveOf(
  minutes: number,
  take: (second: number) => { resident: number; heap: number },
): { curve: Curve; lines: string[] } {
  const curve = new Curve();
  const lines: string[] = [];
  for (let second = 0; second < minutes * 60; second++) {
    const line = curve.add({ time: second * SECOND, ...take(second) });
    if (line !== undefined) lines.push(line);
  }
  return { curve, lines };
}

Deno.test("soak: a plateau is one, whatever garbage there is between collections", () => {
  const { curve, lines } = curveOf(30, (second) => ({
    resident: second < 300 ? 100 + second / 5 : 160 + second % 3,
    heap: 30 + second % 60 / 2,
  }));
  assertEquals(curve.growth, { resident: 0, heap: 0 });
  assertEquals(lines.length, 29);
  assertEquals(
    lines[1],
    "minute  2: 112.0 MB, heap after a collection 30.0 MB",
  );
});

Deno.test("soak: growth from third to third is reported as a share", () => {
  const { curve } = curveOf(9, (second) => ({
    resident: 100 + 10 * Math.floor(second / 180),
    heap: 40 * (1 + Math.floor(second / 180)) + second % 7,
  }));
  const { resident, heap } = curve.growth;
  assertEquals(resident.toFixed(4), (120 / 110 - 1).toFixed(4));
  assertEquals(heap.toFixed(2), (120 / 80 - 1).toFixed(2));
});

Deno.test("soak: what an older runtime leaks of ended sessions is no growth of lainlet's", () => {
  assertEquals(
    ["1.46.3", "2.7.11", "2.9.3", "2.9.4", "2.10.0", "3.0.0"].map(
      leaksSessions,
    ),
    [true, true, true, false, false, false],
  );
  const sample = { time: 7, resident: 127, heap: 45 };
  assertEquals(withoutLeaked(sample, { sessions: 1024, refused: 512 }), {
    time: 7,
    resident: 96.5,
    heap: 40.5,
  });
});
