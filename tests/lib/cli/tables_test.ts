import { assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { readStatus, renderStatus } from "../../../lib/cli/status.ts";
import type { Cell, Row } from "../../../lib/cli/table.ts";
import { apps, changes, find, pods } from "../../../lib/cli/tables.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { LARGE, largeCluster } from "../../fixtures/large_cluster.ts";
import { needsCluster } from "../../fixtures/needs.ts";
import { TestLainlet } from "../../util/lainlet.ts";

/** How long a restart is a problem, in ms. */
const RECENT = 600_000;

/** Text and status of the last cell of the row of a name. */
function lastOf(rows: readonly Row[], name: string): Cell | undefined {
  const cell = rows.find((row) => row.name === name)?.cells.at(-1);
  return typeof cell === "object"
    ? { text: cell.text, status: cell.status }
    : cell;
}

function isStopped(cells: readonly Cell[]): boolean {
  const last = cells.at(-1);
  return typeof last === "object" && last.text === "stopped";
}

Deno.test("tables: apps and nodes have the same status in their list and in find", async () => {
  const store = new MemoryStore(largeCluster(Date.now()));
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const all = await apps().read(client);
  const ok: Cell = { text: "OK", status: "good" };
  assertEquals(lastOf(all, "shop"), ok);
  const short: Cell = { text: "9 too few for at least 12 d", status: "bad" };
  assertEquals(lastOf(all, LARGE.short.app), short);
  // None of its pods is to run.
  const { name = "" } = all.find(({ cells }) => isStopped(cells)) ?? {};
  assertEquals(lastOf(await find(name).read(client), `app/${name}`), {
    text: "stopped",
    status: "off",
  });
  const found = async (name: string, word = name.split("/")[1] ?? "") =>
    lastOf(await find(word).read(client), name);
  assertEquals(await found("app/shop"), ok);
  assertEquals(await found(`app/${LARGE.short.app}`), short);
  const { node } = LARGE.crowded;
  const { status, text } = Object(await found(`node/${node}`));
  assertEquals(status, "bad");
  assertMatch(text, /^memory overcommitted for at least \d+ s$/);
});

Deno.test("tables: a restart leaves the problems as time passes, without a change", async () => {
  const made = Date.now();
  const store = new MemoryStore(
    needsCluster(made - RECENT + 5_000 + 3_000),
  );
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const stop = new AbortController();
  const states: boolean[] = [];
  const options = { signal: stop.signal };
  for await (const rows of pods("").watch(client, options)) {
    const row = rows.find(({ name }) => name === "crashloop9.web.web/1");
    if (row?.isOk !== states.at(-1)) states.push(row?.isOk ?? false);
    if (states.at(-1)) stop.abort();
  }
  assertEquals(states.at(-1), true);
  assertEquals(lainlet.lainlet.cluster.podgroup.revision, 1);
});

Deno.test("tables: a change of another day has its date", async () => {
  const today = new Date();
  today.setHours(12, 0, 0, 0);
  const before = new Date(2026, 0, 15, 9, 5, 7);
  const told = [before, today].map((time, i) => [
    String(i),
    {
      time: time.toISOString(),
      revision: i,
      kind: "config",
      name: "motd",
      change: "removed",
      diff: [],
    },
  ]);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json(Object.fromEntries(told)),
  );
  const client = new Client(`http://127.0.0.1:${server.addr.port}`);
  const rows = await changes("", "90d").read(client);
  const [first, second] = rows.map(({ cells: [time] }) => String(time));
  assertEquals(first, "2026-01-15 09:05:07");
  assertMatch(second ?? "", /^12:00:00$/);
});

Deno.test("status: the reason why lainlet is not ready is folded", async () => {
  const store = new MemoryStore(largeCluster());
  await using lainlet = await new TestLainlet(store).ready();
  const status = await readStatus(lainlet.url);
  const reason = "connect ECONNREFUSED 192.0.2.1:2379; " +
    "config, container, depends, nodes and podgroup are not read yet";
  const lines = renderStatus({ ...status, ready: false, reason }, 80)
    // deno-lint-ignore no-control-regex
    .map((line) => line.replace(/\x1b\[\d+m/g, ""));
  assertEquals(lines.filter((line) => line.length > 80), []);
  assertEquals(`${lines[0]} ${lines[1]}`, `not ready: ${reason}`);
});
