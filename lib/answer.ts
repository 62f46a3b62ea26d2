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
