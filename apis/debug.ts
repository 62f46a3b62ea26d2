import { STATUS_CODE } from "@std/http/status";
import type { Page } from "../lib/page.ts";

/** How this lainlet is doing, without a value from the store. */
export default {
  paths: ["/debug"],
  respond({ broadcast, cluster, counters, limits, store }) {
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
      connections: counters.connections,
      // The name is what deployed monitors read.
      goroutines: limits.listeners,
      refused: limits.refused,
      slow: counters.slow,
      topics: broadcast.topics,
      watchers: Object.fromEntries(watchers),
      store: {
        ...store.status,
        confirmed: confirmedAt(
          Math.max(...Object.values(cluster).map(({ age }) => age())),
        ),
      },
    };
    return {
      status: STATUS_CODE.OK,
      headers: {
        "Cache-Control": "no-store",
        "Content-Type": "application/json; charset=utf-8",
      },
      body: JSON.stringify(debug),
    };
  },
} satisfies Page;

/** When a state was last known to be the store's; "": never. @param age in ms */
function confirmedAt(age: number): string {
  return Number.isFinite(age) ? new Date(Date.now() - age).toISOString() : "";
}
