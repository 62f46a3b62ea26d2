import { Buffer } from "node:buffer";
import type { IEvent, IWatchResponse } from "etcd3";
import type { Batch, Change } from "../store.ts";

/** Events in the order that etcd sent them, as one batch per revision. */
export function* batches(events: readonly IEvent[]): Generator<Batch> {
  let changes: Change[] = [];
  for (const [i, { type, kv }] of events.entries()) {
    const key = kv.key.toString();
    changes.push(type === "Delete" ? { key } : { key, value: kv.value });
    if (events[i + 1]?.kv.mod_revision !== kv.mod_revision) {
      yield { type: "batch", revision: Number(kv.mod_revision), changes };
      changes = [];
    }
  }
}

/** Why etcd canceled a watch. */
export function reasonOf(response: IWatchResponse): "compacted" | Error {
  return response.compact_revision !== "0"
    ? "compacted"
    : new Error(response.cancel_reason || "etcd canceled the watch");
}

/** The end of the range that holds a (non-empty) prefix: the prefix with its last byte one higher. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return end;
}

/** Whether etcd works but this login may not read the subtree. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error &&
    error.message.includes("etcdserver: permission denied");
}

/** Whether etcd has forgotten the revision that it was asked for. */
export function isCompacted(error: unknown): boolean {
  return error instanceof Error &&
    error.message.includes("required revision has been compacted");
}
