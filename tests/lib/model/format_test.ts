import { assert, assertEquals } from "@std/assert";
import {
  addressText,
  age,
  bytes,
  clockOrTimestamp,
  duration,
  measured,
  naturalKey,
  plural,
  reservedText,
  shortVersion,
} from "../../../lib/model/format.ts";

Deno.test("format: numbers, sizes and times have one unit", () => {
  assertEquals(plural(1, "pod"), "1 pod");
  assertEquals(plural(2700, "pod is", "pods are"), "2,700 pods are");
  assertEquals([0.125, 3.4, 99.999, 1234.5].map(measured), [
    "0.13",
    "3.4",
    "100",
    "1235",
  ]);
  assertEquals([0, 900, 2 ** 25, 3 * 2 ** 39].map(bytes), [
    "0 B",
    "900 B",
    "32 MiB",
    "1.5 TiB",
  ]);
  const second = 1000;
  const times: [ms: number, text: string][] = [
    [-5, "0 ms"],
    [12.34, "12.34 ms"],
    [999, "999 ms"],
    [second, "1 s"],
    [89 * second, "89 s"],
    [90 * second, "2 min"],
    [59 * 60 * second, "59 min"],
    [3599 * second, "1 h"],
    [3600 * second, "1 h"],
    [90 * 60 * second, "1.5 h"],
    [599 * 60 * second, "10 h"],
    [700 * 60 * second, "12 h"],
    [35 * 3600 * second, "35 h"],
    [36 * 3600 * second, "2 d"],
    [300 * 86400 * second, "300 d"],
  ];
  for (const [ms, text] of times) assertEquals([ms, duration(ms)], [ms, text]);
  assertEquals([age(1000, 1999), age(1000, 2000), age(2000, 1000)], [
    "now",
    "1 s",
    "now",
  ]);
});

Deno.test("format: a time of another day has its day", () => {
  const now = new Date(2026, 10, 29, 12, 0, 0);
  assertEquals(
    clockOrTimestamp(new Date(2026, 10, 29, 9, 5, 7), now),
    "09:05:07",
  );
  assertEquals(
    clockOrTimestamp(new Date(2026, 10, 28, 9, 5, 7), now),
    "2026-11-28 09:05:07",
  );
});

Deno.test("format: reservations, addresses and versions", () => {
  const GB = 2 ** 30;
  assertEquals(reservedText({ limits: 45, capacity: 48 }, "CPU"), "45 of 48");
  assertEquals(
    reservedText({ limits: 150.96 * GB, capacity: 8 * GB }, "memory"),
    "151 of 8 GB",
  );
  assertEquals(reservedText({ limits: GB / 2 }, "memory"), "0.5 GB");
  assertEquals([addressText("a", 80), addressText("a"), addressText("", 80)], [
    "a:80",
    "a",
    "",
  ]);
  assertEquals(
    shortVersion("1501708030-536c4499d863386ce10c"),
    "1501708030-536c449",
  );
});

Deno.test("format: the natural order follows the numbers in a text", () => {
  for (
    const [a, b] of [["a9", "a10"], ["node2", "node10"], [
      "172.20.9.1",
      "172.20.10.1",
    ]]
  ) {
    assert(naturalKey(a ?? "") < naturalKey(b ?? ""));
  }
});
