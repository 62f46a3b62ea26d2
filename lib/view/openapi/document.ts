import type { MayAsk } from "../endpoint.ts";
import { type CustomEndpoint, isStreamOnly } from "../custom_endpoint.ts";
import type { View } from "../view.ts";
import { type Askable, Parameters } from "./parameters.ts";
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
import { isObject } from "../../json.ts";

const ABOUT = `What LAIN's scheduler wrote to the store, as each need wants it.

A caller is its TCP address and nothing else. Local ones (\`127.0.0.1\`, \`::1\`,
\`--ip\`) and the containers of apps with a config key \`super_apps/<app>\` are
*super* and may ask everything; other containers are their app, and a portal is
the app that it leads to. Each operation says who may ask it. Who may not gets
403; a stream whose caller loses the right to it ends with an \`error\`.

With \`watch=1\` an answer is a stream of Server-Sent Events, each with \`id\`,
\`event\` and \`data\`, in this order: \`init\`, the whole state; \`update\`, and
\`delete\` when something was only removed, the whole state again; with
\`patch=merge\`, \`patch\`, what has changed since the last of these. \`error\` says
in its data, as text, why there is no state at present: it, and \`heartbeat\`,
have the id 0. A listener that is slow gets the latest state, and not what it
missed; one that comes back with the entity tag of the state that it has
(\`tag=1\`, \`since="…"\`) gets what it missed, and nothing when that is nothing.
What is malformed or refused behind \`watch=1\` is told by a status, or
by an \`error\`, with which the stream ends.`;

const TAGS = {
  apps: "What an app may ask for itself.",
  cluster: "What belongs to no app.",
  lainlet: "Lainlet itself.",
} as const;

const RIGHTS: Readonly<Record<MayAsk, string>> = {
  all: "Every caller may ask.",
  app:
    "An app may ask for itself, super callers for all. Without one named an app gets what is its own.",
  super: "For super callers.",
};

/**
 * What endpoints say of themselves, as an OpenAPI document.
 *
 * @throws {Error} when two schemas that differ have one name
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
  const operations = endpoints.flatMap((endpoint) =>
    endpoint.paths.map((path) => {
      const operationId = path.slice(1).replace(/\W+/g, "-") || "index";
      const { summary, params, mayAsk } = endpoint;
      return [path, {
        get: {
          operationId,
          tags: [tagOf(endpoint)],
          summary,
          description: RIGHTS[mayAsk],
          parameters: parameters.of(params, askablesOf(endpoint)),
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
      summary: "The state of a LAIN cluster, kept current from its store.",
      description: ABOUT,
      version,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
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

function askablesOf(endpoint: View | CustomEndpoint): Set<Askable> {
  const askables = new Set<Askable>();
  if (statusesOf(endpoint).includes(304)) askables.add("tagged");
  if (!("select" in endpoint)) {
    if (isStreamOnly(endpoint)) askables.add("stream");
    return askables;
  }
  askables.add("view");
  if (endpoint.isObject) askables.add("object");
  return askables;
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
    description: "The state; with `watch=1`, a stream of states.",
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
/** Schemas, those that have a name (`$id`) once, as components. */

export class Schemas {
  /** `components.schemas` of OpenAPI. */
  readonly components: Record<string, unknown> = {};

  /**
   * A schema in which those with a name are references.
   *
   * @throws {Error} when two that differ have one name
   */
  of(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((one) => this.of(one));
    if (!isObject(schema)) return schema;
    const { $id: name, ...rest } = schema;
    const own = Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [key, this.of(value)]),
    );
    if (typeof name !== "string") return own;
    const known = this.components[name] ??= own;
    if (JSON.stringify(known) !== JSON.stringify(own)) {
      throw new Error(`there are two schemas called ${name}`);
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}
