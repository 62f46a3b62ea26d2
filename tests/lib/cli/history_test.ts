import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { historyNotes } from "../../../lib/cli/history.ts";
import { requireApp } from "../../../lib/cli/notes.ts";
import { Client } from "../../../lib/client/client.ts";
import { encodeHistory } from "../../../lib/overview/saved_log.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
} from "../../../scripts/cluster.ts";
import { groupAt } from "../../util/example.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { becomes } from "../../util/process.ts";

const NODE = { name: "node1", ip: "192.0.2.1" };

Deno.test("history: the command line shows where it begins, and its gaps", async () => {
  const begin = Date.now() - 3_600_000;
  const gap = { begin: begin + 60_000, end: begin + 120_000 };
  const notes = [
    ...encodeHistory({ begin, gaps: [gap], records: [], count: 0 }),
  ];
  const at = begin + 1_800_000;
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using lainlet = new TestLainlet(store, {
    historyKeeper: { keepNotes: () => ({ notes, at }) },
  });
  const client = new Client(lainlet.url);
  const notesOf = async (since: string, hasChanges = false) =>
    (await historyNotes(client, since, hasChanges))
      .map((line) => line.replaceAll(/([-\d]+ )?\d\d:\d\d:\d\d/g, "TIME"));
  const away = "lainlet did not run from TIME to TIME: " +
    "of changes in that time only the result is known";
  await becomes("the gap is over", () => notesOf("2h"), [
    "no changes since TIME, when the history starts",
    away,
    away,
  ]);
  assertEquals(await notesOf("50m"), ["no changes since TIME", away]);
  assertEquals(await notesOf("2h", true), [
    "the history starts at TIME",
    away,
    away,
  ]);
  assertEquals(await notesOf("50m", true), [away]);
  assertEquals(await notesOf("2999-01-01T00:00:00Z", true), []);
});

Deno.test("history: many gaps, as after a storm of restarts, are one line", async () => {
  const begin = Date.now() - 3_600_000;
  const gaps = [1, 2, 3, 4].map((minute) => ({
    begin: begin + minute * 60_000,
    end: begin + minute * 60_000 + 1_000,
  }));
  const notes = [...encodeHistory({ begin, gaps, records: [], count: 0 })];
  await using lainlet = new TestLainlet(
    new MemoryStore([["/lain/config/a", "1"]]),
    {
      historyKeeper: { keepNotes: () => ({ notes, at: Date.now() }) },
    },
  );
  const client = new Client(lainlet.url);
  const day = new Date(begin).toISOString().slice(0, 10);
  await becomes(
    "the last gap is over",
    async () =>
      (await historyNotes(client, "55m", true)).map((line) =>
        line.replaceAll(/([-\d]+ )?\d\d:\d\d:\d\d/g, "TIME").replace(day, "")
      ),
    [
      "lainlet did not run from TIME to TIME: " +
      "of changes in that time only the result is known",
    ],
  );
  const [, many] = await historyNotes(client, "2h", true);
  assertMatch(
    many ?? "",
    /^lainlet did not run 5 times from \S*( \S+)? to \S*( \S+)?: of changes in that time only the result is known$/,
  );
});

Deno.test("history: an app that has neither pods nor portals is not found", async () => {
  const group = groupAt("192.0.2.2", "shop");
  const store = new MemoryStore([
    [groupKey(group), groupValue(group)],
    [dependsKey("mysql"), dependsValue(NODE, "shop", "192.0.2.9")],
  ]);
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  for (const name of ["shop", "shop/", "mysql", "*"]) {
    await requireApp(client, name);
  }
  for (const name of ["sho", "my", "constructor"]) {
    await assertRejects(() => requireApp(client, name), Error, "not found: ");
  }
  await assertRejects(
    () => requireApp(client, "shpo"),
    Error,
    'not found: "shpo"; did you mean shop?',
  );
});
