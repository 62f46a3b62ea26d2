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
      name: path.replace(/^\/(v2\/)?/, ""),
      path,
      summary: endpoint.summary,
      params: endpoint.params,
      isView: "select" in endpoint,
      isJson: endpoint.answer !== undefined,
    }))
  )
  .filter(({ name }) => name !== "" && !name.startsWith("ui/"));

/** The names of all parameters. */
export const PARAMS: ReadonlySet<string> = new Set(
  ENDPOINTS.flatMap(({ params }) => Object.keys(params)),
);

/** Endpoints that a command can query. */
export function endpointsOf(command: "get" | "watch"): readonly EndpointInfo[] {
  return command === "get"
    ? ENDPOINTS
    : ENDPOINTS.filter(({ isView }) => isView);
}

/**
 * The endpoint of a name, or of a path.
 *
 * @throws {UsageError} when there is none
 */
export function endpointOf(command: "get" | "watch", word = ""): EndpointInfo {
  const all = endpointsOf(command);
  const name = word.replace(/\/$/, "");
  const found = all.find((one) => one.name === name || one.path === name);
  if (found !== undefined) return found;
  throw new UsageError(
    word === ""
      ? `${command}: needs an endpoint; lainlet ${command} --help lists them`
      : `${command}: no such endpoint: "${word}"${
        suggestion(name.replace(/^\/(v2\/)?/, ""), all.map(({ name }) => name))
      }`,
  );
}
