import type { Client } from "../client/client.ts";
import { parseBounded } from "../client/limits.ts";
import { isObject } from "../json.ts";
import type { Param } from "../view/endpoint.ts";
import { READ_PARAMS, STREAM_PARAMS } from "../view/params.ts";
import type { EndpointInfo } from "./endpoints.ts";
import { endpointName } from "./endpoints.ts";
import { printable } from "./printable.ts";

/** Parameters of all views, which are no flags. */
const COMMON_PARAMS: ReadonlySet<unknown> = new Set([
  ...READ_PARAMS,
  ...STREAM_PARAMS,
]);

/**
 * Reads the views that a running lainlet serves, those of its API files
 * included, from its `/openapi.json`. What is not as expected there is left out.
 *
 * @throws {PeerError | RefusedError} when it cannot be asked
 */
export async function readServedViews(
  client: Client,
  signal?: AbortSignal,
): Promise<EndpointInfo[]> {
  const text = await client.text("/openapi.json", {}, signal);
  const document = parseBounded(text, JSON.parse);
  const components = memberOf(memberOf(document, "components"), "parameters");
  const paths = Object.entries(Object(memberOf(document, "paths")));
  return paths.flatMap(([path, item]) => {
    const { responses, summary, parameters }: Readonly<
      Record<string, unknown>
    > = Object(memberOf(item, "get"));
    const content = memberOf(memberOf(responses, "200"), "content");
    const isView = memberOf(content, "text/event-stream") !== undefined &&
      memberOf(content, "application/json") !== undefined;
    if (!isView || typeof summary !== "string") return [];
    return [{
      name: printable(endpointName(path)),
      path: printable(path),
      summary: printable(summary),
      params: paramsOf(parameters, components),
      isView,
      isJson: true,
    }];
  });
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function paramsOf(
  parameters: unknown,
  components: unknown,
): Readonly<Record<string, Param>> {
  if (!Array.isArray(parameters)) return {};
  const all = parameters.map((one) => {
    const reference = memberOf(one, "$ref");
    return typeof reference === "string"
      ? memberOf(components, reference.replace(/^.*\//, ""))
      : one;
  });
  return Object.fromEntries(
    all.flatMap((one) => {
      const [name, description] = [
        memberOf(one, "name"),
        memberOf(one, "description"),
      ];
      return typeof name === "string" && memberOf(one, "in") === "query" &&
          typeof description === "string" && !COMMON_PARAMS.has(name)
        ? [[name, { description: printable(description) }]]
        : [];
    }),
  );
}
