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

/** What answers: the one thread that knows the cluster, or a way to it. */
export interface RequestHandler {
  /** Never throws. @param gone aborts when who asked has gone; for what may take long */
  handle(
    ask: HttpRequest,
    gone?: AbortSignal,
  ): Promise<HttpResponse | EventStream>;
}

const JSON_TYPE = { "Content-Type": "application/json; charset=utf-8" };

/** A plain-text answer of one line. */
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

/** A refusal, as its caller gets it. */
export function refusalResponse({ message, status }: Refusal): HttpResponse {
  return textResponse(message, status);
}

/** An answer that says to come back: there may be one then. */
export function unavailableResponse(
  { message, retryAfter }: Unavailable,
): HttpResponse {
  return textResponse(message, STATUS_CODE.ServiceUnavailable, {
    "Retry-After": String(retryAfter),
  });
}

/**
 * A state, with conditional requests (RFC 9110, 13) and gzip. Each encoding
 * has an entity tag of its own, as strong ones must.
 *
 * @param own headers of the whole answer
 */
export async function stateResponse(
  ask: HttpRequest,
  state: State,
  own: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<HttpResponse> {
  const isCompressed = acceptsGzip(ask);
  const headers = {
    "Cache-Control": "no-cache",
    "ETag": etagOf(ask, state),
    "Vary": "Accept-Encoding",
  };
  if (isNotModified(ask, state)) {
    return { status: STATUS_CODE.NotModified, headers, body: null };
  }
  return {
    status: STATUS_CODE.OK,
    headers: {
      ...headers,
      ...own,
      ...isCompressed ? { "Content-Encoding": "gzip" } : {},
    },
    body: isCompressed ? await state.gzip : state.body,
  };
}

/** Whether who asks has a state already. */
export function isNotModified(ask: HttpRequest, state: State): boolean {
  return !ifNoneMatch(ask.ifNoneMatch, etagOf(ask, state));
}

function etagOf(ask: HttpRequest, { etag }: State): string {
  return acceptsGzip(ask) ? etag.replace(/"$/, '-gzip"') : etag;
}

function acceptsGzip({ acceptEncoding }: HttpRequest): boolean {
  return acceptEncoding !== null &&
    acceptsEncodings(
        { headers: new Headers({ "Accept-Encoding": acceptEncoding }) },
        "gzip",
        "identity",
      ) === "gzip";
}

/** An answer, with headers that the whole of it has. */
export function withHeaders<T extends HttpResponse | EventStream>(
  answer: T,
  headers: Readonly<Record<string, string>> | undefined,
): T {
  if (headers === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/**
 * Headers that say that an answer rests on a state that may be old: `Age` in
 * seconds (RFC 9111, 5.1), and `Cache-Status` with how long it is stale (RFC
 * 9211).
 *
 * @param age since the state was last confirmed, in ms
 * @param staleAfter the age from which on it counts as stale, in ms
 * @param problems why it is not confirmed
 */
export function stalenessHeaders(
  age: number,
  staleAfter: number,
  problems: readonly string[],
): Record<string, string> {
  const ttl = -Math.ceil((age - staleAfter) / 1000);
  // A string of RFC 8941, 3.3.3 is printable ASCII.
  const detail = (problems.join("; ") || "the store is not heard from")
    .replace(/[^ -~]/g, "?").replace(/["\\]/g, "\\$&");
  return {
    "Age": String(Math.floor(age / 1000)),
    "Cache-Status": `lainlet; hit; ttl=${ttl}; detail="${detail}"`,
  };
}
