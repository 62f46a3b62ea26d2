import { textResponse } from "../lib/http/response.ts";
import type { CustomEndpoint } from "../lib/view/custom_endpoint.ts";

/** The liveness check: the process serves. */
export default {
  paths: ["/healthz"] as const,
  summary: "The liveness check: 200 while the process serves.",
  params: {},
  mayAsk: "all",
  mediaType: "text/plain",
  example: "ok",
  respond: () => textResponse("ok"),
} satisfies CustomEndpoint;
