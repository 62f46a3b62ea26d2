import { text, unavailable } from "../lib/http/answer.ts";
import type { Page } from "../lib/view/page.ts";
import { whyNotReady } from "../lib/vitals/readiness.ts";

/** Says whether the state is complete and recent. */
export default {
  paths: ["/readyz"] as const,
  summary: "Says whether the state is complete and recent; a 503 says why not.",
  params: {},
  mayAsk: "all",
  statuses: [503],
  mediaType: "text/plain",
  example: "ok",
  respond(service) {
    const reasons = whyNotReady(service);
    return reasons.length === 0 ? text("ok") : unavailable(reasons.join("; "));
  },
} satisfies Page;
