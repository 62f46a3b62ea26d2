import { assertEquals } from "@std/assert";
import { preferredWait } from "../../../lib/http/gets.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { get } from "../../util/client.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

/** A revision that is never reached. */
const NEVER = 2 ** 40;

/** Sends a GET, without waiting for the response. */
async function send(url: string): Promise<Deno.TcpConn> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  return conn;
}

Deno.test("GET: a GET that waits for a revision counts as a listener until its client leaves", async () => {
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using server = await new TestLainlet(store, {
    limits: { listeners: 3, listenersPerAddress: 2 },
  }).ready();
  const { lainlet: { limits } } = server;
  const url = `${server.url}/v2/configwatcher`;
  const later = `${url}?revision=${NEVER}`;
  const areWaiting = (count: number) =>
    eventually(
      `${count} wait`,
      () => limits.listeners === count || undefined,
      4_000,
    );
  const refused = async (url: string, reason: string, from?: string) => {
    const { status, body, headers } = await get(url, from);
    assertEquals([status, headers.get("retry-after")], [503, "10"]);
    assertEquals(body, `too many listeners: ${reason}`);
  };

  const waiting = [await send(later), await send(later)];
  await areWaiting(2);
  await refused(later, "2 are served at a time to one address");
  await refused(`${url}?fresh=1`, "2 are served at a time to one address");
  const { body } = await get(`${server.url}/v2/listeners`);
  assertEquals(
    Object.values(JSON.parse(body)).map((one) => Object(one).params),
    waiting.map(() => ({ revision: `${NEVER}` })),
  );
  // A GET that need not wait takes no slot.
  for (const search of ["", "?revision=1"]) {
    assertEquals((await get(url + search)).status, 200);
  }
  for (const conn of waiting) conn.close();
  await areWaiting(0);
  assertEquals((await get(`${url}?fresh=1`)).status, 200);
  assertEquals(limits.listeners, 0);

  const metrics = (await get(`${server.url}/metrics`)).body;
  for (const [flag, count] of limits.refusals) {
    const line = `lainlet_listeners_refused_total{reason="${flag}"} ${count}`;
    assertEquals(metrics.includes(line), true, line);
  }
  assertEquals(limits.refusals.get("max.listeners.per.address"), 2);
});

Deno.test("GET: a caller that loses its right while it waits is refused", async () => {
  const ip = "127.20.1.1";
  const node = { name: "node1", ip: "192.168.77.21" };
  const shop = { app: "shop", proc: "web.web", instances: [{ node, ip }] };
  const right = "/lain/config/super_apps/shop";
  const store = new MemoryStore([
    [groupKey(shop), groupValue(shop)],
    [right, "true"],
  ]);
  await using server = await new TestLainlet(store).ready();
  const answer = get(`${server.url}/v2/nodes?revision=${NEVER}`, ip);
  const { limits } = server.lainlet;
  await eventually("it waits", () => limits.listeners === 1 || undefined);
  store.delete(right);
  const { status, body } = await answer;
  assertEquals([status, body], [403, "authorize failed, super required"]);
});

Deno.test("GET: the first wait preference counts, a malformed one does not", () => {
  const cases: Record<string, number | undefined> = {
    "wait=30": 30,
    'WAIT = "5" ; x=y': 5,
    "respond-async, wait=10, wait=20": 10,
    'x="a, wait=9", wait=1': 1,
    "wait=99999999999999999999": 300,
    'x="a, wait=9"': undefined,
    'x="wait=9': undefined,
    "handling=lenient; wait=20": undefined,
    "wait=1.5": undefined,
    "wait=5x, wait=6": undefined,
    "wait=-1": undefined,
    'wait="5': undefined,
    "wait": undefined,
    "await=3, nowait=5": undefined,
    [`x=${'"'.repeat(30_001)}\\"`]: undefined,
  };
  for (const [prefer, seconds] of Object.entries(cases)) {
    assertEquals(preferredWait(prefer), seconds, prefer.slice(0, 50));
  }
});
