import { StreamrouterPorts } from "../lib/grpc/proto/message_pb.ts";
import { Type } from "@sinclair/typebox";
import { portsOf } from "../lib/view/routers.ts";
import { int32 } from "../lib/view/rpc.ts";
import { BY_APP, byApp } from "../lib/view/select.ts";
import { view } from "../lib/view/view.ts";

/** Every port that a stream router listens on, sorted. */
export default view({
  paths: ["/v2/streamrouter/ports"],
  summary: "Every port that a stream router listens on, sorted.",
  params: BY_APP,
  mayAsk: "app",
  answer: Type.Array(Type.Number()),
  example: [4000],
  watcher: (cluster) => cluster.podgroup,
  select: byApp,
  piece: (group) => portsOf(group).map(({ srcport }) => srcport),
  text: (pieces) => JSON.stringify(sorted(pieces)),
  rpc: {
    service: StreamrouterPorts,
    reply: (pieces) => ({ Data: sorted(pieces).map(int32) }),
  },
});

function sorted(
  pieces: readonly (readonly [key: string, ports: readonly number[]])[],
): number[] {
  return pieces.flatMap(([, ports]) => ports).sort((a, b) => a - b);
}
