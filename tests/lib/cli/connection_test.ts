import { assertEquals, assertRejects } from "@std/assert";
import { withAddress } from "../../../lib/cli/connection.ts";
import { apps, changes, nodes } from "../../../lib/cli/tables.ts";
import { Client } from "../../../lib/client/client.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { nodeKey, nodeValue } from "../../../scripts/cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { nested } from "../../util/example.ts";

/** A server with one response for everything. */
function serve(body: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response(body, { headers: { "Content-Type": "application/json" } }),
  );
}

Deno.test("connection: an unreadable response and no response are different errors", async () => {
  for (
    const [body, message] of [
      [nested(501), "it is nested deeper than 500"],
      [
        '{"group/a/b":1,"lainlet/present":{}}',
        "its overview are of a shape that this lainlet does not know",
      ],
    ]
  ) {
    const server = serve(`${body}`);
    const base = `http://127.0.0.1:${server.addr.port}`;
    const ask = () => withAddress(base, () => nodes().read(new Client(base)));
    await assertRejects(
      ask,
      Error,
      `the response of ${base} cannot be read: ${message}`,
    );
    await server.shutdown();
    await assertRejects(ask, Error, `no lainlet responds at ${base}: `);
  }
});

Deno.test("connection: a server that sends no JSON is not a lainlet", async () => {
  await using server = serve("<html>");
  const base = `http://127.0.0.1:${server.addr.port}`;
  await assertRejects(
    () => withAddress(base, () => nodes().read(new Client(base))),
    Error,
    `no lainlet responds at ${base}: it is not JSON`,
  );
});

Deno.test("tables: a value that is nested too deep does not break other rows, written or removed", async () => {
  const node = { name: "node1", ip: "192.0.2.1" };
  const key = nodeKey(node);
  const store = new MemoryStore([[key, nodeValue(node)]]);
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const read = async () => {
    await client.get("nodes", {});
    const lists = [nodes(), apps(), changes("", "5m")];
    const all = await Promise.all(lists.map((list) => list.read(client)));
    return all.map(({ length }) => length);
  };
  for (const depth of [200, 201, 502, 10_000]) {
    store.put(key, nested(depth));
    store.put(`${key}2`, nested(depth));
    store.delete(`${key}2`);
    await new Promise((resolve) => setTimeout(resolve));
    const [found, , changed = 0] = await read();
    assertEquals([found, changed > 0], [1, true]);
  }
  const { watchers } = await client.get("/debug", {});
  assertEquals(watchers.nodes?.Rejected, ["node1:192.0.2.1:22"]);
});
