import { conditional } from "../lib/http/answer.ts";
import { State } from "../lib/broadcast/state.ts";
import { openapi } from "../lib/view/openapi/document.ts";
import type { Page } from "../lib/view/page.ts";

/** What can be asked, and what is answered: an OpenAPI 3.1 document. */
export default {
  paths: ["/openapi.json"] as const,
  summary: "This document.",
  params: {},
  mayAsk: "all",
  statuses: [304],
  mediaType: "application/json",
  respond: ({ endpoints, version }, _query, ask) =>
    conditional(ask, State.of(JSON.stringify(openapi(endpoints, version)))),
} satisfies Page;
