import { accepts } from "@std/http/negotiation";
import { stateResponse } from "../lib/http/response.ts";
import { State } from "../lib/broadcast/state.ts";
import {
  forbidden,
  misdirected,
  NOT_READ_YET,
  type Refusal,
  SUPER_REQUIRED,
  Unavailable,
} from "../lib/errors.ts";
import type {
  CustomEndpoint,
  HttpRequest,
  HttpResponse,
} from "../lib/view/custom_endpoint.ts";

const HTML = "text/html; charset=utf-8";

const PAGE = ["index.html", HTML] as const;

/** The other files, by path: file and media type. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/ui/main.css": ["dist/main.css", "text/css; charset=utf-8"],
  "/ui/main.js": ["dist/main.js", "text/javascript; charset=utf-8"],
  "/ui/worker.js": ["dist/worker.js", "text/javascript; charset=utf-8"],
};

/** The page loads files from lainlet only, and no other page may frame it. */
const headers = (style: string) => ({
  "Content-Security-Policy": [
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src data:",
    "script-src 'self'",
    `style-src ${style}`,
    "worker-src 'self'",
  ].join("; "),
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
});

/** The hash of the inline style of `refused.html`, which may load no other file. */
const REFUSED_STYLE = "'sha256-RKUlPqrO3PbEIj4n5fOR4h2a79G4UUnOk7udkbFoBFk='";

const files = new Map<string, Promise<State>>();

/** Reads a file, once. @throws {Unavailable} when it cannot be read */
function load(file: string): Promise<State> {
  const known = files.get(file);
  if (known !== undefined) return known;
  const url = new URL(`../lib/ui/${file}`, import.meta.url);
  const loading = Deno.readTextFile(url).then(State.of, (error) => {
    files.delete(file);
    throw new Unavailable(
      error instanceof Deno.errors.NotFound
        ? "the dashboard is not built: run deno task build"
        : "the dashboard's files cannot be read",
    );
  });
  files.set(file, loading);
  return loading;
}

/** The page for callers without the right: how to open the dashboard from their machine. */
async function refusedPage(
  { message, status }: Refusal,
  url: string,
): Promise<HttpResponse> {
  const { hostname, port } = new URL(url);
  const values: Readonly<Record<string, string>> = {
    // An address or a known name, which contains nothing to escape.
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port || "80",
    reason: message,
  };
  const text = new TextDecoder().decode((await load("refused.html")).body);
  return {
    status,
    headers: {
      ...headers(REFUSED_STYLE),
      "Content-Type": HTML,
      "Vary": "Accept",
    },
    body: text.replace(/%(\w+)%/g, (_, name) => values[name] ?? ""),
  };
}

/** Whether a browser asks: programs do not prefer HTML. */
function prefersHtml({ accept }: HttpRequest): boolean {
  const wanted = new Headers({ Accept: accept ?? "*/*" });
  return accepts({ headers: wanted }, "text/plain", "text/html") ===
    "text/html";
}

/** The dashboard: a live page about the cluster and this lainlet. */
export default {
  paths: ["/", "/ui/main.css", "/ui/main.js", "/ui/worker.js"] as const,
  summary: "The dashboard, for a browser. For super callers.",
  params: {},
  mayAsk: "super",
  statuses: [304, 503],
  mediaType: "text/html",
  async respond({ rights }, { caller }, request) {
    if (!request.isKnownHost) throw misdirected();
    if (!rights.isReadyFor(request.peer)) throw new Unavailable(NOT_READ_YET);
    if (!caller.isSuper) {
      const refusal = forbidden(SUPER_REQUIRED);
      if (prefersHtml(request)) return refusedPage(refusal, request.url);
      throw refusal;
    }
    const [file, type] =
      FILES[new URL(request.url).pathname.replace(/\/$/, "")] ??
        PAGE;
    return stateResponse(request, await load(file), {
      ...headers("'self'"),
      "Content-Type": type,
    });
  },
} satisfies CustomEndpoint;
