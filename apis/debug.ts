import type { Page } from "../lib/page.ts";

/** How this lainlet is doing, without a value from the store. */
export default {
  paths: ["/debug"],
  respond({ broadcast, cluster, connections, store }) {
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
      connections,
      // The name is what deployed monitors read.
      goroutines: broadcast.listeners,
      topics: broadcast.topics,
      watchers: Object.fromEntries(watchers),
      store: {
        ...store.status,
        confirmed: confirmedAt(
          Math.max(...Object.values(cluster).map(({ age }) => age())),
        ),
      },
    };
    return Response.json(debug, { headers: { "Cache-Control": "no-store" } });
  },
} satisfies Page;

/** When a state was last known to be the store's; "": never. @param age in ms */
function confirmedAt(age: number): string {
  return Number.isFinite(age) ? new Date(Date.now() - age).toISOString() : "";
}
