import { text, unavailable } from "../lib/answer.ts";
import type { Page } from "../lib/page.ts";

/** The store must have been heard from within so many ms. */
const STALE_AFTER = 30_000;

/** Says whether the state is complete and recent. */
export default {
  paths: ["/readyz"],
  respond({ cluster, store }) {
    const { heardAt, problems } = store.status;
    const reasons = Object.values(cluster)
      .filter(({ isSynced }) => !isSynced)
      .map(({ name }) => `${name} is not read yet`);
    const silence = Date.now() - heardAt;
    if (heardAt === 0) reasons.push("the store was never heard from");
    else if (silence > STALE_AFTER) {
      reasons.push(`the store was last heard from ${silence / 1000 | 0} s ago`);
    }
    if (reasons.length === 0) return text("ok");
    return unavailable([...reasons, ...problems].join("; "));
  },
} satisfies Page;
