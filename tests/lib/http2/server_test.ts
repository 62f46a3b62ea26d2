/**
 * The HTTP/2 server, frame by frame, over real sockets.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readKeyPair, Reloaded } from "../../../lib/certificates.ts";
import {
  encodeFrame,
  encodeUint32s,
  ERROR,
  FLAG,
  type Frame,
  PREFACE,
  SETTING,
  settingsFrame,
  TYPE,
  uint32At,
} from "../../../lib/http2/frame.ts";
import { encodeHeaders } from "../../../lib/http2/hpack.ts";
import { Http2Server } from "../../../lib/http2/server.ts";
import { makeCertificates, renew } from "../../util/certificates.ts";
import { Http2Echo } from "../../util/http2_echo.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { eventually } from "../../util/process.ts";

const text = ({ payload }: Frame) => new TextDecoder().decode(payload);
const data = (stream: number, body: string, flags: number = FLAG.endStream) =>
  encodeFrame(TYPE.data, flags, stream, new TextEncoder().encode(body));

Deno.test("http2: a response with trailers", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  await peer.open(1, callHeaders("/a"));
  await peer.send(data(1, "one", 0), data(1, "two"));
  await peer.nextOf(TYPE.headers, 1);
  assertEquals(peer.header(":status"), "200");
  assertEquals(text(await peer.nextOf(TYPE.data, 1)), "/aonetwo");
  const { flags } = await peer.nextOf(TYPE.headers, 1);
  assertEquals(peer.header("done"), "1");
  assertEquals(flags & FLAG.endStream, FLAG.endStream);
  await eventually("it is over", () => echo.open === 0 || undefined);
});

Deno.test("http2: headers with padding, a priority, and continuations", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  const block = encodeHeaders(callHeaders("/a"));
  const head = new Uint8Array([
    3,
    0,
    0,
    0,
    0,
    16,
    ...block.subarray(0, 9),
    0,
    0,
    0,
  ]);
  await peer.send(
    encodeFrame(TYPE.headers, FLAG.padded | FLAG.priority, 1, head),
    encodeFrame(TYPE.continuation, 0, 1, block.subarray(9, 20)),
    encodeFrame(TYPE.continuation, FLAG.endHeaders, 1, block.subarray(20)),
    encodeFrame(
      TYPE.data,
      FLAG.padded | FLAG.endStream,
      1,
      Uint8Array.of(2, 104, 105, 0, 0),
    ),
  );
  assertEquals(text(await peer.nextOf(TYPE.data, 1)), "/ahi");
});

Deno.test("http2: no more is sent than the windows of stream and connection allow", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port, [
    [SETTING.initialWindowSize, 10],
  ]);
  await peer.open(1, callHeaders("/25"));
  await peer.send(data(1, ""));
  assertEquals((await peer.nextOf(TYPE.data, 1)).payload.length, 10);
  const update = (stream: number, by: number) =>
    encodeFrame(TYPE.windowUpdate, 0, stream, encodeUint32s(by));
  await peer.send(update(1, 7));
  assertEquals((await peer.nextOf(TYPE.data, 1)).payload.length, 7);
  // A larger initial window applies to open streams, too.
  await peer.send(settingsFrame([[SETTING.initialWindowSize, 1_000_000]]));
  assertEquals((await peer.nextOf(TYPE.data, 1)).payload.length, 8);
  await peer.nextOf(TYPE.headers, 1);
  // 25 bytes of the connection's window are used.
  await peer.open(3, callHeaders("/100000"));
  await peer.send(data(3, ""));
  let got = 0;
  while (got < 65_535 - 25) {
    got += (await peer.nextOf(TYPE.data, 3)).payload.length;
  }
  assertEquals(got, 65_535 - 25);
  await peer.send(update(0, 1_000_000));
  while (got < 100_000) got += (await peer.nextOf(TYPE.data, 3)).payload.length;
  await peer.nextOf(TYPE.headers, 3);
});

Deno.test("http2: streams send in turn", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port, [
    [SETTING.initialWindowSize, 1_000_000],
  ]);
  await peer.send(
    encodeFrame(TYPE.windowUpdate, 0, 0, encodeUint32s(10_000_000)),
  );
  for (const stream of [1, 3]) await peer.open(stream, callHeaders("/500000"));
  await peer.send(data(1, ""), data(3, ""));
  const order: number[] = [];
  while (order.length < 20) order.push((await peer.nextOf(TYPE.data)).stream);
  assert(order.filter((stream) => stream === 1).length > 5, `${order}`);
  assert(order.filter((stream) => stream === 3).length > 5, `${order}`);
});

Deno.test("http2: pings are acknowledged, unknown frames ignored", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  const payload = new TextEncoder().encode("12345678");
  await peer.send(
    encodeFrame(99, 255, 7, payload),
    settingsFrame([[99, 1]]),
    encodeFrame(TYPE.priority, 0, 5, new Uint8Array(5)),
    encodeFrame(TYPE.ping, 0, 0, payload),
  );
  const pong = await peer.nextOf(TYPE.ping);
  assertEquals([pong.flags, text(pong)], [FLAG.ack, "12345678"]);
});

Deno.test("http2: a reset ends one stream only", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  await peer.open(1, callHeaders("/a"));
  await eventually("it is there", () => echo.open === 1 || undefined);
  await peer.send(
    encodeFrame(TYPE.rstStream, 0, 1, encodeUint32s(ERROR.cancel)),
  );
  await eventually("it is over", () => echo.open === 0 || undefined);
  await peer.open(3, callHeaders("/b"));
  await peer.send(data(3, ""));
  assertEquals(text(await peer.nextOf(TYPE.data, 3)), "/b");
});

Deno.test("http2: streams end with their connection", async () => {
  await using echo = new Http2Echo();
  const peer = await Http2Peer.connect(echo.port);
  for (const stream of [1, 3, 5]) await peer.open(stream, callHeaders("/a"));
  await eventually("they are there", () => echo.open === 3 || undefined);
  await peer[Symbol.asyncDispose]();
  await eventually("they are over", () => echo.open === 0 || undefined);
});

Deno.test("http2: streams beyond the limit are refused", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  const block = encodeHeaders(callHeaders("/a"));
  const open = (i: number) =>
    encodeFrame(TYPE.headers, FLAG.endHeaders, 2 * i + 1, block);
  await peer.send(...Array.from({ length: 1_001 }, (_, i) => open(i)));
  const { stream, payload } = await peer.nextOf(TYPE.rstStream);
  assertEquals([stream, uint32At(payload, 0)], [2_001, ERROR.refusedStream]);
  assertEquals(echo.open, 1_000);
});

Deno.test("http2: a peer that sends requests and never reads is disconnected", async () => {
  const quota = { connections: 10, bytes: 2 ** 20, bodies: 2 ** 20 };
  await using echo = new Http2Echo(undefined, { quota, slowAfter: 200 });
  await using peer = await Http2Peer.connect(echo.port);
  const pings = new Uint8Array(17 * 10_000);
  const ping = encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8));
  for (let at = 0; at < pings.length; at += 17) pings.set(ping, at);
  let isLeft = false;
  for (let i = 0; i < 1_000 && !isLeft; i++) {
    await peer.send(pings).catch(() => isLeft = true);
  }
  assertEquals(isLeft, true);
});

Deno.test("http2: HTTP/1 clients get a 505", async () => {
  await using echo = new Http2Echo();
  const response = await fetch(`http://127.0.0.1:${echo.port}/x`);
  assertEquals(response.status, 505);
  assertEquals(
    await response.text(),
    "this port speaks gRPC, which is HTTP/2\n",
  );
});

Deno.test("http2: a stop refuses new requests, and completes open ones", async () => {
  const echo = new Http2Echo();
  const peer = await Http2Peer.connect(echo.port);
  await peer.open(1, callHeaders("/a"));
  await eventually("it is there", () => echo.open === 1 || undefined);
  const closed = echo.server.close();
  const { payload } = await peer.nextOf(TYPE.goaway);
  assertEquals([uint32At(payload, 0), uint32At(payload, 4)], [1, ERROR.none]);
  await peer.open(3, callHeaders("/b"));
  await peer.send(data(1, "bye"));
  assertEquals(text(await peer.nextOf(TYPE.data, 1)), "/abye");
  await peer.nextOf(TYPE.headers, 1);
  await closed;
  assertEquals(await peer.next(), undefined);
  assertEquals(echo.bodies, ["bye"]);
  await peer[Symbol.asyncDispose]();
});

Deno.test("http2: the last stream id of a second GOAWAY is not larger", async () => {
  const echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  await peer.open(1, callHeaders("/a"));
  await eventually("it is there", () => echo.open === 1 || undefined);
  const closed = echo.server.close();
  const first = await peer.nextOf(TYPE.goaway);
  await peer.open(3, callHeaders("/b"));
  const { payload } = await peer.nextOf(TYPE.rstStream, 3);
  assertEquals(payload, encodeUint32s(ERROR.refusedStream));
  await peer.send(data(0, "x"));
  const second = await peer.nextOf(TYPE.goaway);
  assertEquals(
    [first.payload, second.payload],
    [encodeUint32s(1, ERROR.none), encodeUint32s(1, ERROR.protocol)],
  );
  await closed;
});

Deno.test("http2: half a preface does not delay a stop", async () => {
  const echo = new Http2Echo();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: echo.port });
  await conn.write(PREFACE.subarray(0, 10));
  await echo.server.close();
  assertEquals(await conn.read(new Uint8Array(1)).catch(() => null), null);
  conn.close();
});

Deno.test("http2: a renewed certificate is used for new connections, open ones continue", async () => {
  await using used = await makeCertificates();
  await using renewed = await makeCertificates();
  const cas = await Promise.all(
    [used.ca, renewed.ca].map((ca) => Deno.readTextFile(ca)),
  );
  const files = new Reloaded(() =>
    readKeyPair(
      { flag: "cert", path: used.cert },
      { flag: "key", path: used.key },
    )
  );
  await using server = new Http2Echo(files);
  const connect = async (ca: string) => {
    const conn = await Deno.connectTls({
      hostname: "127.0.0.1",
      port: server.port,
      caCerts: [ca],
      alpnProtocols: ["h2"],
    });
    try {
      assertEquals((await conn.handshake()).alpnProtocol, "h2");
    } catch (error) {
      conn.close();
      throw error;
    }
    return conn;
  };
  const [old = "", next = ""] = cas;
  await using peer = await Http2Peer.begin(await connect(old));
  await assertRejects(() => connect(next), Error, "certificate");
  await renew(used, renewed);
  await eventually("the new one is used", async () => {
    (await connect(next)).close();
    return true;
  });
  for (let i = 0; i < 20; i++) (await connect(next)).close();
  await assertRejects(() => connect(old), Error, "certificate");
  await peer.open(1, callHeaders("/still here"));
  await peer.send(encodeFrame(TYPE.data, FLAG.endStream, 1, new Uint8Array()));
  const { payload } = await peer.nextOf(TYPE.data, 1);
  assertEquals(new TextDecoder().decode(payload), "/still here");
  const { hostname, port } = server.server.address;
  assertThrows(
    () =>
      new Http2Server({ hostname, port, tls: files }, () => {
        throw new Error("nobody asks");
      }),
    Deno.errors.AddrInUse,
  );
});
