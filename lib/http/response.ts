import { ifNoneMatch } from "@std/http/etag";
import { acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE } from "@std/http/status";
import type { State } from "../broadcast/state.ts";
import type { Refusal, Unavailable } from "../errors.ts";
import type {
  EventStream,
  HttpRequest,
  HttpResponse,
} from "../view/custom_endpoint.ts";

/** Handles requests: `Lainlet` on the main thread, `RemoteHandler` on workers. */
export interface RequestHandler {
  /** Returns the response, or what feeds an event stream. Never throws. @param signal aborts when the client has left */
  handle(
    request: HttpRequest,
    signal?: AbortSignal,
  ): Promise<HttpResponse | EventStream>;
}

const JSON_TYPE = { "Content-Type": "application/json; charset=utf-8" };

/**
 * Size up to which a body is copied for each response, in bytes. `Response`
 * copies bytes, but not those of a stream, which takes about as much memory.
 */
export const MAX_COPIED = 64 * 1024;

/** Returns a plain-text response of one line. */
export function textResponse(
  body: string,
  status: number = STATUS_CODE.OK,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" },
    body,
  };
}

/** Returns the response for a refusal. */
export function refusalResponse({ message, status }: Refusal): HttpResponse {
  return textResponse(message, status);
}

/** Returns a 503 with `Retry-After`. */
export function unavailableResponse(
  { message, retryAfter }: Unavailable,
): HttpResponse {
  return textResponse(message, STATUS_CODE.ServiceUnavailable, {
    "Retry-After": String(retryAfter),
  });
}

/**
 * Deno before 2.9 compresses a response again for each request that accepts
 * brotli, in which nothing else runs: 10 MB take seconds. `no-transform` stops it.
 */
const BROTLI = /\bbr\b/i;

/**
 * Returns a state, or 304 if the client has it (RFC 9110, 13), compressed if
 * the client accepts gzip. Each encoding has its own entity tag, as strong tags
 * require.
 *
 * @param headers of the 200
 */
export async function stateResponse(
  request: HttpRequest,
  state: State,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<HttpResponse> {
  const isCompressed = acceptsGzip(request);
  const cacheHeaders = {
    "Cache-Control": isCompressed || !BROTLI.test(request.acceptEncoding ?? "")
      ? "no-cache"
      : "no-cache, no-transform",
    "ETag": etagOf(request, state),
    "Vary": "Accept-Encoding",
  };
  if (isNotModified(request, state)) {
    return {
      status: STATUS_CODE.NotModified,
      headers: cacheHeaders,
      body: null,
    };
  }
  return {
    status: STATUS_CODE.OK,
    headers: {
      ...cacheHeaders,
      ...headers,
      ...isCompressed
        ? {
          "Content-Encoding": "gzip",
          "Lainlet-Size": String(state.body.length),
        }
        : {},
    },
    body: isCompressed ? await state.gzip : state.body,
  };
}

/** Whether `If-None-Match` names a state. */
export function isNotModified(request: HttpRequest, state: State): boolean {
  return !ifNoneMatch(request.ifNoneMatch, etagOf(request, state));
}

function etagOf(request: HttpRequest, { etag }: State): string {
  return acceptsGzip(request) ? etag.replace(/"$/, '-gzip"') : etag;
}

function acceptsGzip({ acceptEncoding }: HttpRequest): boolean {
  return acceptEncoding !== null &&
    acceptsEncodings(
        { headers: new Headers({ "Accept-Encoding": acceptEncoding }) },
        "gzip",
        "identity",
      ) === "gzip";
}

/** Returns a response with more headers. */
export function withHeaders<T extends HttpResponse | EventStream>(
  response: T,
  headers: Readonly<Record<string, string>> | undefined,
): T {
  if (headers === undefined) return response;
  return { ...response, headers: { ...response.headers, ...headers } };
}

/**
 * Returns headers of a response whose state may be stale: `Age` in seconds (RFC
 * 9111, 5.1), and `Cache-Status` with the negative time since it became stale
 * (RFC 9211).
 *
 * @param age time since the state was last confirmed, in ms
 * @param staleAfter age above which the state is stale, in ms
 * @param problems why it is not confirmed
 */
export function stalenessHeaders(
  age: number,
  staleAfter: number,
  problems: readonly string[],
): Record<string, string> {
  const ttl = -Math.ceil((age - staleAfter) / 1000);
  // A string of RFC 8941, 3.3.3 is printable ASCII.
  const detail = (problems.join("; ") || "no contact with the store")
    .replace(/[^ -~]/g, "?").replace(/["\\]/g, "\\$&");
  return {
    "Age": String(Math.floor(age / 1000)),
    "Cache-Status": `lainlet; hit; ttl=${ttl}; detail="${detail}"`,
  };
}
