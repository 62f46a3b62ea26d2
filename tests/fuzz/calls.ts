import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { create, toBinary } from "@bufbuild/protobuf";
import { messageFrame } from "../../lib/grpc/message.ts";
import {
  ConfigRequestSchema,
  file_message,
} from "../../lib/grpc/proto/message_pb.ts";
import { encodeFrame, FLAG, PREFACE, TYPE } from "../../lib/http2/frame.ts";
import { encodeHeaders } from "../../lib/http2/hpack.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { cluster } from "../util/golden.ts";
import { RpcClient } from "../util/grpc.ts";
import { callHeaders } from "../util/http2_peer.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";
import type { Check } from "./check.ts";

/** Is in the value of a secret, and in no request. */
const MARK = "xyzzy";

/** A caller that may see no secret. */
const NOBODY = "127.77.77.77";

/** How long bytes are waited for that may not come, in ms. */
const PATIENCE = 50;

const PATHS = file_message.services.flatMap(({ typeName, methods }) =>
  methods.map(({ name }) => `/${typeName}/${name}`)
);

const bytes = fc.uint8Array({ maxLength: 40 });
const streams = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(1, 3, 5) },
  fc.nat(2 ** 31 - 1),
);
const flags = fc.oneof(
  fc.constantFrom(0, FLAG.endStream, FLAG.endHeaders, 5, FLAG.padded),
  fc.nat(255),
);

const targets = fc.constantFrom("", "*", "s", "ss", "ssl", "x", "domain");

/** A message, or what is nearly one. */
const messages = fc.oneof(
  {
    weight: 4,
    arbitrary: targets.map((Target) =>
      messageFrame([
        toBinary(ConfigRequestSchema, create(ConfigRequestSchema, { Target })),
      ])
    ),
  },
  bytes.map((body) => messageFrame([body])),
  bytes,
);

/** Headers of a call, or what is nearly a block of them. */
const blocks = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...PATHS, "/message.None/Get", "")
      .map((path) => encodeHeaders(callHeaders(path))),
  },
  fc.tuple(fc.constantFrom(...PATHS), fc.nat(60), bytes).map(
    ([path, at, more]) => {
      const block = encodeHeaders(callHeaders(path));
      return Uint8Array.from([...block.subarray(0, at), ...more]);
    },
  ),
  bytes,
);

const frames = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(streams, blocks, messages).map(
      ([stream, block, message]) =>
        Buffer.concat([
          encodeFrame(TYPE.headers, FLAG.endHeaders, stream, block),
          encodeFrame(TYPE.data, FLAG.endStream, stream, message),
        ]),
    ),
  },
  fc.tuple(flags, streams, blocks).map(([flags, stream, block]) =>
    Buffer.from(encodeFrame(TYPE.headers, flags, stream, block))
  ),
  fc.tuple(fc.nat(12), flags, streams, bytes).map(
    ([type, flags, stream, payload]) =>
      Buffer.from(encodeFrame(type, flags, stream, payload)),
  ),
  bytes.map((more) => Buffer.from(more)),
);

/** Sends bytes, in some pieces, and reads for as long as something comes. */
function exchange(port: number, parts: readonly Uint8Array[]): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const got: Buffer[] = [];
  const socket = connect({ host: "127.0.0.1", port, localAddress: NOBODY });
  let timer = setTimeout(() => socket.destroy(), 10 * PATIENCE);
  socket.on("data", (part: Buffer) => {
    got.push(part);
    clearTimeout(timer);
    timer = setTimeout(() => socket.destroy(), PATIENCE);
  });
  // A server may hang up on nonsense.
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(timer);
    resolve(Buffer.concat(got));
  });
  for (const part of parts) socket.write(part);
  return promise;
}

/** Whatever is sent to the gRPC port, no caller gets data without the right, and the next call is served. */
export async function calls(check: Check): Promise<void> {
  const content = new Map(Object.entries(cluster));
  content.set("/lain/config/ssl", MARK);
  await using lainlet = await new TestLainlet(new MemoryStore(content)).ready();
  await using client = await RpcClient.open(lainlet.rpcPort);
  const { reply } = await client.get("Config", { Target: "ssl" });
  assertEquals(JSON.stringify(reply).includes(MARK), true);
  const all = fc.array(frames, { minLength: 1, maxLength: 8 });
  const begins = fc.constantFrom(true, true, true, true, false);
  await check(fc.asyncProperty(begins, all, async (hasPreface, parts) => {
    const begin = hasPreface ? [PREFACE, encodeFrame(TYPE.settings, 0, 0)] : [];
    const got = await exchange(lainlet.rpcPort, [...begin, ...parts]);
    assert(!got.includes(MARK), "a secret");
    const { code } = await client.get("Config", { Target: "domain" });
    assertEquals(code, "ok");
    const { limits } = lainlet.lainlet;
    await eventually(
      "nothing is left",
      () => limits.listeners === 0 || undefined,
    );
  }));
}
