import { stateResponse } from "../lib/http/response.ts";
import { State } from "../lib/broadcast/state.ts";
import { memo } from "../lib/memo.ts";
import { openapi } from "../lib/view/openapi/document.ts";
import type {
  CustomEndpoint,
  EndpointContext,
} from "../lib/view/custom_endpoint.ts";

/** The document for each list of endpoints, made once. */
const documents = new WeakMap<EndpointContext["endpoints"], State>();

/** The description of all endpoints: an OpenAPI 3.1 document. */
export default {
  paths: ["/openapi.json"] as const,
  summary: "This document.",
  params: {},
  mayAsk: "all",
  statuses: [304],
  mediaType: "application/json",
  respond: ({ endpoints, version }, _query, request) =>
    stateResponse(
      request,
      memo(documents, endpoints, () =>
        State.of(JSON.stringify(openapi(endpoints, version)))),
    ),
} satisfies CustomEndpoint;
