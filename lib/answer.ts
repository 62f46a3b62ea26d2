import { ifNoneMatch } from "@std/http/etag";
import { acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE } from "@std/http/status";
import type { State } from "./broadcast/state.ts";

/** A plain-text answer of one line. */
export function text(
  body: string,
  status: number = STATUS_CODE.OK,
  headers: HeadersInit = {},
): Response {
  const response = new Response(body, { status, headers });
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  return response;
}

/** An answer that says to come back soon: there may be one then. */
export function unavailable(reason: string): Response {
  return text(reason, STATUS_CODE.ServiceUnavailable, { "Retry-After": "1" });
}

/**
 * A state as JSON, with conditional requests (RFC 9110, 13) and gzip. Each
 * encoding has an entity tag of its own, as strong ones must.
 */
export async function json(request: Request, state: State): Promise<Response> {
  const accepted = request.headers.get("Accept-Encoding") !== null &&
    acceptsEncodings(request, "gzip", "identity") === "gzip";
  const tag = await state.etag;
  const etag = accepted ? tag.replace(/"$/, '-gzip"') : tag;
  const headers = new Headers({
    "Cache-Control": "no-cache",
    "ETag": etag,
    "Vary": "Accept-Encoding",
  });
  if (!ifNoneMatch(request.headers.get("If-None-Match"), etag)) {
    return new Response(null, { status: STATUS_CODE.NotModified, headers });
  }
  headers.set("Content-Type", "application/json; charset=utf-8");
  if (!accepted) return new Response(state.body, { headers });
  headers.set("Content-Encoding", "gzip");
  return new Response(await state.gzip, { headers });
}

/**
 * Says that an answer rests on a state that may be old: `Age` in seconds (RFC
 * 9111, 5.1), and `Cache-Status` with how long it is stale (RFC 9211).
 *
 * @param age since the state was last confirmed, in ms
 * @param staleAfter the age from which on it counts as stale, in ms
 * @param problems why it is not confirmed
 */
export function markStale(
  { headers }: Response,
  age: number,
  staleAfter: number,
  problems: readonly string[],
): void {
  const ttl = -Math.ceil((age - staleAfter) / 1000);
  // A string of RFC 8941, 3.3.3 is printable ASCII.
  const detail = (problems.join("; ") || "the store is not heard from")
    .replace(/[^ -~]/g, "?").replace(/["\\]/g, "\\$&");
  headers.set("Age", String(Math.floor(age / 1000)));
  headers.set("Cache-Status", `lainlet; hit; ttl=${ttl}; detail="${detail}"`);
}
