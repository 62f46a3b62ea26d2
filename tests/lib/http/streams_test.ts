import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get, Stream } from "../../util/client.ts";
import { golden } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { within } from "../../util/process.ts";

/** Whether headers let proxies pass on each event at once. */
function assertIsStream({ response: { headers } }: Pick<Stream, "response">) {
  assertEquals(headers.get("content-type"), "text/event-stream");
  assertEquals(headers.get("cache-control"), "no-cache, no-transform");
  assertEquals(headers.get("x-accel-buffering"), "no");
}

Deno.test("a refused watch is one error event and the end of the stream", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const refusals: [path: string, from: string, message: string][] = [
    ["/v2/procwatcher?watch=1", "127.0.0.1", "appname required"],
    ["/v2/nodes?watch=1", "127.20.0.12", "authorize failed, super required"],
    [
      "/v2/coreinfowatcher?watch=1&appname=console",
      "127.20.0.12",
      "authorize failed, no permission",
    ],
    [
      "/v2/coreinfowatcher?watch=1",
      "127.99.0.1",
      "authorize failed, can not confirm the app by request ip",
    ],
    [
      "/v2/nodes?watch=1&heartbeat=x",
      "127.0.0.1",
      "heartbeat must be a whole number of seconds",
    ],
  ];
  for (const [path, from, message] of refusals) {
    await using stream = await Stream.open(server.url + path, from);
    assertEquals(stream.response.status, 200);
    assertIsStream(stream);
    assertEquals(await stream.next(), {
      id: "0",
      event: "error",
      data: message,
    });
    assertEquals(await stream.next(), undefined);
  }
  assertEquals(server.lainlet.limits.listeners, 0);
  // A GET ignores the heartbeat.
  for (const [path, from, message] of refusals.slice(0, -1)) {
    const { body, headers } = await get(
      server.url + path.replace("watch=1", ""),
      from,
    );
    assertEquals(body, message);
    assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
  }
});

Deno.test("headers of a stream", async () => {
  await using server = await new TestLainlet(golden()).ready();
  for (const path of ["/v2/nodes?watch=1", "/v2/watch?view=nodes"]) {
    await using stream = await Stream.open(server.url + path);
    assertIsStream(stream);
    const { headers } = await get(server.url + path, "127.0.0.1", {
      method: "HEAD",
    });
    assertIsStream({ response: new Response(null, { headers }) });
  }
});

Deno.test("values of watch and heartbeat", async () => {
  const store = golden();
  await using server = await new TestLainlet(store).ready();
  const status = async (query: string) =>
    (await get(`${server.url}/v2/nodes?${query}`)).status;
  for (
    const query of [
      "watch=",
      "watch=0",
      "watch=False",
      "watch=no",
      "watch=OFF",
      "heartbeat=0",
      "heartbeat=",
      "heartbeat=5",
      // A GET ignores it.
      "heartbeat=x",
      "heartbeat=-1",
    ]
  ) {
    assertEquals([query, await status(query)], [query, 200]);
  }
  for (const query of ["watch=2", "watch=y", "watch=tru", "watch=%20"]) {
    assertEquals([query, await status(query)], [query, 400]);
  }
  const first = async (query: string) => {
    await using stream = await Stream.open(`${server.url}/v2/nodes?${query}`);
    return (await stream.next())?.event;
  };
  for (const watch of ["1", "true", "True", "TRUE", "yes", "on", "On"]) {
    assertEquals([watch, await first(`watch=${watch}`)], [watch, "init"]);
  }
  for (const heartbeat of ["-1", "1.5", "1s", "x"]) {
    assertEquals(
      [heartbeat, await first(`watch=1&heartbeat=${heartbeat}`)],
      [heartbeat, "error"],
    );
  }
  // None comes, or not yet.
  for (const [i, heartbeat] of ["", "0", "99999999999"].entries()) {
    await using stream = await Stream.open(
      `${server.url}/v2/nodes?watch=1&heartbeat=${heartbeat}`,
    );
    assertEquals([heartbeat, (await stream.next())?.event], [
      heartbeat,
      "init",
    ]);
    assertEquals(await status("heartbeat=x"), 200);
    store.put(`/lain/nodes/nodes/more${i}:1:22`, "{}");
    assertEquals([heartbeat, (await stream.next())?.event], [
      heartbeat,
      "update",
    ]);
  }
});

Deno.test("an idle stream gets a comment, and stays open", async () => {
  const store = golden();
  await using server = await new TestLainlet(store, { idle: 50 }).ready();
  const { body } = await fetch(`${server.url}/v2/nodes?watch=1&name=none`);
  let text = "";
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.endsWith(":\n:\n")) store.put("/lain/nodes/nodes/none:1:22", "{}");
    if (text.includes("update")) break;
  }
  assertMatch(
    text,
    /^id: 1\nevent: init\ndata: {}\n\n(:\n)+id: 2\nevent: update\ndata: {"none:1:22":{}}\n\n/,
  );
});

Deno.test("a stream that waits for its first state gets comments, too", async () => {
  const store = new MemoryStore();
  await using server = new TestLainlet(store, { idle: 50 });
  const { body } = await fetch(`${server.url}/v2/nodes?watch=1`);
  assert(body);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const read = () => within("a comment or an event", reader.read(), 20_000);
  let text = "";
  while (!text.endsWith(":\n:\n")) text += (await read()).value;
  store.put("/lain/nodes/nodes/none:1:22", "{}");
  while (!text.endsWith("}\n\n")) text += (await read()).value;
  await reader.cancel();
  assertMatch(
    text,
    /^(:\n)+id: 1\nevent: init\ndata: {"none:1:22":{}}\n\n$/,
  );
});

Deno.test("patch=merge is for watches of objects", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const ask = async (path: string) => {
    const { status, body } = await get(`${server.url}${path}`);
    return [status, body];
  };
  for (
    const path of [
      "/v2/procwatcher?appname=console",
      "/v2/localspecquery?nodeip=node1",
      "/v2/streamrouter/ports?x",
    ]
  ) {
    assertEquals(
      await ask(`${path}&watch=1&patch=merge`),
      [400, "patch=merge is for responses that are objects"],
    );
  }
  assertEquals(
    await ask("/v2/nodes?watch=1&patch=json"),
    [400, "patch must be merge"],
  );
  assertEquals((await ask("/v2/nodes?patch=merge"))[0], 200);
});

Deno.test("data is one line for every kind of line reader", async () => {
  const value = "a\n\r\v\f\x1c\x85\u2028\u2029z";
  const store = new MemoryStore([["/lain/config/a", value]]);
  await using server = await new TestLainlet(store).ready();
  const { body } = await get(`${server.url}/v2/configwatcher`);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/.exec(body), null);
  assertEquals(JSON.parse(body), { a: value });
});
