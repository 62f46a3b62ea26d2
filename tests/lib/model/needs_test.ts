/**
 * What needs attention in a cluster of old and new troubles: as the page judges
 * it, and as the command line does.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Cell, Row } from "../../../lib/cli/table.ts";
import { apps, find, nodes, pods } from "../../../lib/cli/tables.ts";
import { Client } from "../../../lib/client/client.ts";
import { statusOf, statusText } from "../../../lib/model/health.ts";
import { issuesOf } from "../../../lib/model/issues.ts";
import { modelOf } from "../../../lib/model/mod.ts";
import { sortByUrgency } from "../../../lib/model/status.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { needsCluster } from "../../fixtures/needs.ts";
import { TestLainlet } from "../../util/lainlet.ts";

/** Seconds since the cluster was made count as none. */
const TIMES = /\b([5-9]|[1-5]\d) s\b/g;

/** By app: how its pod is judged. */
const JUDGED: Readonly<
  Record<string, readonly [status: string, text: string]>
> = {
  old10restarts: ["good", "OK"],
  crashloop9: ["bad", "restarted 5 s ago (9 total)"],
  oldoom: ["note", "OK, killed for memory 90 d ago"],
  olderror: ["note", "OK, last error 90 d ago: pull failed, retried"],
  starting1h: ["bad", "starting for 1 h"],
  drift: ["bad", "drift for 1 h, runs release-0, release-1 wanted"],
};

/** What is a problem, the worst first. */
const ORDER = ["crashloop9", "starting1h", "drift"];

function textOf(cell: Cell | undefined = ""): string {
  const text = typeof cell === "string" ? cell : cell.text;
  return text.replace(TIMES, "5 s");
}

function statusCell(row: Row, title: number): [string, string] {
  const cell = row.cells[title];
  const status = typeof cell === "object" ? cell.status : undefined;
  return [status ?? "", textOf(cell)];
}

Deno.test("needs: old problems do not need attention, and present ones do since they began", async (t) => {
  const made = Date.now();
  await using lainlet = await new TestLainlet(
    new MemoryStore(needsCluster(made)),
  ).ready();
  const client = new Client(lainlet.url);
  const overview = await client.get("overview", {});
  const appOf = (name: string) => name.split(".")[0] ?? "";

  await t.step("on the page", () => {
    const now = Date.now();
    const model = modelOf(overview, now);
    const judged = model.pods.map((pod) => [
      pod.app,
      [statusOf(pod), textOf(statusText(pod, { now }))],
    ]);
    assertEquals(Object.fromEntries(judged), JUDGED);
    const issues = issuesOf(model);
    assertEquals(issues.map(({ status, title }) => [status, title]), [
      ["bad", "3 pods have a problem, in 3 groups"],
      ["bad", "1 node is overcommitted"],
      ["note", "2 pods are OK and have an old error"],
    ]);
    assertEquals(
      issues.filter(({ all }) => all.path[0] === "pods").map(({ items }) =>
        items.map(({ name, reason }) => [appOf(name), textOf(reason(now))])
      ),
      [
        ORDER.map((app) => [app, JUDGED[app]?.[1]]),
        [
          ["olderror", "last error 90 d ago: pull failed, retried"],
          ["oldoom", "killed for memory 90 d ago"],
        ],
      ],
    );
  });

  await t.step("by the command line", async () => {
    const rows = await pods("").read(client);
    const judged = rows.map((row) => [appOf(row.name), statusCell(row, 3)]);
    assertEquals(Object.fromEntries(judged), {
      ...JUDGED,
      // The error has a column of its own.
      olderror: ["note", "OK, last error 90 d ago"],
    });
    const troubles = (rows: readonly Row[]) =>
      sortByUrgency(
        rows.filter(({ isOk }) => !isOk),
        ({ urgency = 0 }) => urgency,
      ).map(({ name }) => appOf(name));
    assertEquals(troubles(rows), ORDER);
    assertEquals(troubles(await apps().read(client)), ORDER);
    const [node] = await nodes().read(client);
    assert(node);
    // Its pods have their column, and are no problem of the node.
    assertEquals(statusCell(node, 3), ["bad", "3"]);
    const [status, text] = statusCell(node, 9);
    assertEquals([status, text.replace(/\d+ s$/, "… s")], [
      "bad",
      "CPU overcommitted for at least … s",
    ]);
    const found = await find("crashloop9.web.web/1").read(client);
    assertEquals(
      found.map((row) => [row.name, ...statusCell(row, 4)]),
      [["pod/crashloop9.web.web/1", ...JUDGED.crashloop9 ?? []]],
    );
  });

  await t.step("as time passes, a restart is no problem any more", () => {
    const MINUTE = 60_000;
    const badAt = (now: number) =>
      modelOf(overview, now).pods.filter((pod) => statusOf(pod) === "bad")
        .map(({ app }) => app).sort();
    const before = modelOf(overview, made);
    const turn = before.validUntil;
    assertEquals(turn, made - 5_000 + 10 * MINUTE);
    assertEquals(badAt(turn - 1), ORDER.toSorted());
    assertEquals(badAt(turn), ["drift", "starting1h"]);
    // What is judged as before is the same object.
    const after = modelOf(overview, turn);
    const same = before.pods.filter((pod, i) => pod === after.pods[i]);
    assertEquals(same.length, 5);
  });
});
