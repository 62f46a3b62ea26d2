import { stateResponse } from "../lib/http/response.ts";
import { State } from "../lib/broadcast/state.ts";
import { memo } from "../lib/memo.ts";
import { openapi } from "../lib/view/openapi/document.ts";
import type {
  CustomEndpoint,
  EndpointContext,
} from "../lib/view/custom_endpoint.ts";

/** Of what can be asked, made once. */
const documents = new WeakMap<EndpointContext["endpoints"], State>();

/** What can be asked, and what is answered: an OpenAPI 3.1 document. */
export default {
  paths: ["/openapi.json"] as const,
  summary: "This document.",
  params: {},
  mayAsk: "all",
  statuses: [304],
  mediaType: "application/json",
  respond: ({ endpoints, version }, _query, ask) =>
    stateResponse(
      ask,
      memo(documents, endpoints, () =>
        State.of(JSON.stringify(openapi(endpoints, version)))),
    ),
} satisfies CustomEndpoint;
