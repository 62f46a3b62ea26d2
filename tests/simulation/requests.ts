import * as apis from "../../apis/mod.ts";
import { canonical } from "../../lib/json.ts";
import { withoutOdd } from "./invalid_values.ts";
import type { View } from "../../lib/view/view.ts";

/** A request for a view, and its caller. */
export interface ViewRequest {
  /** The view's path, with its parameters. */
  readonly path: string;
  /** The caller's address. */
  readonly peer: string;
  /** The service and the message, if it is sent by gRPC. */
  readonly grpc?: {
    readonly service: string;
    readonly message: Readonly<Record<string, string>>;
  };
}

/**
 * What a GET requires of the state that it gets: nothing, every earlier write
 * (`fresh=1`), or every write up to the current revision (`revision=N`).
 */
export type Consistency = "default" | "fresh" | "revision";

/** A caller that may request everything. */
export const LOCAL = "127.0.0.1";

/** Addresses of containers: they move from app to app. */
export const PEERS = ["127.27.0.1", "127.27.0.2", "127.27.9.9"] as const;

/** The requests by HTTP, from callers of each kind: local, and of an app. */
export const HTTP_REQUESTS: readonly ViewRequest[] = [
  { path: "/v2/proxywatcher?appname=a", peer: LOCAL },
  { path: "/v2/proxywatcher?appname=a", peer: "127.27.0.1" },
  { path: "/v2/coreinfowatcher", peer: LOCAL },
  { path: "/v2/containers", peer: LOCAL },
  { path: "/v2/nodes", peer: "127.27.0.1" },
  { path: "/v2/nodes", peer: LOCAL },
  { path: "/v2/depends", peer: "127.27.0.2" },
  { path: "/v2/configwatcher", peer: LOCAL },
];

const PROXY_OF_A = { service: "Proxy", message: { Appname: "a" } };

/** The requests by gRPC. */
const GRPC_REQUESTS: readonly ViewRequest[] = [
  { path: "/v2/proxywatcher?appname=a", peer: LOCAL, grpc: PROXY_OF_A },
  { path: "/v2/proxywatcher?appname=a", peer: "127.27.0.1", grpc: PROXY_OF_A },
  {
    path: "/v2/nodes",
    peer: "127.27.0.2",
    grpc: { service: "Nodes", message: {} },
  },
  {
    path: "/v2/configwatcher",
    peer: LOCAL,
    grpc: { service: "Config", message: {} },
  },
];

/** All requests; other files name a request by its index in this list. */
export const REQUESTS: readonly ViewRequest[] = [
  ...HTTP_REQUESTS,
  ...GRPC_REQUESTS,
];

/** The index of the request for all nodes. */
export const NODES_REQUEST = REQUESTS.findIndex(({ path, peer }) =>
  path === "/v2/nodes" && peer === LOCAL
);

/** @throws {Error} when there is no such request */
export function requestAt(index: number): ViewRequest {
  const request = REQUESTS[index];
  if (request === undefined) throw new Error(`no request ${index}`);
  return request;
}

/**
 * A response as text, to compare it with another: canonical JSON, without keys
 * whose values may be invalid.
 */
export function comparable(response: unknown): string {
  return cached(JSON.stringify(response), () => response);
}

/** As {@linkcode comparable}, of a response's body. */
export function comparableBody(json: string): string {
  return cached(json, () => JSON.parse(json));
}

/** The maximal number of cached texts. */
const MAX_CACHED = 1_000;

/** Comparable texts by JSON: many listeners get the same state. */
const cache = new Map<string, string>();

function cached(json: string, parse: () => unknown): string {
  const known = cache.get(json);
  if (known !== undefined) return known;
  const text = canonical(withoutOdd(parse()));
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(json, text);
  return text;
}

/** A view, and the parameters that it is requested with. */
interface ParsedPath {
  readonly view: View;
  readonly params: URLSearchParams;
}

const parsed = new Map<string, ParsedPath>();

/** The view of a path, and the path's parameters. */
export function viewOf(path: string): ParsedPath {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const { pathname, searchParams: params } = new URL(path, "http://x");
  const view = Object.values<unknown>(apis).find((one): one is View =>
    isView(one) && one.paths.includes(pathname)
  );
  if (view === undefined) throw new Error(`no such view: ${path}`);
  const found = { view, params };
  parsed.set(path, found);
  return found;
}

function isView(endpoint: unknown): endpoint is View {
  return typeof endpoint === "object" && endpoint !== null &&
    "select" in endpoint;
}
