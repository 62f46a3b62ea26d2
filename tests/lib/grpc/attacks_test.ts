/**
 * Whatever one caller sends to gRPC's port, others are served, and the memory
 * that it takes is bounded.
 *
 * @module
 */
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { STATUS_CODE } from "@std/http/status";
import { messageFrame } from "../../../lib/grpc/message.ts";
import {
  encodeFrame,
  ERROR,
  FLAG,
  SETTING,
  TYPE,
  uint32At,
} from "../../../lib/http2/frame.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { Attacker, ATTACKS, symbolRequest } from "../../util/attacks.ts";
import { get } from "../../util/client.ts";
import { golden } from "../../util/golden.ts";
import { RpcClient } from "../../util/grpc.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const EMPTY = messageFrame([]);

/** The most memory that one address may take, in bytes, with a limit of 1,000 streams. */
const MAX_BYTES = (4 + 12) * 1024 * 1024 + 16 * 1024 * 1000;

/**
 * The most CPU time until five requests are answered, in µs, including the
 * attacker's. Some milliseconds are needed; without limits, the whole attack
 * would be handled first.
 */
const MAX_CPU = 2_000_000;

Deno.test("attacks: others get responses meanwhile", async (t) => {
  await using lainlet = await new TestLainlet(golden()).ready();
  const { counters, limits } = lainlet.lainlet;
  for (const [name, attack] of Object.entries(ATTACKS)) {
    await t.step(name, async () => {
      await using attacker = await Attacker.start(lainlet.rpcPort, attack);
      await eventually(
        "the attack has begun",
        () => attacker.sent > 0 || undefined,
      );
      const before = process.cpuUsage();
      for (let i = 0; i < 5; i++) {
        const { status } = await get(`${lainlet.url}/v2/configwatcher`);
        assertEquals(status, STATUS_CODE.OK);
      }
      const { user, system } = process.cpuUsage(before);
      assert(user + system < MAX_CPU, `${user + system} µs`);
      assert(lainlet.kept <= MAX_BYTES, `${lainlet.kept} bytes are reserved`);
    });
    await eventually(
      "all is released",
      () => {
        const isHeld = counters.connections > 0 || limits.listeners > 0 ||
          lainlet.kept > 0;
        return isHeld ? undefined : true;
      },
    );
  }
  await using client = await RpcClient.open(lainlet.rpcPort);
  assertEquals((await client.get("Config")).code, "ok");
});

Deno.test("attacks: a response that stays unread ends the call", async (t) => {
  await using lainlet = await new TestLainlet(golden(), { slowAfter: 200 })
    .ready();
  await using peer = await Http2Peer.connect(lainlet.rpcPort, [
    [SETTING.initialWindowSize, 0],
  ]);
  const calls = [
    ["/message.Config/Get", EMPTY],
    [REFLECTION, symbolRequest("message.Config")],
  ] as const;
  for (const [i, [path, message]] of calls.entries()) {
    await t.step(path, async () => {
      const id = 2 * i + 1;
      await peer.open(id, callHeaders(path));
      await peer.send(encodeFrame(TYPE.data, FLAG.endStream, id, message));
      const { payload } = await peer.nextOf(TYPE.rstStream, id);
      assertEquals(uint32At(payload, 0), ERROR.cancel);
    });
  }
  assertEquals(lainlet.lainlet.counters.slow, calls.length);
});

Deno.test("attacks: unread states are limited, but for the same state on many streams", async () => {
  const large = "x".repeat(4_000_000);
  const store = new MemoryStore([["/lain/config/a", large]]);
  await using lainlet = await new TestLainlet(store).ready();
  await using peer = await Http2Peer.connect(lainlet.rpcPort, [
    [SETTING.initialWindowSize, 0],
  ]);
  /** Calls, and reads nothing of the body. @returns the error code of the reset; undefined: the stream is open */
  const call = async (id: number): Promise<number | undefined> => {
    await peer.open(id, callHeaders("/message.Config/Get"));
    await peer.send(
      encodeFrame(TYPE.data, FLAG.endStream, id, EMPTY),
      encodeFrame(TYPE.ping, 0, 0, new Uint8Array(8)),
    );
    let code: number | undefined;
    for (;;) {
      const frame = await peer.next();
      if (frame === undefined) throw new Error("the connection is closed");
      if (frame.type === TYPE.ping) return code;
      if (frame.type === TYPE.rstStream) code = uint32At(frame.payload, 0);
    }
  };
  let id = 1;
  for (; id < 40; id += 2) {
    assertEquals(await call(id), undefined);
  }
  assert(lainlet.kept < 5_000_000, `${lainlet.kept}`);
  let code: number | undefined;
  for (let i = 0; code === undefined && i < 10; i++, id += 2) {
    store.put("/lain/config/a", `${i}${large}`);
    await eventually("it is served", async () => {
      const { body } = await get(`${lainlet.url}/v2/configwatcher?target=a`);
      return body.includes(`"${i}x`) || undefined;
    });
    code = await call(id);
  }
  assertEquals(code, ERROR.enhanceYourCalm);
  assert(lainlet.kept <= MAX_BYTES, `${lainlet.kept} bytes are reserved`);
});
