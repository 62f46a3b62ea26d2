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

/** What it needs: each path's file and media type. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/ui/main.css": ["dist/main.css", "text/css; charset=utf-8"],
  "/ui/main.js": ["dist/main.js", "text/javascript; charset=utf-8"],
};

/** A page loads what is here, and nothing else; nobody may put it into a frame. */
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
  ].join("; "),
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
});

/** Of the one style that is in the page for who may not see the others. */
const REFUSED_STYLE = "'sha256-RKUlPqrO3PbEIj4n5fOR4h2a79G4UUnOk7udkbFoBFk='";

const files = new Map<string, Promise<State>>();

/** A file of the page, read once. */
function load(file: string): Promise<State> {
  const known = files.get(file);
  if (known !== undefined) return known;
  const url = new URL(`../lib/ui/${file}`, import.meta.url);
  const loading = Deno.readTextFile(url).then(State.of, (error) => {
    files.delete(file);
    throw new Unavailable(
      error instanceof Deno.errors.NotFound
        ? "the dashboard is not built: run deno task build"
        : "the dashboard cannot be read at present",
    );
  });
  files.set(file, loading);
  return loading;
}

/** A refusal for people: how to look from where they are. */
async function refusedPage(
  { message, status }: Refusal,
  url: string,
): Promise<HttpResponse> {
  const { hostname, port } = new URL(url);
  const words: Readonly<Record<string, string>> = {
    // An address or a name that is known, which holds nothing to be escaped.
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
    body: text.replace(/%(\w+)%/g, (_, name) => words[name] ?? ""),
  };
}

/** Whether a person looks: scripts do not ask for HTML. */
function isForPeople({ accept }: HttpRequest): boolean {
  const wanted = new Headers({ Accept: accept ?? "*/*" });
  return accepts({ headers: wanted }, "text/plain", "text/html") ===
    "text/html";
}

/** The dashboard: a page that shows the cluster and this lainlet, live. */
export default {
  paths: ["/", "/ui/main.css", "/ui/main.js"] as const,
  summary: "The dashboard, for a browser. For super callers.",
  params: {},
  mayAsk: "super",
  statuses: [304, 503],
  mediaType: "text/html",
  async respond({ rights }, { caller }, ask) {
    if (!ask.isNamed) throw misdirected();
    if (!rights.isReadyFor(ask.peer)) throw new Unavailable(NOT_READ_YET);
    if (!caller.isSuper) {
      const refusal = forbidden(SUPER_REQUIRED);
      if (isForPeople(ask)) return refusedPage(refusal, ask.url);
      throw refusal;
    }
    const [file, type] = FILES[new URL(ask.url).pathname.replace(/\/$/, "")] ??
      PAGE;
    return stateResponse(ask, await load(file), {
      ...headers("'self'"),
      "Content-Type": type,
    });
  },
} satisfies CustomEndpoint;
