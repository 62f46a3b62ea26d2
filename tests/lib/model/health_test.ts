import { assert, assertEquals } from "@std/assert";
import {
  healthOf,
  healthUrgency,
  problemText,
  type Reported,
  statusOf,
  statusText,
} from "../../../lib/model/health.ts";

const NOW = Date.UTC(2026, 10, 24, 17, 40);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A time before now, as the store writes it. */
function before(ms: number): string {
  return new Date(NOW - ms).toISOString();
}

const judged = (reported: Reported, hasAddress = true) =>
  healthOf(reported, hasAddress, NOW);

Deno.test("health: what the store reports, in a status and in words", () => {
  const oom = "container exited with code 137";
  const cases: [
    reported: Reported,
    status: string,
    text: string,
    short?: string,
  ][] = [
    [{}, "good", "OK"],
    [{ State: "success", Health: "healthy", Restarts: 9 }, "good", "OK"],
    [{ State: "success", Health: "none" }, "good", "OK"],
    [{ State: "paused", LastError: oom }, "off", "paused"],
    [{ State: "exit", Target: "stop" }, "off", "stopped"],
    [{ State: "removed" }, "off", "stopped"],
    // Nobody knows when the last restart was.
    [{ Restarts: 417 }, "good", "OK"],
    // Nobody knows since when, so it may be long.
    [{ State: "pending" }, "bad", "pending"],
    [{ State: "drift", Health: "starting" }, "bad", "starting, drift"],
    [
      {
        OOMKilled: true,
        State: "fail",
        Health: "unhealthy",
        LastError: oom,
        Restarts: 417,
        Restarted: before(40 * SECOND),
        Updated: before(40 * SECOND),
      },
      "bad",
      "killed for memory 40 s ago, failed for 40 s, unhealthy, " +
      `restarted 40 s ago (417 total), last error 40 s ago: ${oom}`,
      "killed for memory 40 s ago, failed for 40 s, unhealthy, " +
      "restarted 40 s ago (417 total), last error 40 s ago",
    ],
    // What a store may say, and no word of ours.
    [{ State: "constructor" }, "good", "constructor"],
  ];
  for (const [reported, status, text, short = text] of cases) {
    const health = judged(reported);
    assertEquals([reported, statusOf(health)], [reported, status]);
    assertEquals([reported, statusText(health, { now: NOW })], [
      reported,
      text,
    ]);
    assertEquals(statusText(health, { now: NOW, isShort: true }), short);
  }
  assertEquals(statusText(judged({}, false)), "no address");
  assertEquals(statusText(judged({ Target: "stop" }, false)), "stopped");
});

Deno.test("health: an event is a problem while it is recent, and a condition once it has lasted", () => {
  const cases: [what: string, Reported, before: string, after: string][] = [
    // What it is, how old, then the statuses just before and after its limit.
    ["a restart", { Restarts: 1, Restarted: before(0) }, "bad", "good"],
    ["a kill", { OOMKilled: true }, "bad", "note"],
    ["an error", { LastError: "x" }, "bad", "note"],
    ["pending", { State: "pending" }, "good", "bad"],
    ["starting", { Health: "starting" }, "good", "bad"],
    ["another release", { Version: "1", Wanted: "2" }, "good", "bad"],
  ];
  const limits: Record<string, number> = {
    "pending": 5 * MINUTE,
    "starting": 5 * MINUTE,
    "another release": 15 * MINUTE,
  };
  for (const [what, reported, early, late] of cases) {
    const limit = limits[what] ?? 10 * MINUTE;
    for (const [age, status] of [[limit - 1, early], [limit, late]] as const) {
      const time = before(age);
      const health = judged({
        ...reported,
        Updated: time,
        ...reported.Restarted && { Restarted: time },
      });
      assertEquals([what, age, statusOf(health)], [what, age, status]);
      // It is judged again exactly when that makes a difference.
      assertEquals(
        health.validUntil,
        age < limit ? NOW + 1 : Infinity,
        `${what} ${age}`,
      );
    }
  }
  for (const State of ["drift", "error", "exit", "fail", "missing"]) {
    const { problems } = judged({ State, Updated: before(0) });
    assertEquals(problems.map(({ kind }) => kind), [State]);
  }
  // A pod that is about to start has no address yet.
  const pending = (age: number) =>
    statusOf(judged({ State: "pending", Updated: before(age) }, false));
  assertEquals([pending(MINUTE), pending(HOUR)], ["good", "bad"]);
});

Deno.test("health: an old flag of a pod that is OK is a note, and one of a pod that is not is no worse problem", () => {
  const old = { OOMKilled: true, LastError: "x", Updated: before(90 * DAY) };
  const healthy = judged(old);
  assertEquals([statusOf(healthy), healthy.problems], ["note", []]);
  assertEquals(
    statusText(healthy, { now: NOW }),
    "OK, killed for memory 90 d ago, last error 90 d ago: x",
  );
  const drift = judged({ ...old, State: "drift" });
  assertEquals(drift.problems.map(({ kind }) => kind), ["drift"]);
  assert(healthUrgency(drift) > healthUrgency(judged({ State: "fail" })));
  assert(healthUrgency(healthy) < healthUrgency(judged({})));
});

Deno.test("health: since when is what lainlet saw, else what the store says, else at least since lainlet saw it", () => {
  const texts: [Reported, text: string][] = [
    [{ Updated: before(HOUR) }, "starting for 1 h"],
    // The store wrote it again, for another reason.
    [
      { Updated: before(0), Since: { Health: before(HOUR) } },
      "starting for 1 h",
    ],
    [
      { AtLeastSince: { Health: before(8 * MINUTE) } },
      "starting for at least 8 min",
    ],
    [{ AtLeastSince: { Health: before(MINUTE) } }, "starting"],
    // A clock that is an hour ahead.
    [{ Updated: before(-HOUR) }, "starting"],
    [{ Updated: "0001-01-01T00:00:00Z" }, "starting"],
  ];
  for (const [reported, text] of texts) {
    const health = judged({ Health: "starting", ...reported });
    assertEquals([reported, statusText(health, { now: NOW })], [
      reported,
      text,
    ]);
  }
  const restarted = (reported: Reported) =>
    statusText(judged({ Restarts: 3, ...reported }), { now: NOW });
  assertEquals(
    restarted({ Since: { Restarts: before(MINUTE) } }),
    "restarted 60 s ago (3 total)",
  );
  assertEquals(restarted({ Updated: before(MINUTE) }), "OK");
  // It runs, so it was killed before it was started.
  assertEquals(
    statusOf(judged({
      OOMKilled: true,
      Restarted: before(DAY),
      Updated: before(0),
    })),
    "note",
  );
});

Deno.test("health: the worst comes first, then the newest", () => {
  const all = [
    judged({ State: "fail", Updated: before(MINUTE) }),
    judged({ State: "fail", Updated: before(DAY) }),
    judged({ State: "fail" }),
    judged({ Health: "unhealthy", Updated: before(0) }),
    judged({}, false),
    judged({ Restarts: 9, Restarted: before(5 * SECOND) }),
    judged({ Health: "starting", Updated: before(HOUR) }),
    judged({ State: "drift", Updated: before(0) }),
    judged({ Version: "1", Wanted: "2", Updated: before(HOUR) }),
    judged({ LastError: "x", Updated: before(0) }),
    judged({ LastError: "x", Updated: before(HOUR) }),
    judged({ LastError: "x", Updated: before(DAY) }),
    judged({}),
  ].map(healthUrgency);
  assertEquals(all.toSorted((a, b) => a - b), all);
  assertEquals(new Set(all).size, all.length);
});

Deno.test("health: a time is said once, and a filter sees none", () => {
  const health = judged({
    State: "drift",
    Version: "1501708030-536c4499d863386ce10c",
    Wanted: "27",
    Updated: before(HOUR),
  });
  assertEquals(
    problemText(health, { now: NOW }),
    "drift for 1 h, runs release-1501708030-536c449, release-27 wanted",
  );
  assertEquals(
    problemText(health),
    "drift, runs release-1501708030-536c449, release-27 wanted",
  );
});

Deno.test("health: times of the store, of which the year 1 is none", () => {
  const times = [
    "2026-11-24T17:40:00Z",
    1_700_000_000,
    "0001-01-01T00:00:00Z",
    "x",
    undefined,
  ].map((Updated) => judged({ Updated }).updated);
  assertEquals(times, [
    NOW,
    1_700_000_000_000,
    undefined,
    undefined,
    undefined,
  ]);
});
