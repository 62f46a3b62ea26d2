import { STATUS_CODE } from "@std/http/status";
import type { CustomEndpoint } from "../lib/view/custom_endpoint.ts";

/** The metrics of this lainlet, for Prometheus, without values from the store. */
export default {
  paths: ["/metrics"] as const,
  summary: "The metrics of this lainlet, for Prometheus.",
  params: {},
  mayAsk: "all",
  mediaType: "text/plain",
  respond: async ({ metrics }) => ({
    status: STATUS_CODE.OK,
    headers: { "Content-Type": metrics.contentType },
    body: await metrics.text(),
  }),
} satisfies CustomEndpoint;
