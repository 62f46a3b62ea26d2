import { Type } from "@sinclair/typebox";
import { STATUS_CODE } from "@std/http/status";
import type { Json } from "../lib/schema.ts";
import { Literals } from "../lib/overview/values.ts";
import { API_FILE_STATUSES, History } from "../lib/stats/stats.ts";
import { Lainlet } from "../lib/grpc/proto/message_pb.ts";
import { type CustomEndpoint, unary } from "../lib/view/custom_endpoint.ts";

const encoder = new TextEncoder();

const Count = Type.Integer({ minimum: 0 });

const WatcherStatus = Type.Object({
  NumReceivers: Count,
  UpdateTime: Type.String({ description: "RFC 3339. Empty: never." }),
  LastEvent: Type.Object({
    Action: Type.Union([
      Type.Literal("init"),
      Type.Literal("update"),
      Type.Literal("delete"),
      Type.Literal(""),
    ]),
    Key: Type.String(),
    ModifiedIndex: Count,
  }),
  TotalKeys: Count,
  Confirmed: Type.String({
    description: "When the state was last confirmed to be the store's.",
  }),
  Differences: Count,
  Rejections: Count,
  Rejected: Type.Array(Type.String(), {
    description: "Keys with an invalid value, which is ignored; at most 100.",
  }),
}, { $id: "WatcherStatus" });

const ApiFile = Type.Object({
  file: Type.String(),
  paths: Type.Array(Type.String(), { description: "Those that are served." }),
  status: Literals(API_FILE_STATUSES),
  reason: Type.String({
    description: "Why the file is not served as it is now; empty if it is.",
  }),
  rejections: Count,
  rejected: Type.Array(Type.String(), {
    description: "Keys with a value that the file fails for; at most 100.",
  }),
}, { $id: "ApiFile" });

const Debug = Type.Object({
  history: History,
  connections: Count,
  goroutines: Type.Integer({ description: "Live streams." }),
  refused: Count,
  slow: Count,
  topics: Count,
  watchers: Type.Record(Type.String(), WatcherStatus),
  store: Type.Object({
    source: Type.String(),
    revision: Count,
    reconnects: Count,
    missed: Count,
    problems: Type.Array(Type.String()),
    confirmed: Type.String(),
  }),
  apis: Type.Optional(Type.Object({
    folder: Type.String(),
    problem: Type.String({
      description: "Why the folder cannot be read; empty if it can.",
    }),
    files: Type.Array(ApiFile),
  }, { description: "The API files; missing without `--apis`." })),
}, { $id: "Debug" });

/** The status of this lainlet, without values from the store. */
export default {
  paths: ["/debug"] as const,
  summary: "The status of this lainlet, without values from the store.",
  params: {},
  mayAsk: "all",
  mediaType: "application/json",
  answer: Debug,
  respond({ apiFiles, changeLog, cluster, store, stats }) {
    const { connections, listeners, refused, slow, topics } = stats.current;
    const watchers = Object.values(cluster).map((watcher) => [
      watcher.name,
      {
        NumReceivers: watcher.receivers,
        UpdateTime: watcher.updatedAt?.toISOString() ?? "",
        LastEvent: watcher.lastEvent,
        TotalKeys: watcher.size,
        Confirmed: confirmedAt(watcher.age()),
        Differences: watcher.differences,
        Rejections: watcher.rejections,
        Rejected: [...watcher.rejected.keys()].slice(0, 100),
      },
    ]);
    const debug = {
      history: changeLog.history,
      connections,
      // Deployed monitors read this name.
      goroutines: listeners,
      refused,
      slow,
      topics,
      watchers: Object.fromEntries(watchers),
      store: {
        ...store.status,
        confirmed: confirmedAt(
          Math.max(...Object.values(cluster).map(({ age }) => age())),
        ),
      },
      apis: apiFiles && {
        folder: apiFiles.folder,
        problem: apiFiles.problem,
        files: apiFiles.files.map(
          ({ file, paths, status, reason, rejections, rejectedIn }) => ({
            file,
            paths,
            status,
            reason,
            rejections,
            rejected: rejectedIn(cluster),
          }),
        ),
      },
    } satisfies Json<typeof Debug>;
    return {
      status: STATUS_CODE.OK,
      headers: {
        "Cache-Control": "no-store",
        "Content-Type": "application/json; charset=utf-8",
      },
      body: JSON.stringify(debug),
    };
  },
  rpc: [
    unary(Lainlet.method.status, ({ cluster, stats }) => ({
      Goroutines: stats.current.listeners,
      Status: Object.fromEntries(
        Object.values(cluster).map((watcher) => [watcher.name, {
          NumReceivers: watcher.receivers,
          UpdateTime: BigInt(Math.floor(Number(watcher.updatedAt ?? 0) / 1000)),
          LastEvent: encoder.encode(JSON.stringify(watcher.lastEvent)),
          TotalKeys: watcher.size,
        }]),
      ),
    })),
  ],
} satisfies CustomEndpoint;

/** When a state was last confirmed, in RFC 3339; "": never. @param age in ms */
function confirmedAt(age: number): string {
  return Number.isFinite(age) ? new Date(Date.now() - age).toISOString() : "";
}
