import { isObject } from "../../json.ts";
import { type CustomEndpoint, isStreamOnly } from "../custom_endpoint.ts";
import type { MayAsk } from "../endpoint.ts";
import type { View } from "../view.ts";
import { type Capability, Parameters } from "./parameters.ts";
import {
  AGED,
  headerComponents,
  headersOf,
  refusalsOf,
  type RefusedStatus,
  responseComponents,
  TAGGED,
  VIEWED,
} from "./responses.ts";

const DESCRIPTION = `The state of a LAIN cluster, with a view for each consumer.

A caller is identified by its TCP address alone. Local callers (\`127.0.0.1\`,
\`::1\`, \`--ip\`) and the containers of apps with a config key
\`super_apps/<app>\` are *super callers* and may request everything. Other containers
act for their app, and a portal for the app that it belongs to. Each operation
says who may request it. A caller without the right gets 403; when a caller loses the
right to a stream, the stream ends with an \`error\` event.

With \`watch=1\` the response is a stream of Server-Sent Events, each with \`id\`,
\`event\` and \`data\`, in this order. \`init\` carries the whole state. After a
change \`update\`, or \`delete\` when things were only removed, carries the whole
state again; with \`patch=merge\`, \`patch\` carries what has changed since the
previous of these events. The data of \`error\` says, as text, why there is no
state at present. \`error\` and \`heartbeat\` have the id 0. A slow client gets the
latest state, and not those that it missed. A client that reconnects with the
entity tag of its state (\`tag=1\`, \`since="…"\`) gets only what has changed
since. A malformed or refused watch gets an error status, or a stream that ends
after an \`error\` event.`;

const TAGS = {
  apps: "The data of apps, each of which may request its own.",
  cluster: "The data of the cluster.",
  lainlet: "lainlet itself.",
} as const;

const RIGHTS: Readonly<Record<MayAsk, string>> = {
  all: "Every caller may request it.",
  app:
    "An app may request its own data, which it also gets when it names no app; super callers may request all.",
  super: "Only super callers may request it.",
};

/**
 * Makes the OpenAPI document of endpoints from their declarations.
 *
 * @throws {Error} when two different schemas, or two operations, have the same name
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openapi(
  endpoints: readonly (View | CustomEndpoint)[],
  version: string,
): Readonly<Record<string, unknown>> {
  const parameters = new Parameters(
    endpoints.flatMap(({ paths, params }) => paths.map(() => params)),
  );
  const schemas = new Schemas();
  const pathsByName = new Map<string, string>();
  const operations = endpoints.flatMap((endpoint) =>
    endpoint.paths.map((path) => {
      const operationId = path.slice(1).replace(/\W+/g, "-") || "index";
      const other = pathsByName.get(operationId);
      if (other !== undefined) {
        throw new Error(`the operations of ${other} and ${path} have one name`);
      }
      pathsByName.set(operationId, path);
      const { summary, params, mayAsk } = endpoint;
      return [path, {
        get: {
          operationId,
          tags: [tagOf(endpoint)],
          summary,
          description: RIGHTS[mayAsk],
          parameters: parameters.of(params, capabilitiesOf(endpoint)),
          responses: {
            200: answerOf(endpoint, schemas),
            ...refusalsOf(statusesOf(endpoint)),
          },
        },
      }];
    })
  );
  return {
    openapi: "3.1.1",
    info: {
      title: "lainlet",
      summary: "The state of a LAIN cluster, kept up to date from its store.",
      description: DESCRIPTION,
      version,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    // No credentials: a caller is its address.
    security: [],
    tags: Object.entries(TAGS).map(([name, description]) => (
      { name, description }
    )),
    paths: Object.fromEntries(operations),
    components: {
      schemas: schemas.components,
      parameters: parameters.components,
      headers: headerComponents,
      responses: responseComponents,
    },
  };
}

function tagOf(endpoint: View | CustomEndpoint): keyof typeof TAGS {
  if (!("select" in endpoint)) return "lainlet";
  return endpoint.mayAsk === "app" ? "apps" : "cluster";
}

function capabilitiesOf(endpoint: View | CustomEndpoint): Set<Capability> {
  const capabilities = new Set<Capability>();
  if (statusesOf(endpoint).includes(304)) capabilities.add("tagged");
  if (!("select" in endpoint)) {
    if (isStreamOnly(endpoint)) capabilities.add("stream");
    return capabilities;
  }
  capabilities.add("view");
  if (endpoint.isObject) capabilities.add("object");
  return capabilities;
}

function statusesOf(endpoint: View | CustomEndpoint): readonly RefusedStatus[] {
  return "select" in endpoint ? [304, 400, 503] : endpoint.statuses ?? [];
}

function answerOf(endpoint: View | CustomEndpoint, schemas: Schemas): unknown {
  const { answer, example } = endpoint;
  const headers = headersOf([
    ...statusesOf(endpoint).includes(304) ? TAGGED : [],
    ...isStreamOnly(endpoint) ? ["Cache-Control"] as const : [],
    ..."select" in endpoint ? VIEWED : [],
    ...endpoint.watcher === undefined ? [] : AGED,
  ]);
  const schema = answer === undefined ? { type: "string" } : schemas.of(answer);
  if (!("select" in endpoint)) {
    const content = { [endpoint.mediaType]: { schema, example } };
    return { description: endpoint.summary, headers, content };
  }
  const frame = `id: 1\nevent: init\ndata: ${JSON.stringify(example)}\n\n`;
  return {
    description: "The present state; with `watch=1`, a stream of states.",
    headers,
    content: {
      "application/json": { schema, example },
      "text/event-stream": {
        schema: { type: "string" },
        ...example === undefined ? {} : { example: frame },
      },
    },
  };
}

/** Collects schemas. Those with a name (`$id`) are components. */
class Schemas {
  /** `components.schemas` of OpenAPI. */
  readonly components: Record<string, unknown> = {};

  /**
   * Returns a schema in which named ones are replaced by references.
   *
   * @throws {Error} when two different schemas have the same name, or one has a malformed name
   */
  of(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((one) => this.of(one));
    if (!isObject(schema)) return schema;
    const { $id: name, ...rest } = schema;
    const resolved = Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [key, this.of(value)]),
    );
    if (typeof name !== "string") return resolved;
    if (!/^[\w.-]+$/.test(name)) {
      throw new Error(`a schema cannot be named ${name}`);
    }
    const known = this.components[name] ??= resolved;
    if (JSON.stringify(known) !== JSON.stringify(resolved)) {
      throw new Error(`two schemas are named ${name}`);
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}
