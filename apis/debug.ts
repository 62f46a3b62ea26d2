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
        Rejections: watcher.rejections,
        Rejected: [...watcher.rejected.keys()].slice(0, 100),
      },
    ]);
    const { heardAt, ...status } = store.status;
    const debug = {
      connections,
      // The name is what deployed monitors read.
      goroutines: broadcast.listeners,
      topics: broadcast.topics,
      watchers: Object.fromEntries(watchers),
      store: {
        ...status,
        heardAt: heardAt === 0 ? "" : new Date(heardAt).toISOString(),
      },
    };
    return Response.json(debug, { headers: { "Cache-Control": "no-store" } });
  },
} satisfies Page;
