import { STATUS_CODE } from "@std/http/status";
import type { CustomEndpoint } from "../lib/view/custom_endpoint.ts";

/** What this lainlet measures of itself, for Prometheus; no value from the store. */
export default {
  paths: ["/metrics"] as const,
  summary: "What this lainlet measures of itself, for Prometheus.",
  params: {},
  mayAsk: "all",
  mediaType: "text/plain",
  respond: async ({ metrics }) => ({
    status: STATUS_CODE.OK,
    headers: { "Content-Type": metrics.contentType },
    body: await metrics.text(),
  }),
} satisfies CustomEndpoint;
