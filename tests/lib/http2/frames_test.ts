/**
 * Errors of frames by RFC 9113: their codes, and whether they end the stream or
 * the connection.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  encodeFrame,
  encodeUint32s,
  ERROR,
  FLAG,
  FRAME_HEADER_SIZE,
  PREFACE,
  SETTING,
  settingsFrame,
  TYPE,
} from "../../../lib/http2/frame.ts";
import { encodeHeaders } from "../../../lib/http2/hpack.ts";
import {
  connectionError,
  Http2Echo,
  streamErrors,
} from "../../util/http2_echo.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { eventually } from "../../util/process.ts";

/** An error code, and the frames that cause it. */
type Rule = readonly [code: number, ...frames: readonly Uint8Array[]];

/** The largest header block, in bytes, with the headers of its frames. */
const MAX_BLOCK = 128 * 1024;

const MAX_WINDOW = 2 ** 31 - 1;
const END = FLAG.endHeaders | FLAG.endStream;
const PADDED = FLAG.endHeaders | FLAG.padded;
const BLOCK = encodeHeaders(callHeaders("/a"));
/** A request whose response exceeds the peer's window. */
const LONG = encodeHeaders(callHeaders("/100000"));

const bytes = (...all: number[]) => Uint8Array.from(all);
const zeros = (length: number) => new Uint8Array(length);
const data = (stream: number, payload = zeros(1), flags: number = 0) =>
  encodeFrame(TYPE.data, flags, stream, payload);
const headers = (
  stream: number,
  flags: number = FLAG.endHeaders,
  block = BLOCK,
) => encodeFrame(TYPE.headers, flags, stream, block);
const continuation = (
  stream: number,
  flags: number,
  block: Uint8Array = zeros(0),
) => encodeFrame(TYPE.continuation, flags, stream, block);
const priority = (stream: number, payload = zeros(5)) =>
  encodeFrame(TYPE.priority, 0, stream, payload);
const reset = (stream: number, payload = zeros(4)) =>
  encodeFrame(TYPE.rstStream, 0, stream, payload);
const settings = (stream: number, flags: number, payload = zeros(0)) =>
  encodeFrame(TYPE.settings, flags, stream, payload);
const setting = (id: number, value: number) => settingsFrame([[id, value]]);
const ping = (stream: number, payload = zeros(8), flags = 0) =>
  encodeFrame(TYPE.ping, flags, stream, payload);
const goaway = (stream: number, payload = zeros(8)) =>
  encodeFrame(TYPE.goaway, 0, stream, payload);
const update = (stream: number, payload: Uint8Array) =>
  encodeFrame(TYPE.windowUpdate, 0, stream, payload);
const { protocol, frameSize, flowControl, streamClosed } = ERROR;

const CONNECTION: Record<string, Rule> = {
  "4.2: a frame of 16,385 bytes": [
    frameSize,
    data(1, zeros(16_385)).subarray(0, FRAME_HEADER_SIZE),
  ],
  "4.3: headers that cannot be decoded": [
    ERROR.compression,
    headers(1, FLAG.endHeaders, bytes(255)),
  ],
  "5.1: data of an idle stream": [protocol, data(1)],
  "5.1: data of a stream of the server's": [protocol, headers(3), data(2)],
  "5.1: a reset of an idle stream": [protocol, reset(1)],
  "5.1: a window of an idle stream": [protocol, update(1, encodeUint32s(1))],
  "5.1: headers of a closed stream": [
    streamClosed,
    headers(1),
    reset(1),
    headers(1),
  ],
  "5.1.1: headers of a stream of the server's": [protocol, headers(2)],
  "5.1.1: headers of a stream that was left out": [
    protocol,
    headers(5),
    headers(3),
  ],
  "5.5: an unknown frame amid headers": [
    protocol,
    headers(1, 0),
    encodeFrame(99, 0, 1),
  ],
  "6.1: data of stream 0": [protocol, headers(1), data(0)],
  "6.1: as much padding as data": [
    protocol,
    headers(1),
    data(1, bytes(2, 0), FLAG.padded),
  ],
  "6.1: as much padding, of a closed stream": [
    protocol,
    headers(1),
    reset(1),
    data(1, bytes(2, 0), FLAG.padded),
  ],
  "4.2: padded data that do not say how much": [
    frameSize,
    headers(1),
    data(1, zeros(0), FLAG.padded),
  ],
  "6.2: headers of stream 0": [protocol, headers(0)],
  "6.2: more padding than headers": [protocol, headers(1, PADDED, bytes(2, 0))],
  "6.2: padding in place of the priority": [
    protocol,
    headers(1, PADDED | FLAG.priority, bytes(3, 0, 0, 0, 0, 16, 0, 0)),
  ],
  "4.2: half a priority": [
    frameSize,
    headers(1, FLAG.endHeaders | FLAG.priority, zeros(4)),
  ],
  "6.2: headers that are broken off": [protocol, headers(1, 0), data(1)],
  "6.2: headers that go on elsewhere": [
    protocol,
    headers(1, 0),
    continuation(3, FLAG.endHeaders),
  ],
  "6.3: a priority of stream 0": [protocol, priority(0)],
  "6.4: a reset of stream 0": [protocol, reset(0)],
  "6.4: a reset of 3 bytes": [frameSize, headers(1), reset(1, zeros(3))],
  "6.5: settings of a stream": [protocol, headers(1), settings(1, 0)],
  "6.5: an acknowledgment with settings": [
    frameSize,
    settings(0, FLAG.ack, zeros(6)),
  ],
  "6.5: settings of 5 bytes": [frameSize, settings(0, 0, zeros(5))],
  "6.5.2: ENABLE_PUSH of 2": [protocol, setting(SETTING.enablePush, 2)],
  "6.5.2: INITIAL_WINDOW_SIZE of 2^31": [
    flowControl,
    setting(SETTING.initialWindowSize, 2 ** 31),
  ],
  "6.5.2: MAX_FRAME_SIZE of 2^14 - 1": [
    protocol,
    setting(SETTING.maxFrameSize, 2 ** 14 - 1),
  ],
  "6.5.2: MAX_FRAME_SIZE of 2^24": [
    protocol,
    setting(SETTING.maxFrameSize, 2 ** 24),
  ],
  "6.7: a ping of a stream": [protocol, headers(1), ping(1)],
  "6.7: a ping of 7 bytes": [frameSize, ping(0, zeros(7))],
  "6.7: the answer to a ping, of 9": [frameSize, ping(0, zeros(9), FLAG.ack)],
  "6.8: a GOAWAY of a stream": [protocol, headers(1), goaway(1)],
  "4.2: a GOAWAY of 7 bytes": [frameSize, goaway(0, zeros(7))],
  "6.9: a window that grows by 0": [protocol, update(0, encodeUint32s(0))],
  "6.9: a window update of 3 bytes": [
    frameSize,
    headers(1),
    update(1, zeros(3)),
  ],
  "6.9.1: too wide a window": [
    flowControl,
    update(0, encodeUint32s(MAX_WINDOW)),
  ],
  "6.9.2: a first window that makes another one too wide": [
    flowControl,
    headers(1),
    update(1, encodeUint32s(MAX_WINDOW - 65_535)),
    setting(SETTING.initialWindowSize, 65_536),
  ],
  "6.10: headers that only go on": [
    protocol,
    continuation(1, FLAG.endHeaders, BLOCK),
  ],
  "6.10: headers that go on in stream 0": [
    protocol,
    headers(1, 0),
    continuation(0, FLAG.endHeaders),
  ],
  "8.4: a push": [
    protocol,
    headers(1),
    encodeFrame(TYPE.pushPromise, FLAG.endHeaders, 1, BLOCK),
  ],
  "10.5: headers without end": [
    ERROR.enhanceYourCalm,
    headers(1, 0),
    ...Array.from(
      { length: Math.ceil((MAX_BLOCK - BLOCK.length) / FRAME_HEADER_SIZE) },
      () => continuation(1, 0),
    ),
  ],
  "RFC 7541, 4.2: a table size amid headers": [
    ERROR.compression,
    headers(1, FLAG.endHeaders, bytes(...BLOCK, 0x20)),
  ],
  "RFC 7541, 6.3: a table of 4,097 bytes": [
    ERROR.compression,
    headers(1, FLAG.endHeaders, bytes(0x3f, 0xe2, 0x1f, ...BLOCK)),
  ],
  "RFC 7540, 5.3.1: an idle stream that depends on itself": [
    protocol,
    priority(1, bytes(0, 0, 0, 1, 16)),
  ],
};

const STREAM: Record<string, Rule> = {
  "5.1: data behind the end of a request": [
    streamClosed,
    headers(1, END, LONG),
    data(1),
  ],
  "5.1: headers behind the end of a request": [
    streamClosed,
    headers(1, END, LONG),
    headers(1, END),
  ],
  "6.1: data of a closed stream": [
    streamClosed,
    headers(1),
    reset(1),
    data(1),
    data(1),
  ],
  "6.3: a priority of 4 bytes": [frameSize, headers(1), priority(1, zeros(4))],
  "6.9: a window that grows by 0": [
    protocol,
    headers(1),
    update(1, encodeUint32s(0)),
  ],
  "6.9.1: too wide a window": [
    flowControl,
    headers(1),
    update(1, encodeUint32s(MAX_WINDOW)),
  ],
  "8.1: headers amid a request": [
    protocol,
    headers(1),
    headers(1, FLAG.endHeaders, encodeHeaders([["a", "b"]])),
    // They may have been sent before the peer knew of the reset.
    data(1),
    headers(1, END, encodeHeaders([["a", "b"]])),
  ],
  "RFC 7540, 5.3.1: a request that depends on itself": [
    protocol,
    headers(
      1,
      FLAG.endHeaders | FLAG.priority,
      bytes(0x80, 0, 0, 1, 16, ...BLOCK),
    ),
  ],
  "RFC 7540, 5.3.1: a priority that depends on itself": [
    protocol,
    headers(1),
    priority(1, bytes(0, 0, 0, 1, 16)),
  ],
};

Deno.test("http2: connection errors", async (t) => {
  await using echo = new Http2Echo();
  for (const [what, [code, ...frames]] of Object.entries(CONNECTION)) {
    await t.step(what, async () => {
      assertEquals(await connectionError(echo, ...frames), code);
    });
  }
  await t.step("3.4: settings that do not come first", async () => {
    await using peer = await Http2Peer.connectSilently(echo.port);
    await peer.send(PREFACE, ping(0));
    assertEquals(await peer.goaway(), protocol);
  });
  await eventually("nothing is left", () => echo.open === 0 || undefined);
});

Deno.test("http2: stream errors", async (t) => {
  await using echo = new Http2Echo();
  for (const [what, [code, ...frames]] of Object.entries(STREAM)) {
    await t.step(what, async () => {
      assertEquals(await streamErrors(echo, ...frames), [[1, code]]);
    });
  }
  await eventually("nothing is left", () => echo.open === 0 || undefined);
});

Deno.test("http2: no errors", async (t) => {
  const right: Record<string, Uint8Array[]> = {
    "5.1: a reset of a closed stream": [headers(1, END), reset(1)],
    "5.1: a window of a closed stream": [
      headers(1, END),
      update(1, encodeUint32s(1)),
    ],
    "5.1: a priority of any stream": [priority(1), headers(3), priority(3)],
    "5.5: unknown frames and settings": [
      encodeFrame(99, 255, 7, zeros(3)),
      setting(99, 2 ** 32 - 1),
    ],
    "6.2: padding and a priority": [
      headers(
        1,
        PADDED | FLAG.priority | FLAG.endStream,
        bytes(2, 0, 0, 0, 0, 16, ...BLOCK, 0, 0),
      ),
    ],
    "6.1: nothing but padding": [
      headers(1),
      data(1, bytes(2, 0, 0), FLAG.padded | FLAG.endStream),
    ],
    "6.5.2: the least and the most of settings": [
      settingsFrame([
        [SETTING.enablePush, 0],
        [SETTING.enablePush, 1],
        [SETTING.maxFrameSize, 2 ** 14],
        [SETTING.maxFrameSize, 2 ** 24 - 1],
        [SETTING.headerTableSize, 2 ** 32 - 1],
        [SETTING.initialWindowSize, MAX_WINDOW],
      ]),
    ],
  };
  await using echo = new Http2Echo();
  for (const [what, frames] of Object.entries(right)) {
    await t.step(what, async () => {
      assertEquals(await streamErrors(echo, ...frames), []);
    });
  }
});
