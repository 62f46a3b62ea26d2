import { assertEquals } from "@std/assert";
import { summaryText } from "../../../lib/model/status.ts";

const NOW = Date.UTC(2026, 10, 24, 17, 40);
const SECOND = 1_000;
const HOUR = 3_600_000;

const since = (oldest: number, newest = oldest, isAtLeast = false) =>
  [
    { time: NOW - oldest, isAtLeast },
    { time: NOW - newest, isAtLeast: false },
  ] as const;

Deno.test("status: what is wrong since when, and a time once", () => {
  const parts = [
    { text: "9 too few", since: since(12 * HOUR, 12 * HOUR) },
    { text: "3 unhealthy", since: since(3 * HOUR, 40 * SECOND) },
    { text: "3 no address", since: since(3 * HOUR, 40 * SECOND) },
    {
      text: "2 restarted",
      isEvent: true,
      since: since(70 * SECOND, 5 * SECOND),
    },
    { text: "1 drift" },
  ];
  const bad = { status: "bad", parts } as const;
  assertEquals(
    summaryText(bad, NOW),
    "9 too few for 12 h, 3 unhealthy for 40 s to 3 h, 3 no address, " +
      "2 restarted 5 s to 70 s ago, 1 drift",
  );
  assertEquals(
    summaryText(bad),
    "9 too few, 3 unhealthy, 3 no address, 2 restarted, 1 drift",
  );
  assertEquals(
    summaryText({
      status: "bad",
      parts: [{
        text: "2 starting",
        since: since(HOUR, 600 * SECOND, true),
      }],
    }, NOW),
    "2 starting for 10 min to at least 1 h",
  );
  assertEquals(
    summaryText({ status: "note", parts: [{ text: "2 notes" }] }, NOW),
    "OK, 2 notes",
  );
  assertEquals(summaryText({ status: "off", parts: [] }, NOW), "stopped");
});
