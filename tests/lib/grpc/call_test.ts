import { assertEquals } from "@std/assert";
import { messageFrame } from "../../../lib/grpc/message.ts";
import {
  Call,
  type PendingReply,
  UnaryHandler,
} from "../../../lib/grpc/call.ts";
import { encodeFrame, FLAG, TYPE } from "../../../lib/http2/frame.ts";
import { Http2Server } from "../../../lib/http2/server.ts";
import { joined } from "../../util/attacks.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { eventually } from "../../util/process.ts";

Deno.test("call: a reply is not registered when its headers end the connection", async () => {
  const headers = callHeaders("/a");
  const request = headers.reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  );
  const calls = 20;
  const replies = new Set<PendingReply>();
  let ended = 0;
  const server = new Http2Server(
    { hostname: "127.0.0.1", port: 0 },
    (stream) => {
      const call = new Call(stream, {
        onReply: (_call, reply) => replies.add(reply),
        onReplyEnd: (reply) => replies.delete(reply),
        onInternalError(_call, error) {
          throw error;
        },
        onEnd: () => ended++,
      });
      call.handler = new UnaryHandler(() => {
        call.write(messageFrame([]));
        return undefined;
      });
      return call;
    },
    {
      quota: {
        connections: 1,
        // Enough for the connection and the requests, not for all reply headers.
        bytes: 12 * 1024 + calls * (4 * 1024 + request),
        bodies: 1_000,
      },
      slowAfter: 60_000,
    },
  );
  await using peer = await Http2Peer.connect(server.address.port);
  // The server's settings, and its acknowledgement: both are sent by then.
  for (let i = 0; i < 2; i++) await peer.nextOf(TYPE.settings);
  const ids = Array.from({ length: calls }, (_, i) => 2 * i + 1);
  for (const id of ids) await peer.open(id, headers);
  const message = messageFrame([]);
  await peer.send(joined(
    ...ids.map((id) => encodeFrame(TYPE.data, FLAG.endStream, id, message)),
  ));
  assertEquals(await peer.next(), undefined);
  await eventually("the calls have ended", () => ended === calls || undefined);
  assertEquals(replies.size, 0);
  await server.close();
});
