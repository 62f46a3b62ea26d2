import { text, unavailable } from "../lib/http/answer.ts";
import type { Page } from "../lib/view/page.ts";
import type { Cluster } from "../lib/watcher/cluster.ts";
import { EMPTY } from "../lib/watcher/first_read.ts";

/** Says whether the state is complete and recent. */
export default {
  paths: ["/readyz"] as const,
  summary: "Says whether the state is complete and recent; a 503 says why not.",
  params: {},
  mediaType: "text/plain",
  respond({ cluster, staleAfter, store }) {
    const reasons = isEmpty(cluster)
      ? [EMPTY]
      : Object.values(cluster).flatMap(({ name, isSynced, age }) => {
        if (!isSynced) return [`${name} is not read yet`];
        if (age() <= staleAfter) return [];
        return [`${name} was last confirmed ${age() / 1000 | 0} s ago`];
      });
    if (reasons.length === 0) return text("ok");
    return unavailable([...reasons, ...store.status.problems].join("; "));
  },
} satisfies Page;

/** Whether all was read, and does not count as read, as there is nothing. */
function isEmpty({ config, depends, nodes, podgroup }: Cluster): boolean {
  return [config, depends, nodes, podgroup].every(({ isSynced, updatedAt }) =>
    !isSynced && updatedAt !== undefined
  );
}
