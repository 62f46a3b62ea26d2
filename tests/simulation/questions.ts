import * as apis from "../../apis/mod.ts";
import { canonical } from "../../lib/json.ts";
import { withoutOdd } from "./bad_values.ts";
import type { View } from "../../lib/view/view.ts";

/** A request for a view, and its caller. */
export interface Question {
  /** The view's path, with its parameters. */
  readonly path: string;
  readonly peer: string;
  /** The service and its request, if it is sent by gRPC. */
  readonly grpc?: {
    readonly service: string;
    readonly request: Readonly<Record<string, string>>;
  };
}

/** A caller that may request everything. */
export const LOCAL = "127.0.0.1";

/** The requests by HTTP, from callers of each kind: local, and of an app. */
export const HTTP_QUESTIONS: readonly Question[] = [
  { path: "/v2/proxywatcher?appname=a", peer: LOCAL },
  { path: "/v2/proxywatcher?appname=a", peer: "127.27.0.1" },
  { path: "/v2/coreinfowatcher", peer: LOCAL },
  { path: "/v2/containers", peer: LOCAL },
  { path: "/v2/nodes", peer: "127.27.0.1" },
  { path: "/v2/nodes", peer: LOCAL },
  { path: "/v2/depends", peer: "127.27.0.2" },
  { path: "/v2/configwatcher", peer: LOCAL },
];

const OF_A = { service: "Proxy", request: { Appname: "a" } };

/** The requests by gRPC. */
const GRPC_QUESTIONS: readonly Question[] = [
  { path: "/v2/proxywatcher?appname=a", peer: LOCAL, grpc: OF_A },
  { path: "/v2/proxywatcher?appname=a", peer: "127.27.0.1", grpc: OF_A },
  {
    path: "/v2/nodes",
    peer: "127.27.0.2",
    grpc: { service: "Nodes", request: {} },
  },
  {
    path: "/v2/configwatcher",
    peer: LOCAL,
    grpc: { service: "Config", request: {} },
  },
];

/** All requests: each is known by its index. */
export const QUESTIONS: readonly Question[] = [
  ...HTTP_QUESTIONS,
  ...GRPC_QUESTIONS,
];

/** The canonical JSON of a response, for comparison; without keys whose values may be invalid. */
export function answerText(answer: unknown): string {
  return remembered(JSON.stringify(answer), () => answer);
}

/** How many texts are cached. */
const MOST_TEXTS = 1_000;

const byText = new Map<string, string>();

/** As {@linkcode answerText}, of JSON text. */
export function answerOf(json: string): string {
  return remembered(json, () => JSON.parse(json));
}

/** Cached: many listeners get the same state. */
function remembered(json: string, answer: () => unknown): string {
  const known = byText.get(json);
  if (known !== undefined) return known;
  const text = canonical(withoutOdd(answer()));
  if (byText.size >= MOST_TEXTS) byText.clear();
  byText.set(json, text);
  return text;
}

interface Asked {
  readonly view: View;
  readonly params: URLSearchParams;
}

const asked = new Map<string, Asked>();

/** The view of a path, and its parameters. */
export function viewOf(path: string): Asked {
  const known = asked.get(path);
  if (known !== undefined) return known;
  const { pathname, searchParams: params } = new URL(path, "http://x");
  const view = Object.values<unknown>(apis).find((one): one is View =>
    isView(one) && one.paths.includes(pathname)
  );
  if (view === undefined) throw new Error(`no such view: ${path}`);
  const found = { view, params };
  asked.set(path, found);
  return found;
}

function isView(endpoint: unknown): endpoint is View {
  return typeof endpoint === "object" && endpoint !== null &&
    "select" in endpoint;
}
