import { conditional } from "../lib/http/answer.ts";
import { State } from "../lib/broadcast/state.ts";
import {
  forbidden,
  misdirected,
  NOT_READ_YET,
  SUPER_REQUIRED,
  Unavailable,
} from "../lib/errors.ts";
import type { Page } from "../lib/view/page.ts";

const PAGE = ["index.html", "text/html; charset=utf-8"] as const;

/** What it needs: each path's file and media type. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/ui/main.css": ["dist/main.css", "text/css; charset=utf-8"],
  "/ui/main.js": ["dist/main.js", "text/javascript; charset=utf-8"],
};

/** The page loads what is here, and nothing else; nobody may put it into a frame. */
const HEADERS = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src data:",
    "script-src 'self'",
    "style-src 'self'",
  ].join("; "),
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

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
    if (!caller.isSuper) throw forbidden(SUPER_REQUIRED);
    const [file, type] = FILES[new URL(ask.url).pathname.replace(/\/$/, "")] ??
      PAGE;
    return conditional(ask, await load(file), {
      ...HEADERS,
      "Content-Type": type,
    });
  },
} satisfies Page;
