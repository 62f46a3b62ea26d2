import { isObject } from "../../lib/json.ts";
import type { Param } from "../../lib/view/endpoint.ts";
import type { CustomEndpoint } from "../../lib/view/custom_endpoint.ts";
import type { View } from "../../lib/view/view.ts";

/**
 * The text of a module that has the types of `lib/client/declared.ts`, and
 * needs no other: what the endpoints declare is written out.
 *
 * @throws {Error} when a schema says something that it has no type for
 */
export function declaredTypes(
  endpoints: readonly (View | CustomEndpoint)[],
): string {
  const named = new Map<string, string>();
  const views: string[] = [];
  const members = endpoints.flatMap((endpoint) => {
    const { answer, params, paths, summary } = endpoint;
    if (answer === undefined) return [];
    const members = [
      `readonly data: ${typeOf(answer, named)};`,
      `readonly params: ${paramsOf(params)};`,
    ];
    return paths.map((path) => {
      const name = JSON.stringify(path.replace(/^\/v2\//, ""));
      if ("select" in endpoint) views.push(name);
      return `${comment(summary)}readonly ${name}: { ${members.join(" ")} };`;
    });
  });
  return `/**
 * What lainlet's endpoints answer. Made of what they declare.
 *
 * @module
 */

${[...named].map(([name, type]) => `export type ${name} = ${type};`).join("\n")}

/** What each endpoint answers, and its query parameters. */
export interface Endpoints {
${members.join("\n")}
}

/** What can be watched: \`nodes\`, \`webrouter/webprocs\`, … */
export type ViewName = ${views.join(" | ")};

/** What answers with JSON: the views, and other endpoints by their path, \`/debug\`. */
export type EndpointName = keyof Endpoints;

/** What an endpoint answers. */
export type Data<N extends EndpointName> = Endpoints[N]["data"];

/** The query parameters of an endpoint. */
export type Params<N extends EndpointName> = Endpoints[N]["params"];
`;
}

function paramsOf(params: Readonly<Record<string, Param>>): string {
  const members = Object.entries(params).map(
    ([name, { description, required }]) =>
      `${comment(description)}readonly ${name}${required ? "" : "?"}: string;`,
  );
  return `{ ${members.join(" ")} }`;
}

/**
 * A JSON schema as a type; those that have a name (`$id`) are added to the rest.
 *
 * @see https://json-schema.org/draft/2020-12
 */
function typeOf(schema: unknown, named: Map<string, string>): string {
  if (!isObject(schema)) throw unknown(schema);
  const { $id: name, anyOf, const: literal, items, type } = schema;
  const inner = (one: unknown) => typeOf(one, named);
  if (typeof name === "string") {
    const { $id: _, ...rest } = schema;
    named.set(name, inner(rest));
    return name;
  }
  if (Array.isArray(anyOf)) return `(${anyOf.map(inner).join(" | ")})`;
  if (literal !== undefined) return JSON.stringify(literal);
  switch (type) {
    case undefined:
      if (Object.keys(schema).every((key) => key === "description")) {
        return "unknown";
      }
      break;
    case "array":
      return `${inner(items)}[]`;
    case "boolean":
    case "null":
    case "number":
    case "string":
      return type;
    case "integer":
      return "number";
    case "object":
      return objectOf(schema, inner);
  }
  throw unknown(schema);
}

function objectOf(
  schema: Readonly<Record<string, unknown>>,
  inner: (schema: unknown) => string,
): string {
  const { properties = {}, patternProperties = {}, required = [] } = schema;
  const isRequired = (name: string) =>
    Array.isArray(required) && required.includes(name);
  const members = Object.entries(Object(properties)).map(([name, one]) => {
    const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
    const optional = isRequired(name) ? "" : "?";
    return `${commentOf(one)}${key}${optional}: ${inner(one)};`;
  });
  const patterns = Object.entries(Object(patternProperties)).map(
    ([pattern, one]) => {
      // `Type.Record`'s own, or what names begin with.
      const [, start] = /^\^([\w/]+)$/.exec(pattern) ?? [];
      if (start === undefined && pattern !== "^(.*)$") throw unknown(schema);
      const key = start === undefined ? "string" : `\`${start}\${string}\``;
      return `${commentOf(one)}[name: ${key}]: ${inner(one)};`;
    },
  );
  return `{ ${[...members, ...patterns].join(" ")} }`;
}

function commentOf(schema: unknown): string {
  const { description } = Object(schema);
  return typeof description === "string" ? comment(description) : "";
}

function comment(text: string): string {
  return `\n/** ${text.replaceAll("*/", "*\\/")} */\n`;
}

function unknown(schema: unknown): Error {
  return new Error(`there is no type for ${JSON.stringify(schema)}`);
}
