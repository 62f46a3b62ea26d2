import type { TSchema } from "@sinclair/typebox";
import type { Param } from "./endpoint.ts";
import type { Page } from "./page.ts";
import { WATCH } from "./params.ts";
import type { View } from "./view.ts";

/** How to ask for a stream; what of it makes no sense for an endpoint is left out there. */
const WAYS = {
  watch: {
    description: "`1`: a live stream of Server-Sent Events. In any case.",
    schema: { enum: [...WATCH.on, ...WATCH.off] },
  },
  patch: {
    description:
      "`merge`: after the first state, what changed as a JSON Merge Patch (RFC 7396) in `patch` events.",
    schema: { enum: ["merge", ""] },
  },
  heartbeat: {
    description: "Seconds between heartbeat events; 0 or none: no heartbeats.",
    schema: { type: "integer", minimum: 0, maximum: 2_000_000 },
  },
};

const STREAM = {
  schema: { type: "string" },
  example: 'id: 1\nevent: init\ndata: {"a":"1"}\n\n',
};

const TEXT = { "text/plain": { schema: { type: "string" } } };

/** Answers that are alike everywhere. */
const RESPONSES = {
  NotModified: { description: "The state is that of `If-None-Match`." },
  Refused: {
    description: "One line that says why not. A stream gets an `error` event.",
    content: TEXT,
  },
};

const NOT_MODIFIED = { $ref: "#/components/responses/NotModified" };
const REFUSED = { $ref: "#/components/responses/Refused" };

/**
 * What endpoints say of themselves, as an OpenAPI document.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openapi(
  endpoints: readonly (View | Page)[],
  version: string,
): Readonly<Record<string, unknown>> {
  const operations = endpoints.flatMap((endpoint) =>
    endpoint.paths.map((path) => [path, { get: operation(path, endpoint) }])
  );
  return {
    openapi: "3.1.1",
    info: {
      title: "lainlet",
      summary: "The state of a LAIN cluster, kept current from etcd.",
      version,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths: Object.fromEntries(operations),
    components: { responses: RESPONSES },
  };
}

function operation(path: string, endpoint: View | Page): unknown {
  const { summary, params } = endpoint;
  const isView = "select" in endpoint;
  const { patch, ...watch } = WAYS;
  const ways = isView && endpoint.isObject ? { ...watch, patch } : watch;
  return {
    operationId: path.slice(1).replace(/\W+/g, "-") || "index",
    summary,
    parameters: [
      ...Object.entries(params).map(([name, param]) => parameter(name, param)),
      ...Object.entries(isView ? ways : {}).map(([name, rest]) => (
        { name, in: "query", ...rest }
      )),
    ],
    responses: isView
      ? {
        200: {
          description: "The state; with `watch=1`, a stream of states.",
          content: {
            "application/json": { schema: endpoint.answer },
            "text/event-stream": STREAM,
          },
        },
        304: NOT_MODIFIED,
        default: REFUSED,
      }
      : {
        200: {
          description: summary,
          content: content(endpoint.mediaType, endpoint.answer),
        },
        default: REFUSED,
      },
  };
}

function content(mediaType: string, answer?: TSchema): unknown {
  return { [mediaType]: { schema: answer ?? { type: "string" } } };
}

function parameter(name: string, { description, required }: Param): unknown {
  return {
    name,
    in: "query",
    description,
    required: required ?? false,
    schema: { type: "string" },
  };
}
