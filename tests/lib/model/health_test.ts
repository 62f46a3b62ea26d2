import { assertEquals } from "@std/assert";
import {
  healthOf,
  problemLabels,
  problemText,
  type Reported,
  severityRank,
  statusOf,
  statusText,
} from "../../../lib/model/health.ts";

Deno.test("health: what the store reports, in a status and in words", () => {
  const oom = "container exited with code 137";
  const cases: [
    reported: Reported,
    status: string,
    text: string,
    label?: string,
  ][] = [
    [{}, "good", "OK"],
    [{ State: "success", Health: "healthy", Restarts: 9 }, "good", "OK"],
    [{ State: "success", Health: "none" }, "good", "OK"],
    [{ State: "drift", Health: "starting" }, "good", "drift, starting"],
    [{ State: "paused", LastError: oom }, "off", "paused"],
    [{ State: "exit", Target: "stop" }, "off", "stopped"],
    [{ State: "removed" }, "off", "stopped"],
    [{ Restarts: 10 }, "bad", "restarted 10 times"],
    [{ State: "pending" }, "bad", "pending"],
    [
      { OOMKilled: true, State: "fail", Health: "unhealthy", LastError: oom },
      "bad",
      `killed for memory, failed, unhealthy, ${oom}`,
      "killed for memory, failed, unhealthy, last error",
    ],
    // What a store may say, and no word of ours.
    [{ State: "constructor" }, "good", "constructor"],
  ];
  for (
    const [
      reported,
      status,
      text,
      label = problemText(healthOf(reported, true)),
    ] of cases
  ) {
    const health = healthOf(reported, true);
    assertEquals([reported, statusOf(health)], [reported, status]);
    assertEquals([reported, statusText(health)], [reported, text]);
    assertEquals(problemLabels(health).join(", "), label);
  }
  assertEquals(statusText(healthOf({}, false)), "no address");
  assertEquals(statusText(healthOf({ Target: "stop" }, false)), "stopped");
});

Deno.test("health: the worst problem decides the rank, and no problem comes last", () => {
  const all = [
    healthOf({ OOMKilled: true, Restarts: 100 }, true),
    healthOf({ Health: "unhealthy" }, true),
    healthOf({}, false),
    healthOf({ LastError: "x" }, true),
    healthOf({}, true),
  ].map(severityRank);
  assertEquals(all.toSorted((a, b) => a - b), all);
  assertEquals(new Set(all).size, all.length);
});

Deno.test("health: times of the store, of which the year 1 is none", () => {
  const times = [
    "2026-11-24T17:40:00Z",
    1_700_000_000,
    "0001-01-01T00:00:00Z",
    "x",
    undefined,
  ]
    .map((Updated) => healthOf({ Updated }, true).updated);
  assertEquals(times, [
    Date.UTC(2026, 10, 24, 17, 40),
    1_700_000_000_000,
    undefined,
    undefined,
    undefined,
  ]);
});
