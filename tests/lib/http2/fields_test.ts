/**
 * Fields, trailers and content-length of requests: RFC 9113, 8.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  encodeFrame,
  encodeUint32s,
  ERROR,
  FLAG,
  SETTING,
  TYPE,
} from "../../../lib/http2/frame.ts";
import { headerFrames } from "../../../lib/http2/header_block.ts";
import { encodeHeaders, type Header } from "../../../lib/http2/hpack.ts";
import { Http2Echo, streamErrors } from "../../util/http2_echo.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { eventually } from "../../util/process.ts";

const ALL = callHeaders("/a");

/** Headers of a request, with more after the required ones. */
const and = (...more: Header[]) => [...ALL, ...more];

/** Headers of a request, with other values of one name. */
const but = (name: string, ...others: Header[]) => [
  ...others,
  ...ALL.filter(([one]) => one !== name),
];

const frames = (headers: readonly Header[], isEnd: boolean) =>
  headerFrames(1, encodeHeaders(headers), isEnd);
const data = (length: number, isEnd = false) =>
  encodeFrame(TYPE.data, isEnd ? 1 : 0, 1, new Uint8Array(length));

const MALFORMED: Record<string, readonly Header[]> = {
  "8.2.1: upper case in a name": and(["Accept", "a"]),
  "8.2.1: a space in a name": and(["a b", "c"]),
  "8.2.1: a colon in a name": and(["a:b", "c"]),
  "8.2.1: a name that is not ASCII": and(["\xe9", "a"]),
  "8.2.1: no name": and(["", "a"]),
  "8.2.1: NUL in a value": and(["a", "b\0c"]),
  "8.2.1: CR in a value": and(["a", "b\rc"]),
  "8.2.1: LF in a path": but(":path", [":path", "/b\nc"]),
  "8.2.1: a value that begins with a space": and(["a", " b"]),
  "8.2.1: a value that ends with a tab": and(["a", "b\t"]),
  "8.2.2: connection": and(["connection", "close"]),
  "8.2.2: keep-alive": and(["keep-alive", "1"]),
  "8.2.2: proxy-connection": and(["proxy-connection", "keep-alive"]),
  "8.2.2: transfer-encoding": and(["transfer-encoding", "chunked"]),
  "8.2.2: upgrade": and(["upgrade", "h2c"]),
  "8.2.2: te other than trailers": but("te", ...and(["te", "trailers, gzip"])),
  "8.3: an unknown pseudo-header field": but("", [":test", "a"]),
  "8.3: one of responses": but("", [":status", "200"]),
  "8.3: one behind a regular field": but(":path", ["a", "b"], [":path", "/"]),
  "8.3: :method twice": but("", [":method", "POST"]),
  "8.3: :scheme twice": but("", [":scheme", "http"]),
  "8.3: :authority twice": but("", [":authority", "127.0.0.1"]),
  "8.3: :path twice": but("", [":path", "/a"]),
  "8.3.1: no :method": but(":method"),
  "8.3.1: an empty :method": but(":method", [":method", ""]),
  "8.3.1: no :scheme": but(":scheme"),
  "8.3.1: no :path": but(":path"),
  "8.3.1: an empty :path": but(":path", [":path", ""]),
  "8.3.1: a :path without a slash": but(":path", [":path", "a"]),
  "8.3.1: POST *": but(":path", [":path", "*"]),
  "8.5: CONNECT with a path": but(":method", [":method", "CONNECT"]),
  "8.5: CONNECT to nowhere": [[":method", "CONNECT"]],
  "8.6 of RFC 9110: content-length of no number": and(["content-length", "-1"]),
  "8.6 of RFC 9110: content-length twice": and(
    ["content-length", "1"],
    ["content-length", "1"],
  ),
};

/** Trailers of an open request. */
const TRAILERS: Record<string, readonly Header[]> = {
  "8.1: a pseudo-header field": [[":path", "/"]],
  "8.2.1: upper case": [["A", "b"]],
  "8.2.1: LF in a value": [["a", "b\n"]],
  "8.2.2: connection": [["connection", "close"]],
};

const two: Header = ["content-length", "2"];

/** Bodies that differ from content-length. */
const LENGTHS: Record<string, readonly Uint8Array[]> = {
  "nothing": [frames(and(two), true)],
  "less": [frames(and(two), false), data(1, true)],
  "less, and trailers": [
    frames(and(two), false),
    data(1),
    frames([["a", "b"]], true),
  ],
  "more": [frames(and(two), false), data(1), data(2)],
};

Deno.test("http2: malformed requests are stream errors", async (t) => {
  await using echo = new Http2Echo();
  const isMalformed = async (...parts: Uint8Array[]) => {
    assertEquals(await streamErrors(echo, ...parts), [[1, ERROR.protocol]]);
  };
  for (const [what, headers] of Object.entries(MALFORMED)) {
    await t.step(what, () => isMalformed(frames(headers, false)));
  }
  for (const [what, trailers] of Object.entries(TRAILERS)) {
    await t.step(`trailers: ${what}`, async () => {
      await isMalformed(frames(ALL, false), frames(trailers, true));
    });
  }
  for (const [what, parts] of Object.entries(LENGTHS)) {
    await t.step(`8.1.1: content-length of 2, and ${what}`, async () => {
      await isMalformed(...parts);
    });
  }
  await eventually("nothing is left", () => echo.open === 0 || undefined);
  assertEquals(new Set(echo.bodies), new Set([""]));
});

Deno.test("http2: unusual requests are not malformed", async (t) => {
  const unusual: Record<string, readonly Header[]> = {
    "no authority": but(":authority"),
    "OPTIONS *": [
      [":method", "OPTIONS"],
      [":scheme", "http"],
      [":path", "*"],
    ],
    "CONNECT": [[":method", "CONNECT"], [":authority", "127.0.0.1:1"]],
    "another scheme": but(":scheme", [":scheme", "coap+tcp"]),
    "bytes that are not ASCII": but(":path", [":path", "/\xe9"]),
    "an empty value, and one of bytes": and(["a", ""], ["b", "\xff \t!"]),
    "a name that comes twice": and(["cookie", "a=b"], ["cookie", "c=d"]),
  };
  await using echo = new Http2Echo();
  for (const [what, headers] of Object.entries(unusual)) {
    await t.step(what, async () => {
      assertEquals(await streamErrors(echo, frames(headers, true)), []);
    });
  }
  await t.step("content-length, padding and trailers", async () => {
    const padded = encodeFrame(
      TYPE.data,
      FLAG.padded,
      1,
      Uint8Array.of(1, 65, 0),
    );
    const parts = [frames(and(two), false), padded, data(1)];
    const all = [...parts, frames([["a", "b"]], true)];
    assertEquals(await streamErrors(echo, ...all), []);
    assertEquals(echo.bodies.includes("A\0"), true);
  });
});

Deno.test("http2: more than 32 KB of headers are refused, and later ones can be decoded", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  await peer.open(1, ALL);
  const large: Header[] = Array.from({ length: 6 }, () => [
    "large",
    "x".repeat(16_000),
  ]);
  // A literal with indexing: RFC 7541, 6.2.1.
  const kept = Buffer.from("\x40\x04kept\x05value", "latin1");
  const block = Buffer.concat([
    encodeHeaders(callHeaders("/b")),
    encodeHeaders(large),
    kept,
  ]);
  await peer.send(headerFrames(3, block, true));
  await peer.nextOf(TYPE.headers, 3);
  assertEquals(peer.headers, [[":status", "431"]]);
  // A stream whose request is incomplete is reset after the response.
  await peer.send(headerFrames(5, block, false));
  await peer.nextOf(TYPE.headers, 5);
  assertEquals(peer.headers, [[":status", "431"]]);
  const { payload } = await peer.nextOf(TYPE.rstStream);
  assertEquals(payload, encodeUint32s(ERROR.none));
  // The same holds for trailers.
  await peer.send(
    encodeFrame(TYPE.headers, FLAG.endHeaders, 7, encodeHeaders(ALL)),
    headerFrames(7, block, true),
  );
  const reset = await peer.nextOf(TYPE.rstStream, 7);
  assertEquals(reset.payload, encodeUint32s(ERROR.enhanceYourCalm));
  const indexed = Buffer.concat([encodeHeaders(ALL), Uint8Array.of(0xbe)]);
  await peer.send(headerFrames(9, indexed, true));
  await peer.nextOf(TYPE.headers, 9);
  assertEquals(peer.header(":status"), "200");
  assertEquals(echo.streams.at(-1)?.headers.get("kept"), "value");
  // An earlier stream is not affected.
  await peer.send(encodeFrame(TYPE.data, FLAG.endStream, 1));
  await peer.nextOf(TYPE.headers, 1);
  assertEquals(peer.header(":status"), "200");
});

Deno.test("http2: headers larger than a frame are continued in others", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port);
  const headers: Header[] = [[":status", "200"], ["a", "b".repeat(40_000)]];
  await peer.open(1, ALL);
  await eventually("it is there", () => echo.open === 1 || undefined);
  echo.streams[0]?.respond(headers, true);
  const { payload, flags } = await peer.nextOf(TYPE.headers, 1);
  assertEquals([payload.length, flags], [16_384, FLAG.endStream]);
  assertEquals(peer.headers, headers);
});

Deno.test("http2: a smaller header table is confirmed before the next headers", async () => {
  await using echo = new Http2Echo();
  await using peer = await Http2Peer.connect(echo.port, [
    [SETTING.headerTableSize, 2_048],
  ]);
  const blocks: (number | undefined)[] = [];
  for (const stream of [1, 3]) {
    await peer.open(stream, ALL, FLAG.endHeaders | FLAG.endStream);
    for (let i = 0; i < 2; i++) {
      await peer.nextOf(TYPE.headers, stream);
      blocks.push(peer.block[0]);
    }
  }
  // The size update is to 0, and only in the first block.
  assertEquals(blocks, [0x20, 0, 0, 0]);
});
