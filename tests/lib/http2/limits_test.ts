/**
 * Limits of one address: memory, time, connections.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { messageFrame, MessageReader } from "../../../lib/grpc/message.ts";
import {
  encodeFrame,
  encodeUint32s,
  ERROR,
  FLAG,
  FrameReader,
  INITIAL_WINDOW,
  MAX_WINDOW,
  SETTING,
  settingsFrame,
  TYPE,
  uint32At,
} from "../../../lib/http2/frame.ts";
import { encodeHeaders } from "../../../lib/http2/hpack.ts";
import { type Http2Limits, Http2Server } from "../../../lib/http2/server.ts";
import { Http2Stream } from "../../../lib/http2/stream.ts";
import { joined } from "../../util/attacks.ts";
import { Http2Echo } from "../../util/http2_echo.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { eventually } from "../../util/process.ts";

const MB = 2 ** 20;

/** High limits, except for the given ones. */
function limits(
  quota: Partial<Http2Limits["quota"]>,
  slowAfter = 60_000,
): Http2Limits {
  return {
    quota: { connections: 100, bytes: 64 * MB, bodies: 64 * MB, ...quota },
    slowAfter,
  };
}

/** Returns how many bytes a function copies. */
function copiedBy(act: () => void): number {
  const { set, slice } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (from, at) {
    copied += from.length;
    set.call(this, from, at);
  };
  Uint8Array.prototype.slice = function (begin, end) {
    const copy = slice.call(this, begin, end);
    copied += copy.length;
    return copy;
  };
  try {
    act();
  } finally {
    Object.assign(Uint8Array.prototype, { set, slice });
  }
  return copied;
}

/** Records the peak of memory that waits to be written to TCP connections, in bytes; shared buffers count once. */
function pendingWrites(conn: Deno.Conn): { peak: number } & Disposable {
  const connections: Pick<Deno.Conn, "write"> = Object.getPrototypeOf(
    Object.getPrototypeOf(conn),
  );
  const { write } = connections;
  const uses = new Map<ArrayBufferLike, number>();
  let size = 0;
  const use = (buffer: ArrayBufferLike, by: 1 | -1) => {
    const before = uses.get(buffer) ?? 0;
    uses.set(buffer, before + by);
    if (before + by === 0) size -= buffer.byteLength;
    else if (before === 0) size += buffer.byteLength;
  };
  const noted = {
    peak: 0,
    [Symbol.dispose]() {
      connections.write = write;
    },
  };
  connections.write = async function (this: Deno.Conn, bytes) {
    use(bytes.buffer, 1);
    noted.peak = Math.max(noted.peak, size);
    try {
      return await write.call(this, bytes);
    } finally {
      use(bytes.buffer, -1);
    }
  };
  return noted;
}

/** Pushes bytes in chunks of a size. @returns the units that are yielded */
function pushed(
  reader: { push(chunk: Uint8Array): Iterable<unknown> },
  bytes: Uint8Array,
  size: number,
): unknown[] {
  const all: unknown[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    // Copied, because a connection overwrites its buffer.
    all.push(...reader.push(Uint8Array.from(bytes.subarray(at, at + size))));
  }
  return all;
}

Deno.test("messages and frames: bytes are copied a few times, however small the chunks are", () => {
  const message = messageFrame([new Uint8Array(60_000).fill(7)]);
  const frame = encodeFrame(TYPE.data, 0, 1, new Uint8Array(16_000).fill(7));
  for (
    const [make, bytes] of [
      [() => new MessageReader(), message],
      [() => new FrameReader(), frame],
    ] as const
  ) {
    for (const size of [1, 7, 1_000, bytes.length]) {
      let units: unknown[] = [];
      const copied = copiedBy(() => {
        units = pushed(make(), joined(bytes, bytes), size);
      });
      assertEquals(units.length, 2, `${size}`);
      assert(copied <= 5 * bytes.length, `${copied} in pieces of ${size}`);
    }
  }
  const reader = new MessageReader();
  const copied = copiedBy(() => {
    pushed(reader, message.subarray(0, -1), 1_000);
    for (let i = 0; i < 1_000; i++) [...reader.push(new Uint8Array(0))];
  });
  assert(copied < 5 * message.length, `${copied} with empty pieces`);
});

Deno.test("http2: the cost of an initial window does not depend on the number of streams", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port, [
    [SETTING.initialWindowSize, 0],
  ]);
  const block = encodeHeaders(callHeaders("/10"));
  const streams = 1_000;
  await peer.send(joined(
    ...Array.from(
      { length: streams },
      (_, i) =>
        encodeFrame(
          TYPE.headers,
          FLAG.endHeaders | FLAG.endStream,
          2 * i + 1,
          block,
        ),
    ),
  ));
  await eventually(
    "all are there",
    () => echo.bodies.length === streams || undefined,
  );
  const sendable = Object.getOwnPropertyDescriptor(
    Http2Stream.prototype,
    "sendable",
  );
  const { get } = sendable ?? {};
  if (sendable === undefined || get === undefined) throw new Error("renamed");
  let looks = 0;
  Object.defineProperty(Http2Stream.prototype, "sendable", {
    ...sendable,
    get() {
      looks++;
      return get.call(this);
    },
  });
  try {
    const sizes = Array.from(
      { length: 2_000 },
      (_, i) => [SETTING.initialWindowSize, i % 2 ? 0 : 1] as const,
    );
    await peer.send(settingsFrame(sizes), settingsFrame(sizes));
    for (let i = 0; i < 3; i++) await peer.nextOf(TYPE.settings);
  } finally {
    Object.defineProperty(Http2Stream.prototype, "sendable", sendable);
  }
  assert(looks < 20 * streams, `${looks} looks at ${streams} streams`);
  await peer.send(settingsFrame([[SETTING.initialWindowSize, 10]]));
  for (let i = 0; i < streams; i++) {
    const { payload } = await peer.nextOf(TYPE.data);
    assertEquals(payload.length, 10);
  }
});

Deno.test("http2: a peer that sends all the time does not block the event loop", async () => {
  let requests = 0;
  const server = new Http2Server(
    { hostname: "127.0.0.1", port: 0 },
    (stream) => {
      requests++;
      // As long as an expensive request takes.
      for (const begin = performance.now(); performance.now() - begin < 1;);
      stream.respond([[":status", "200"]], true);
      return { data() {}, end() {}, close() {} };
    },
  );
  await using peer = await Http2Peer.connect(server.address.port);
  let rounds = 0;
  const timer = setInterval(() => requests > 0 && rounds++);
  const block = encodeHeaders(callHeaders("/"));
  const flags = FLAG.endHeaders | FLAG.endStream;
  const count = 200;
  await peer.send(joined(
    ...Array.from(
      { length: count },
      (_, i) => encodeFrame(TYPE.headers, flags, 2 * i + 1, block),
    ),
  ));
  await eventually("all are there", () => requests === count || undefined);
  clearInterval(timer);
  assert(rounds >= 5, `${rounds} rounds`);
  await peer[Symbol.asyncDispose]();
  await server.close();
});

Deno.test("http2: beyond the connection limit of an address, an idle one is closed for the next one", async () => {
  await using echo = new Http2Echo(undefined, limits({ connections: 3 }));
  const open = async () => {
    const peer = await Http2Peer.connect(echo.port);
    await peer.nextOf(TYPE.settings);
    return peer;
  };
  await using busy = await open();
  await busy.open(1, callHeaders("/a"));
  await using idle = await open();
  await using used = await open();
  await used.open(1, callHeaders("/b"), FLAG.endHeaders | FLAG.endStream);
  await used.nextOf(TYPE.data, 1);
  await eventually("it is idle", () => echo.open === 1 || undefined);
  const refused = await Deno.connect({
    hostname: "127.0.0.1",
    port: echo.port,
  });
  assertEquals(await refused.read(new Uint8Array(1)).catch(() => null), null);
  refused.close();
  // The one that was idle for longest gets a GOAWAY, and may have sent a request.
  const { payload } = await idle.nextOf(TYPE.goaway);
  assertEquals([0, 4].map((at) => uint32At(payload, at)), [0, ERROR.none]);
  await idle.open(1, callHeaders("/late"), FLAG.endHeaders | FLAG.endStream);
  const late = await idle.nextOf(TYPE.rstStream, 1);
  assertEquals(uint32At(late.payload, 0), ERROR.refusedStream);
  assertEquals(await idle.next(), undefined);
  await using next = await open();
  await next.open(1, callHeaders("/c"), FLAG.endHeaders | FLAG.endStream);
  await next.nextOf(TYPE.data, 1);
  await busy.send(
    encodeFrame(TYPE.data, FLAG.endStream, 1, Uint8Array.of(98)),
  );
  await busy.nextOf(TYPE.data, 1);
});

Deno.test("http2: unread bodies beyond a limit end their streams", async () => {
  await using echo = new Http2Echo(undefined, limits({ bodies: 250_000 }));
  await using peer = await Http2Peer.connect(echo.port, [
    [SETTING.initialWindowSize, 0],
  ]);
  const ends = FLAG.endHeaders | FLAG.endStream;
  for (const id of [1, 3, 5]) {
    await peer.open(id, callHeaders("/100000"), ends);
  }
  const { stream, payload } = await peer.nextOf(TYPE.rstStream);
  assertEquals([stream, uint32At(payload, 0)], [5, ERROR.enhanceYourCalm]);
  await peer.send(
    encodeFrame(TYPE.rstStream, 0, 1, encodeUint32s(ERROR.cancel)),
  );
  await peer.open(7, callHeaders("/100000"), ends);
  await peer.send(encodeFrame(TYPE.windowUpdate, 0, 7, encodeUint32s(100_000)));
  await peer.send(encodeFrame(TYPE.windowUpdate, 0, 0, encodeUint32s(100_000)));
  await peer.nextOf(TYPE.data, 7);
  // A single one that exceeds the limit is sent.
  await using other = await Http2Peer.connect(echo.port);
  await peer.send(
    encodeFrame(TYPE.rstStream, 0, 3, encodeUint32s(ERROR.cancel)),
  );
  await peer.send(
    encodeFrame(TYPE.rstStream, 0, 7, encodeUint32s(ERROR.cancel)),
  );
  await eventually("nothing is sent", () => echo.open === 0 || undefined);
  await other.open(1, callHeaders("/1000000"), ends);
  await other.nextOf(TYPE.data, 1);
});

Deno.test("http2: one body for streams with many ids is not copied for each of them", async (t) => {
  const streams: Http2Stream[] = [];
  const server = new Http2Server(
    { hostname: "127.0.0.1", port: 0 },
    (stream) => {
      streams.push(stream);
      return { data() {}, end() {}, close() {} };
    },
  );
  const count = 30;
  const peers = await Promise.all(Array.from({ length: count }, async () => {
    const peer = await Http2Peer.connect(server.address.port, [
      [SETTING.initialWindowSize, MAX_WINDOW],
    ]);
    const more = encodeUint32s(MAX_WINDOW - INITIAL_WINDOW);
    await peer.send(encodeFrame(TYPE.windowUpdate, 0, 0, more));
    return peer;
  }));
  await using first = await Http2Peer.connect(server.address.port);
  using writes = pendingWrites(first.conn);
  let next = 1;
  const steps: Record<string, (stream: Http2Stream) => void> = {
    "a stream goes on": () => {},
    "a response ends": (stream) => stream.end([["done", "1"]]),
  };
  for (const [name, step] of Object.entries(steps)) {
    await t.step(name, async () => {
      streams.length = 0;
      writes.peak = 0;
      const ids = peers.map(() => (next += 2));
      const flags = FLAG.endHeaders | FLAG.endStream;
      for (const [i, peer] of peers.entries()) {
        await peer.open(ids[i] ?? 0, callHeaders("/"), flags);
      }
      await eventually(
        "all are there",
        () => streams.length === count || undefined,
      );
      const body = new Uint8Array(MB);
      for (const stream of streams) {
        stream.respond([[":status", "200"]]);
        stream.write(body, () => {});
        step(stream);
      }
      await Promise.all(peers.map(async (peer, i) => {
        for (let size = 0; size < body.length;) {
          size += (await peer.nextOf(TYPE.data, ids[i])).payload.length;
        }
      }));
      assert(writes.peak < 12 * MB, `${writes.peak} bytes at a time`);
    });
  }
  for (const peer of [first, ...peers]) await peer[Symbol.asyncDispose]();
  await server.close();
});

Deno.test("http2: streams beyond the memory limit of an address are refused, ended ones release theirs", async () => {
  const bytes = 64 * 1024;
  await using echo = new Http2Echo(undefined, limits({ bytes }));
  await using peer = await Http2Peer.connect(echo.port);
  for (let id = 1; id < 60; id += 2) await peer.open(id, callHeaders("/a"));
  const { stream, payload } = await peer.nextOf(TYPE.rstStream);
  assertEquals(uint32At(payload, 0), ERROR.enhanceYourCalm);
  assert(echo.server.reservedBytes <= bytes, `${echo.server.reservedBytes}`);
  for (let id = 1; id < stream; id += 2) {
    await peer.send(
      encodeFrame(TYPE.rstStream, 0, id, encodeUint32s(ERROR.cancel)),
    );
  }
  await eventually("they are over", () => echo.open === 0 || undefined);
  await peer.open(99, callHeaders("/b"), FLAG.endHeaders | FLAG.endStream);
  await peer.nextOf(TYPE.data, 99);
  await peer[Symbol.asyncDispose]();
  await eventually(
    "nothing is kept",
    () => echo.server.reservedBytes === 0 || undefined,
  );
});

Deno.test("http2: at the memory limit of an address, its open connections and streams work on", async () => {
  const bytes = 64 * 1024;
  await using echo = new Http2Echo(undefined, limits({ bytes }));
  const open = async () => {
    const peer = await Http2Peer.connect(echo.port);
    // The server's, and the acknowledgment of the peer's.
    for (let i = 0; i < 2; i++) await peer.nextOf(TYPE.settings);
    return peer;
  };
  await using peer = await open();
  await peer.open(1, callHeaders("/a"));
  await using greedy = await open();
  const left = async (streams: number) => {
    await eventually("they are open", () => echo.open > streams || undefined);
    return bytes - echo.server.reservedBytes;
  };
  let room = await left(0);
  let streams = 0;
  /** Uses memory: opens a stream with a header of `more` bytes. */
  const take = async (more: number) => {
    const headers = [...callHeaders("/"), ["x", "a".repeat(more)]] as const;
    await greedy.open(2 * streams + 1, headers);
    const before = room;
    room = await left(++streams);
    return before - room;
  };
  const least = await take(1);
  while (room >= 2 * least) await take(1);
  await take(1 + room - least);
  assertEquals(room, 0);
  await greedy.open(99, callHeaders("/b"));
  const { payload } = await greedy.nextOf(TYPE.rstStream, 99);
  assertEquals(uint32At(payload, 0), ERROR.enhanceYourCalm);
  const data = encodeFrame(TYPE.data, FLAG.endStream, 1, Uint8Array.of(98));
  const ping = encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8));
  await peer.send(joined(ping, data.subarray(0, -1)));
  await peer.nextOf(TYPE.ping);
  await peer.send(data.subarray(-1));
  await peer.nextOf(TYPE.data, 1);
  assertEquals(echo.bodies, ["b"]);
});
