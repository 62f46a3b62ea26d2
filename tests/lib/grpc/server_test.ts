/**
 * gRPC, used and misused, over real sockets.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { STATUS_CODE } from "@std/http/status";
import { messageFrame } from "../../../lib/grpc/message.ts";
import { Health } from "../../../lib/grpc/proto/health_pb.ts";
import { Proxy } from "../../../lib/grpc/proto/message_pb.ts";
import {
  encodeFrame,
  encodeUint32s,
  ERROR,
  FLAG,
  TYPE,
  uint32At,
} from "../../../lib/http2/frame.ts";
import { quantile, SAMPLE_RATE } from "../../../lib/stats/latency.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { get } from "../../util/client.ts";
import { golden } from "../../util/golden.ts";
import { groupAt } from "../../util/example.ts";
import { RpcClient } from "../../util/grpc.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

const CONFIG = "/message.Config/Get";
const EMPTY = messageFrame([]);

/** Asserts that all calls have ended, and that another is answered. */
async function assertIdle(lainlet: TestLainlet): Promise<void> {
  const { counters, limits } = lainlet.lainlet;
  await eventually(
    "all calls have ended",
    () => counters.connections === 0 && limits.listeners === 0 || undefined,
  );
  await using client = await RpcClient.open(lainlet.rpcPort);
  assertEquals((await client.get("Config")).code, "ok");
}

Deno.test("a caller that does not read gets the latest state, and few before it", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using lainlet = await new TestLainlet(store).ready();
  await using peer = await Http2Peer.connect(lainlet.rpcPort);
  await peer.open(1, callHeaders("/message.Config/Watch"));
  await peer.send(encodeFrame(TYPE.data, FLAG.endStream, 1, EMPTY));
  await peer.nextOf(TYPE.data, 1);
  const large = "x".repeat(10_000);
  for (let i = 1; i <= 1_000; i++) {
    store.put("/lain/config/a", `${i} ${large}`);
    if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  const { counters } = lainlet.lainlet;
  await peer.send(
    encodeFrame(TYPE.windowUpdate, 0, 0, encodeUint32s(1_000_000_000)),
    encodeFrame(TYPE.windowUpdate, 0, 1, encodeUint32s(1_000_000_000)),
  );
  let text = "";
  for (let got = 0; !text.includes("1000 x");) {
    const { payload } = await peer.nextOf(TYPE.data, 1);
    text = new TextDecoder().decode(payload);
    // The window of 65,535 bytes holds some messages, and one more was written.
    assert((got += payload.length) < 100_000, `${got} bytes`);
  }
  await eventually(
    "they are counted",
    () => counters.conflated > 900 || undefined,
  );
  assert(counters.deliveries < 20, `${counters.deliveries}`);
});

Deno.test("latency is measured until callers have taken a change", async () => {
  const large = "x".repeat(200_000);
  const store = new MemoryStore([["/lain/config/a", large]]);
  await using lainlet = await new TestLainlet(store).ready();
  const { counters: { latency }, limits } = lainlet.lainlet;
  // The window is too small for the first state of a single stream.
  await using peer = await Http2Peer.connect(lainlet.rpcPort);
  const streams = Array.from({ length: SAMPLE_RATE }, (_, i) => 2 * i + 1);
  for (const stream of streams) {
    await peer.open(stream, callHeaders("/message.Config/Watch"));
    await peer.send(encodeFrame(TYPE.data, FLAG.endStream, stream, EMPTY));
  }
  await eventually(
    "all listen",
    () => limits.listeners === streams.length || undefined,
  );
  store.put("/lain/config/a", `end ${large}`);
  const begin = performance.now();
  await eventually(
    "some time has passed",
    () => performance.now() - begin > 300 || undefined,
  );
  for (const stream of [0, ...streams]) {
    await peer.send(
      encodeFrame(TYPE.windowUpdate, 0, stream, encodeUint32s(1_000_000_000)),
    );
  }
  const count = () => latency.counts.reduce((sum, count) => sum + count, 0);
  const reading = (async () => {
    while (await peer.next() !== undefined);
  })();
  await eventually("one is measured", () => count() > 0 || undefined);
  peer.conn.close();
  await reading;
  assertEquals(count(), 1);
  const lowest = quantile(0, latency.counts);
  assert(lowest >= 0.25, `it is in the bucket above ${lowest} s`);
});

Deno.test("a protected view that comes back as it was is not sent again", async () => {
  const [up, down] = [groupAt("127.0.2.1"), groupAt("")];
  const key = groupKey(up);
  const store = new MemoryStore([[key, groupValue(up)]]);
  await using lainlet = await new TestLainlet(store).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  using stream = client.watch("WebrouterWebprocs");
  const first = await stream.next();
  const isServed = async (ip: string) => {
    const { status, body } = await get(
      `${lainlet.url}/v2/webrouter/webprocs`,
    );
    return ip === ""
      ? status === STATUS_CODE.ServiceUnavailable || undefined
      : body.includes(ip) || undefined;
  };
  for (const group of [down, up]) {
    store.put(key, groupValue(group));
    const [instance] = group.instances;
    await eventually("it is read", () => isServed(instance?.ip ?? ""));
  }
  store.put(key, groupValue(groupAt("127.0.2.2")));
  const second = await stream.next();
  assertStringIncludes(JSON.stringify(first), "127.0.2.1");
  assertStringIncludes(JSON.stringify(second), "127.0.2.2");
});

Deno.test("a stream that stays unread is ended, others are not", async () => {
  const store = new MemoryStore([["/lain/config/a", "x".repeat(200_000)]]);
  await using lainlet = await new TestLainlet(store, { slowAfter: 300 })
    .ready();
  await using reading = await RpcClient.open(lainlet.rpcPort);
  using good = reading.watch("Config");
  await good.next();
  await using peer = await Http2Peer.connect(lainlet.rpcPort);
  await peer.open(1, callHeaders("/message.Config/Watch"));
  await peer.send(encodeFrame(TYPE.data, FLAG.endStream, 1, EMPTY));
  const { payload } = await peer.nextOf(TYPE.rstStream, 1);
  assertEquals(uint32At(payload, 0), ERROR.cancel);
  const { counters, limits } = lainlet.lainlet;
  assertEquals([counters.slow, limits.listeners], [1, 1]);
  store.put("/lain/config/a", "y");
  assertEquals(await good.next(), { Data: { a: "y" } });
});

Deno.test("a connection beyond the limits is refused and counted", async () => {
  const limits = { listeners: 3, listenersPerAddress: 2 };
  await using lainlet = await new TestLainlet(golden(), { limits }).ready();
  const refused = async () => {
    const { body } = await get(`${lainlet.url}/metrics`);
    const name = "lainlet_grpc_connections_refused_total";
    return new RegExp(`^${name} (\\d+)$`, "m").exec(body)?.[1];
  };
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < 2; i++) {
    const peer = stack.use(await Http2Peer.connect(lainlet.rpcPort));
    await peer.nextOf(TYPE.settings);
  }
  assertEquals(await refused(), "0");
  const third = stack.use(await Http2Peer.connectSilently(lainlet.rpcPort));
  assertEquals(await third.next(), undefined);
  assertEquals(await refused(), "1");
});

Deno.test("a stream beyond the limits is refused; the limits include HTTP's streams", async () => {
  const limits = { listeners: 3, listenersPerAddress: 2 };
  await using lainlet = await new TestLainlet(golden(), { limits }).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const streams = [client.watch("Config"), client.watch("Apps")];
  for (const stream of streams) await stream.next();
  using third = client.watch("Config");
  assertEquals(await third.next(), {
    code: "resource_exhausted",
    message: "too many listeners: 2 are served at a time to one address",
  });
  const http = await get(`${lainlet.url}/v2/nodes?watch=1`);
  assertEquals(http.status, STATUS_CODE.ServiceUnavailable);
  const debug = JSON.parse((await get(`${lainlet.url}/debug`)).body);
  assertEquals([debug.goroutines, debug.refused], [2, 2]);
  assertEquals(debug.watchers.config.NumReceivers, 1);
  const { body } = await get(`${lainlet.url}/metrics`);
  assertStringIncludes(
    body,
    'lainlet_listeners{endpoint="/message.Config/Watch"} 1',
  );
  await client.get("Podgroup");
  const metrics = (await get(`${lainlet.url}/metrics`)).body;
  assertStringIncludes(
    metrics,
    'lainlet_request_duration_seconds_count{endpoint="/message.Podgroup/Get",code="3"} 1',
  );
  for (const stream of streams) stream[Symbol.dispose]();
  await assertIdle(lainlet);
});

Deno.test("all callers of a view share its topic, which is released with the last", async () => {
  const store = golden();
  await using lainlet = await new TestLainlet(store).ready();
  const { cluster: watched, views } = lainlet.lainlet;
  await using client = await RpcClient.open(lainlet.rpcPort);
  const streams = Array.from({ length: 50 }, () => client.watch("Coreinfo"));
  for (const stream of streams) await stream.next();
  assertEquals([views.topics, watched.podgroup.receivers], [1, 50]);
  for (const stream of streams) stream[Symbol.dispose]();
  await eventually(
    "the topic is released",
    () => views.topics === 0 || undefined,
  );
});

Deno.test("malformed calls end with a status", async (t) => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using peer = await Http2Peer.connect(lainlet.rpcPort);
  let stream = -1;
  /** Calls with some bodies, of which the last ends the request. @returns the status */
  const ask = async (path: string, ...bodies: Uint8Array[]) => {
    stream += 2;
    await peer.open(stream, callHeaders(path));
    for (const [i, body] of bodies.entries()) {
      const flags = i === bodies.length - 1 ? FLAG.endStream : 0;
      await peer.send(encodeFrame(TYPE.data, flags, stream, body));
    }
    await peer.nextOf(TYPE.headers, stream);
    return [peer.header("grpc-status"), peer.header("grpc-message")];
  };
  const bytes = (...all: number[]) => Uint8Array.from(all);
  const wrong: Record<
    string,
    [path: string, body: Uint8Array[], code: number, message: string]
  > = {
    "an unknown method": [
      "/message.Config/Set",
      [EMPTY],
      12,
      "no such method: /message.Config/Set",
    ],
    "an unknown service": [
      "/message.None/Get",
      [EMPTY],
      12,
      "no such method: /message.None/Get",
    ],
    "a path without a method": ["/", [EMPTY], 12, "no such method: /"],
    "a path that is too long": [
      `/${"\u00e9".repeat(10_000)}`,
      [EMPTY],
      12,
      `no such method: /${"%C3%A9".repeat(783)}%E2%80%A6`,
    ],
    "a path that needs escapes": [
      "/%\u00e9",
      [EMPTY],
      12,
      "no such method: /%25%C3%A9",
    ],
    "a request without a message": [
      CONFIG,
      [bytes()],
      13,
      "the request has no message",
    ],
    "two messages": [
      CONFIG,
      [EMPTY, EMPTY],
      13,
      "the request has two messages",
    ],
    "an incomplete message": [
      CONFIG,
      [bytes(0, 0, 0, 0, 9, 1)],
      13,
      "the request is incomplete",
    ],
    "an incomplete head": [
      CONFIG,
      [bytes(0, 0)],
      13,
      "the request is incomplete",
    ],
    "an unknown flag": [
      CONFIG,
      [bytes(7, 0, 0, 0, 0)],
      13,
      "the request is not a gRPC message",
    ],
    "a compressed message": [
      CONFIG,
      [bytes(1, 0, 0, 0, 0)],
      12,
      "the request is compressed",
    ],
    "a message that is not protobuf": [
      CONFIG,
      [messageFrame([bytes(255, 255)])],
      13,
      "the request is not a message.ConfigRequest",
    ],
    "a length of 1 MB": [
      CONFIG,
      [bytes(0, 0, 16, 0, 0), new Uint8Array(16_000)],
      8,
      "the request has 1048576 bytes, more than 65536",
    ],
  };
  for (const [what, [path, body, code, message]] of Object.entries(wrong)) {
    await t.step(what, async () => {
      assertEquals(await ask(path, ...body), [`${code}`, message]);
    });
  }
  for (
    const [what, headers, status] of [
      ["a GET", { ":method": "GET" }, "405"],
      ["JSON", { "content-type": "application/json" }, "415"],
      ["gRPC-Web", { "content-type": "application/grpc-web" }, "415"],
    ] as const
  ) {
    await t.step(what, async () => {
      stream += 2;
      const all = Object.entries({
        ...Object.fromEntries(callHeaders(CONFIG)),
        ...headers,
      });
      await peer.open(stream, all, FLAG.endHeaders | FLAG.endStream);
      await peer.send(encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8)));
      await peer.nextOf(TYPE.headers, stream);
      assertEquals(peer.header(":status"), status);
      // The request was complete, so the stream is not reset.
      assertEquals((await peer.next())?.type, TYPE.ping);
    });
  }
  await assertIdle(lainlet);
});

Deno.test("a stream is not reset when the call fails at the end of its request", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using peer = await Http2Peer.connect(lainlet.rpcPort);
  await peer.open(1, callHeaders(CONFIG));
  await peer.send(
    encodeFrame(TYPE.data, FLAG.endStream, 1, Uint8Array.of(7, 0, 0, 0, 0)),
    encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8)),
  );
  await peer.nextOf(TYPE.headers, 1);
  assertEquals(peer.header("grpc-status"), "13");
  assertEquals((await peer.next())?.type, TYPE.ping);
});

Deno.test("a message of 1 MB ends the call, not the connection", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const { code } = await client.get("Config", {
    Target: "x".repeat(1_000_000),
  });
  assertEquals(code, "resource_exhausted");
  assertEquals((await client.get("Config")).code, "ok");
  await assertIdle(lainlet);
});

Deno.test("10,000 canceled calls, and connections that are closed during calls", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using peer = await Http2Peer.connect(lainlet.rpcPort);
  for (let i = 0; i < 10_000; i++) {
    const stream = 2 * i + 1;
    const kind = i % 2 ? "Watch" : "Get";
    await peer.open(stream, callHeaders(`/message.Config/${kind}`));
    if (i % 3) {
      await peer.send(encodeFrame(TYPE.data, FLAG.endStream, stream, EMPTY));
    }
    await peer.send(
      encodeFrame(TYPE.rstStream, 0, stream, encodeUint32s(ERROR.cancel)),
    );
  }
  for (let i = 0; i < 100; i++) {
    await using short = await Http2Peer.connect(lainlet.rpcPort);
    await short.open(1, callHeaders("/message.Config/Watch"));
    await short.send(encodeFrame(TYPE.data, FLAG.endStream, 1, EMPTY));
    if (i % 2) await short.nextOf(TYPE.data);
  }
  await assertIdle(lainlet);
});

Deno.test("a stream that is refused releases its slot", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using stranger = await RpcClient.open(lainlet.rpcPort, "127.99.0.1");
  for (let i = 0; i < 20; i++) {
    using stream = stranger.watch("Apps");
    const { code } = await stream.next();
    assertEquals(code, "permission_denied");
  }
  await assertIdle(lainlet);
});

Deno.test("a caller's deadline ends its call", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using peer = await Http2Peer.connect(lainlet.rpcPort);
  const headers = callHeaders("/message.Config/Watch");
  await peer.open(1, [...headers, ["grpc-timeout", "100m"]]);
  await peer.send(encodeFrame(TYPE.data, FLAG.endStream, 1, EMPTY));
  await peer.nextOf(TYPE.data, 1);
  await peer.nextOf(TYPE.headers, 1);
  assertEquals(peer.header("grpc-status"), "4");
  await assertIdle(lainlet);
});

Deno.test("at shutdown streams end with UNAVAILABLE", async () => {
  const lainlet = await new TestLainlet(golden()).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  using stream = client.watch("Config");
  await stream.next();
  await lainlet[Symbol.asyncDispose]();
  assertEquals(await stream.next(), {
    code: "unavailable",
    message: "lainlet is shutting down",
  });
});

Deno.test("health: serving is what /readyz reports as ready, for each service", async () => {
  const store = new MemoryStore();
  await using lainlet = new TestLainlet(store);
  await using client = await RpcClient.open(lainlet.rpcPort);
  const { check, watch } = Health.method;
  const service = Proxy.typeName;
  assertEquals((await client.call(check)).reply, { status: "NOT_SERVING" });
  using stream = client.stream(watch, { service });
  assertEquals(await stream.next(), { status: "NOT_SERVING" });
  store.put("/lain/config/a", "x");
  assertEquals(await stream.next(), { status: "SERVING" });
  assertEquals((await get(`${lainlet.url}/readyz`)).status, 200);
  assertEquals((await client.call(check, { service })).reply, {
    status: "SERVING",
  });
  const unknown = { service: "none" };
  assertEquals((await client.call(check, unknown)).code, "not_found");
  using other = client.stream(watch, unknown);
  assertEquals(await other.next(), { status: "SERVICE_UNKNOWN" });
});
