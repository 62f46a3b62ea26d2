import * as apis from "../../apis/mod.ts";
import { UsageError } from "../flags.ts";
import type { Param } from "../view/endpoint.ts";
import { type CustomEndpoint, isStreamOnly } from "../view/custom_endpoint.ts";
import type { View } from "../view/view.ts";
import { suggestion } from "../suggest.ts";

/** An endpoint that the command line can query. */
export interface EndpointInfo {
  /** Its path, for a view without `/v2/`. */
  readonly name: string;
  readonly path: string;
  readonly summary: string;
  readonly params: Readonly<Record<string, Param>>;
  readonly isView: boolean;
  readonly isJson: boolean;
}

/** All endpoints that a client can query. */
export const ENDPOINTS: readonly EndpointInfo[] = Object.values<
  View | CustomEndpoint
>(
  apis,
)
  .filter((endpoint) => !isStreamOnly(endpoint))
  .flatMap((endpoint) =>
    endpoint.paths.map((path) => ({
      name: endpointName(path),
      path,
      summary: endpoint.summary,
      params: endpoint.params,
      isView: "select" in endpoint,
      isJson: endpoint.answer !== undefined,
    }))
  )
  .filter(({ name }) => name !== "" && !name.startsWith("ui/"));

/** The name of the endpoint with a path. */
export function endpointName(path: string): string {
  return path.replace(/^\/(v2\/)?/, "");
}

/** The names of all parameters of endpoints. */
export function paramNames(all: readonly EndpointInfo[]): ReadonlySet<string> {
  return new Set(all.flatMap(({ params }) => Object.keys(params)));
}

/** Endpoints that a command can query. */
export function endpointsOf(
  command: "get" | "watch",
  all: readonly EndpointInfo[] = ENDPOINTS,
): readonly EndpointInfo[] {
  return command === "get" ? all : all.filter(({ isView }) => isView);
}

/** The endpoint of a name, or of a path; undefined: there is none. */
export function findEndpoint(
  word = "",
  all: readonly EndpointInfo[] = ENDPOINTS,
): EndpointInfo | undefined {
  const name = word.replace(/\/$/, "");
  return all.find((one) => one.name === name || one.path === name);
}

/**
 * The endpoint of a name, or of a path.
 *
 * @param problem why there may be more endpoints
 * @throws {UsageError} when there is none
 */
export function endpointOf(
  command: "get" | "watch",
  word: string,
  endpoints: readonly EndpointInfo[],
  problem?: string,
): EndpointInfo {
  const all = endpointsOf(command, endpoints);
  const found = findEndpoint(word, all);
  if (found !== undefined) return found;
  if (word === "") {
    throw new UsageError(
      `${command}: needs an endpoint; lainlet ${command} --help lists them`,
    );
  }
  const other = findEndpoint(word, endpoints);
  const hint = other !== undefined
    ? `; is it lainlet get ${other.name}?`
    : suggestion(
      endpointName(word.replace(/\/$/, "")),
      all.map(({ name }) => name),
    ) || (problem === undefined ? "" : `, and ${problem}`);
  throw new UsageError(`${command}: no such endpoint: "${word}"${hint}`);
}
