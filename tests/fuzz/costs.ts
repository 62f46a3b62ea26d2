import process from "node:process";
import { assert } from "@std/assert";
import fc from "fast-check";
import { messageFrame } from "../../lib/grpc/message.ts";
import { file_message } from "../../lib/grpc/proto/message_pb.ts";
import {
  encodeFrame,
  encodeUint32s,
  FLAG,
  SETTING,
  settingsFrame,
  TYPE,
} from "../../lib/http2/frame.ts";
import { encodeHeaders, type Header } from "../../lib/http2/hpack.ts";
import { joined, symbolRequest } from "../util/attacks.ts";
import { golden } from "../util/golden.ts";
import { callHeaders, Http2Peer } from "../util/http2_peer.ts";
import { TestLainlet } from "../util/lainlet.ts";
import type { Check } from "./check.ts";

/** How much is sent while it is measured what that costs, in bytes. */
const SIZE = 300_000;

/** What a byte may cost, by what it costs in short calls; and by what it costs where nothing came before. */
const MOST_OF_CALL = 10;
const MOST_OF_FRESH = 5;

/** Differences that say nothing, in µs a byte: garbage is collected now and then. */
const NOISE = 0.2;

const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

const PATHS = [
  ...file_message.services.flatMap(({ typeName, methods }) =>
    methods.map(({ name }) => `/${typeName}/${name}`)
  ),
  REFLECTION,
  "/grpc.health.v1.Health/Watch",
  "/grpc.health.v1.Health/Check",
];
const CALL = "/message.Config/Get";

/** Makes frames. @param id of the stream that they are about @param next of one that did not begin yet */
type Unit = (id: number, next: () => number) => Uint8Array;

/** What a connection was used for before. */
interface Before {
  readonly streams: number;
  readonly path: string;
  readonly body: Uint8Array;
  readonly window: number;
}

const messages = fc.constantFrom(
  messageFrame([]),
  symbolRequest("message.Config"),
  symbolRequest(".".repeat(2_000)),
  messageFrame([Uint8Array.of(10, 1, 97)]),
  messageFrame([new Uint8Array(60_000)]).subarray(0, 15_000),
  new Uint8Array(0),
);

const headers: fc.Arbitrary<readonly Header[]> = fc.constantFrom(
  [],
  [["grpc-timeout", "1n"]],
  Array.from({ length: 200 }, (_, i): Header => [`x${i}`, "1"]),
  [["x", "y".repeat(4_000)]],
  [["content-length", "7"]],
);

const beginning: fc.Arbitrary<Before> = fc.record({
  streams: fc.constantFrom(1, 1, 100, 2_000),
  path: fc.constantFrom(...PATHS, REFLECTION, CALL),
  body: fc.oneof(
    messages,
    fc.constant(messageFrame([new Uint8Array(60_000)]).subarray(0, -1)),
  ),
  window: fc.constantFrom(0, 0, 65_535),
});

const units: fc.Arbitrary<Unit> = fc.oneof(
  messages.map((body): Unit => (id) => encodeFrame(TYPE.data, 0, id, body)),
  fc.constantFrom(0, 1, 100).map((size): Unit => (id) =>
    encodeFrame(TYPE.data, 0, id, new Uint8Array(size))
  ),
  fc.tuple(fc.constantFrom(1, 2, 2_600), fc.constantFrom(1, 3, 4, 6)).map(
    ([count, setting]): Unit => () =>
      settingsFrame(
        Array.from({ length: count }, (_, i) => [setting, i % 2] as const),
      ),
  ),
  fc.constantFrom(1, 100).map((by): Unit => (id) =>
    encodeFrame(TYPE.windowUpdate, 0, id, encodeUint32s(by))
  ),
  fc.constant<Unit>(() =>
    encodeFrame(TYPE.windowUpdate, 0, 0, encodeUint32s(1))
  ),
  fc.constant<Unit>(() => encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8))),
  fc.constant<Unit>(() => encodeFrame(TYPE.settings, FLAG.ack, 0)),
  fc.constant<Unit>((id) =>
    encodeFrame(TYPE.priority, 0, id, encodeUint32s(0, 0).subarray(0, 5))
  ),
  fc.constant<Unit>(() => encodeFrame(99, 0, 0)),
  fc.tuple(fc.constantFrom(...PATHS), headers, messages, fc.nat(2)).map(
    ([path, more, body, end]): Unit => {
      const block = encodeHeaders([...callHeaders(path), ...more]);
      return (_, next) => {
        const id = next();
        return joined(
          encodeFrame(TYPE.headers, FLAG.endHeaders, id, block),
          encodeFrame(TYPE.data, end > 0 ? FLAG.endStream : 0, id, body),
          ...end > 1
            ? [encodeFrame(TYPE.rstStream, 0, id, encodeUint32s(8))]
            : [],
        );
      };
    },
  ),
  fc.constantFrom(1, 10).map((size): Unit => {
    const block = encodeHeaders(callHeaders(CALL));
    return (_, next) => {
      const id = next();
      const parts = [encodeFrame(TYPE.headers, 0, id)];
      for (let at = 0; at < block.length; at += size) {
        const flags = at + size < block.length ? 0 : FLAG.endHeaders;
        const part = block.subarray(at, at + size);
        parts.push(encodeFrame(TYPE.continuation, flags, id, part));
      }
      return joined(
        ...parts,
        encodeFrame(TYPE.rstStream, 0, id, encodeUint32s(8)),
      );
    };
  }),
);

const FRESH: Before = {
  streams: 1,
  path: CALL,
  body: new Uint8Array(0),
  window: 0,
};

/** Sends frames over and over, behind others. @returns µs of processor time for each byte, the sender's included */
async function costOf(
  port: number,
  before: Before,
  unit: readonly Unit[],
): Promise<number> {
  await using peer = await Http2Peer.connect(port, [
    [SETTING.initialWindowSize, before.window],
  ]);
  const block = encodeHeaders(callHeaders(before.path));
  const begun = Array.from({ length: before.streams }, (_, i) => {
    const id = 2 * i + 1;
    const parts = [encodeFrame(TYPE.headers, FLAG.endHeaders, id, block)];
    // Together no more than one of the largest takes.
    const most = Math.max(5, Math.floor(2 ** 20 / before.streams));
    const body = before.body.subarray(0, most);
    for (let at = 0; at < body.length; at += 16_000) {
      parts.push(encodeFrame(TYPE.data, 0, id, body.subarray(at, at + 16_000)));
    }
    return joined(...parts);
  });
  let last = 2 * before.streams - 1;
  const next = () => last += 2;
  const parts: Uint8Array[] = [];
  for (let size = 0, i = 0; size < SIZE; i++) {
    const id = 2 * (i % before.streams) + 1;
    for (const make of unit) {
      const part = make(id, next);
      parts.push(part);
      size += part.length;
    }
  }
  const bytes = joined(...parts);
  await through(peer, joined(...begun));
  const start = process.cpuUsage();
  await through(peer, bytes);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / bytes.length;
}

/** Sends bytes, and reads until they were taken, or the connection is over. */
async function through(peer: Http2Peer, bytes: Uint8Array): Promise<void> {
  const mark = Uint8Array.from(crypto.getRandomValues(new Uint8Array(8)));
  const sending = peer.send(bytes, encodeFrame(TYPE.ping, 0, 0, mark))
    .catch(() => {});
  for (;;) {
    const frame = await peer.next();
    if (frame === undefined) break;
    const isMark = frame.type === TYPE.ping &&
      frame.payload.every((byte, i) => byte === mark[i]);
    if (isMark) break;
  }
  await sending;
}

/** Whatever is sent, and whatever was sent before, a byte costs no more than a few times what it costs in a call. */
export async function costs(check: Check): Promise<void> {
  await using lainlet = await new TestLainlet(golden()).ready();
  const { rpcPort } = lainlet;
  const block = encodeHeaders(callHeaders(CALL));
  const call: Unit = (_, next) => {
    const id = next();
    return joined(
      encodeFrame(TYPE.headers, FLAG.endHeaders, id, block),
      encodeFrame(TYPE.data, FLAG.endStream, id, messageFrame([])),
    );
  };
  /** The least of some: what is in the way is not there each time. */
  const least = async (before: Before, unit: readonly Unit[]) => {
    const all: number[] = [];
    for (let i = 0; i < 3; i++) {
      all.push(await costOf(rpcPort, before, unit));
    }
    return Math.min(...all);
  };
  await least({ ...FRESH, window: 65_535 }, [call]);
  const calls = await least({ ...FRESH, window: 65_535 }, [call]);
  const combined = fc.array(units, { minLength: 1, maxLength: 3 });
  await check(fc.asyncProperty(beginning, combined, async (before, unit) => {
    const cost = await costOf(rpcPort, before, unit);
    const isDear = (cost: number) => cost > MOST_OF_CALL * calls + NOISE;
    if (isDear(cost)) {
      const again = await least(before, unit);
      assert(!isDear(again), `${again} µs a byte, in calls ${calls}`);
    }
    const fresh = await costOf(rpcPort, FRESH, unit);
    const grows = (cost: number, fresh: number) =>
      cost > MOST_OF_FRESH * fresh + NOISE;
    if (grows(cost, fresh)) {
      const again = await least(before, unit);
      const lone = await least(FRESH, unit);
      assert(!grows(again, lone), `${again} µs a byte, by itself ${lone}`);
    }
  }));
}
