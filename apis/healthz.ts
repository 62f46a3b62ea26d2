import { textResponse } from "../lib/http/response.ts";
import type { CustomEndpoint } from "../lib/view/custom_endpoint.ts";

/** Says that the process serves. */
export default {
  paths: ["/healthz"] as const,
  summary: "Says that the process serves.",
  params: {},
  mayAsk: "all",
  mediaType: "text/plain",
  example: "ok",
  respond: () => textResponse("ok"),
} satisfies CustomEndpoint;
