/**
 * Many listeners, and slow ones, over real sockets.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get, Stream } from "../../util/client.ts";
import { golden } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

Deno.test("listeners beyond a limit, in all or of one address, get 503", async () => {
  const limits = { listeners: 3, listenersPerAddress: 2 };
  await using server = await new TestLainlet(golden(), { limits }).ready();
  const url = `${server.url}/v2/appswatcher?watch=1`;
  const refused = async (from: string) => {
    const { status, headers, body } = await get(url, from);
    return [status, headers.get("retry-after"), body];
  };
  const all = "too many listeners: 3 are served at a time";
  const one = "too many listeners: 2 are served at a time to one address";
  const first = await Stream.open(url);
  await using second = await Stream.open(url);
  assertEquals(await refused("127.0.0.1"), [503, "10", one]);
  // A stream that is refused for another reason has a slot until it ends.
  await using other = await Stream.open(url, "127.0.0.9");
  assertEquals((await other.next())?.event, "error");
  assertEquals(await other.next(), undefined);
  await eventually(
    "its slot is free",
    () => server.lainlet.limits.listeners === 2 || undefined,
  );
  await using third = await Stream.open(
    `${server.url}/v2/proxywatcher?watch=1`,
    "127.20.0.12",
  );
  assertEquals(await refused("127.20.0.13"), [503, "10", all]);
  assertEquals((await get(`${server.url}/v2/nodes`)).status, 200);
  const debug = JSON.parse((await get(`${server.url}/debug`)).body);
  assertEquals([debug.goroutines, debug.refused], [3, 2]);
  await first[Symbol.asyncDispose]();
  await eventually(
    "its slot is free",
    () => server.lainlet.limits.listeners === 2 || undefined,
  );
  await using again = await Stream.open(url);
  for (const stream of [second, third, again]) {
    assertEquals((await stream.next())?.event, "init");
  }
});

Deno.test("the stream of a client that does not read ends, and is counted", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using server = await new TestLainlet(store, { slowAfter: 300 }).ready();
  const path = "/v2/configwatcher?watch=1";
  await using reader = await Stream.open(server.url + path);
  await reader.next();
  const port = Number(new URL(server.url).port);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const request =
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  const { counters, limits } = server.lainlet;
  for (let i = 1; counters.slow === 0; i++) {
    store.put("/lain/config/a", `${i}${"x".repeat(500_000)}`);
    assertEquals((await reader.next())?.id, String(i + 1));
  }
  // It has its slot until it has read what was sent, and the end.
  assertEquals([limits.listeners, counters.connections], [2, 2]);
  const buffer = new Uint8Array(1 << 20);
  while (await conn.read(buffer).catch(() => null) !== null);
  await eventually("it is gone", () => limits.listeners === 1 || undefined);
  store.put("/lain/config/a", "end");
  assertEquals((await reader.next())?.data, { a: "end" });
  assertEquals(counters.slow, 1);
});

Deno.test("10,000 listeners that come and go leave nothing behind", async () => {
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using server = await new TestLainlet(store).ready();
  const { lainlet, url } = server;
  const round = async (i: number) => {
    const abort = new AbortController();
    const response = await fetch(
      `${url}/v2/configwatcher?watch=1&heartbeat=5&target=${i % 7}`,
      { signal: abort.signal },
    );
    await response.body?.getReader().read();
    abort.abort();
  };
  for (let i = 0; i < 10_000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => round(i + k)));
  }
  await eventually(
    "all are gone",
    () =>
      lainlet.limits.listeners === 0 && lainlet.counters.connections === 0
        ? true
        : undefined,
  );
  assertEquals(lainlet.views.topics, 0);
  assertEquals(lainlet.cluster.config.receivers, 0);
});

Deno.test("a listener that does not read delays no other one, and takes no memory", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using server = await new TestLainlet(store).ready();
  const port = Number(new URL(server.url).port);
  const stalled = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const request =
        "GET /v2/configwatcher?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n";
      await conn.write(new TextEncoder().encode(request));
      return conn;
    }),
  );
  try {
    await using reader = await Stream.open(
      `${server.url}/v2/configwatcher?watch=1`,
    );
    await reader.next();
    const padding = "x".repeat(500_000);
    const before = Deno.memoryUsage();
    for (let i = 1; i <= 200; i++) {
      store.put("/lain/config/a", `${i}${padding}`);
      const event = await reader.next();
      assertEquals(event?.id, String(i + 1));
    }
    // 20 listeners missed 100 MB each.
    const after = Deno.memoryUsage();
    const grown = after.heapUsed + after.external - before.heapUsed -
      before.external;
    assert(grown < 200e6, `${grown} bytes more`);
    assertEquals((await get(`${server.url}/healthz`)).status, 200);
    assertEquals(server.lainlet.limits.listeners, 21);
  } finally {
    stalled.forEach((conn) => conn.close());
  }
});

Deno.test("the response to a large state names its length, to GET and HEAD", async () => {
  const store = new MemoryStore([["/lain/config/a", "x".repeat(4_000_000)]]);
  await using server = await new TestLainlet(store).ready();
  const path = "/v2/configwatcher";
  const { body } = await get(server.url + path);
  const port = Number(new URL(server.url).port);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(1_000);
  const head = new TextDecoder().decode(
    buffer.subarray(0, await conn.read(buffer) ?? 0),
  );
  // As of a small state: not in chunks.
  assertMatch(head, new RegExp(`^content-length: ${body.length}\r$`, "m"));
  assertEquals(/^transfer-encoding:/m.exec(head), null);
  const { headers } = await get(server.url + path, "127.0.0.1", {
    method: "HEAD",
    headers: { "Accept-Encoding": "identity" },
  });
  assertEquals(headers.get("content-length"), `${body.length}`);
});
