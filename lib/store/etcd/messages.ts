import { Buffer } from "node:buffer";
import type { IEvent, IWatchResponse } from "etcd3";
import type { Batch, KeyChange } from "../store.ts";

/** Events in the order that etcd sent them, as one batch per revision. */
export function* batches(events: readonly IEvent[]): Generator<Batch> {
  let changes: KeyChange[] = [];
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

/** Keys from one on, up to another one, which is not among them. */
export interface Range {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

/** The smallest range that holds some (non-empty) prefixes, one at least, and so what is between them. */
export function rangeOf(...prefixes: readonly string[]): Range {
  const ranges = prefixes.map((prefix) => {
    const key = Buffer.from(prefix);
    const end = Buffer.from(prefix);
    // The prefix with its last byte one higher.
    end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
    return { key, range_end: end };
  });
  return ranges.reduce((all, one) => ({
    key: Buffer.compare(one.key, all.key) < 0 ? one.key : all.key,
    range_end: Buffer.compare(one.range_end, all.range_end) > 0
      ? one.range_end
      : all.range_end,
  }));
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
