import { Unavailable } from "../lib/errors.ts";
import { textResponse } from "../lib/http/response.ts";
import type { CustomEndpoint } from "../lib/view/custom_endpoint.ts";
import { notReadyReasons } from "../lib/stats/readiness.ts";

/** The readiness check: the state is complete and recent. */
export default {
  paths: ["/readyz"] as const,
  summary:
    "The readiness check: 200 while the state is complete and recent, else 503 with the reasons.",
  params: {},
  mayAsk: "all",
  statuses: [503],
  mediaType: "text/plain",
  example: "ok",
  respond(service) {
    const reasons = notReadyReasons(service);
    if (reasons.length > 0) throw new Unavailable(reasons.join("; "));
    return textResponse("ok");
  },
} satisfies CustomEndpoint;
