import type { Header } from "./hpack.ts";

/** Tokens (RFC 9110, 5.6.2), and field names, which are in lower case (RFC 9113, 8.2.1). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Field values (RFC 9110, 5.5): no control characters, no whitespace at either end. */
const VALUE = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;

const SCHEME = /^[a-z][a-z0-9+.-]*$/i;

/** Pseudo-header fields of requests: RFC 9113, 8.3.1. */
const PSEUDO: ReadonlySet<string> = new Set([
  ":method",
  ":scheme",
  ":authority",
  ":path",
]);

/** Connection-specific fields of HTTP/1, which HTTP/2 forbids: RFC 9113, 8.2.2. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Parses the headers of a request.
 *
 * @returns the values by name, the last one of repeated names; or why the
 * request is malformed (RFC 9113, 8.1.1)
 */
export function parseRequest(
  headers: readonly Header[],
): ReadonlyMap<string, string> | string {
  const fields = new Map<string, string>();
  let isRegular = false;
  for (const [name, value] of headers) {
    const isPseudo = name.startsWith(":");
    if (isPseudo) {
      if (!PSEUDO.has(name)) return "unknown pseudo-header field";
      if (isRegular) return "pseudo-header field after a regular one";
      if (!VALUE.test(value)) return "malformed field value";
    } else {
      isRegular = true;
      const problem = fieldProblem(name, value);
      if (problem !== undefined) return problem;
    }
    if (fields.has(name) && (isPseudo || name === "content-length")) {
      return `repeated ${name}`;
    }
    fields.set(name, value);
  }
  return targetProblem(fields) ?? lengthProblem(fields) ?? fields;
}

/** Returns why trailers are malformed; undefined if they are not. RFC 9113, 8.1. */
export function trailersProblem(
  headers: readonly Header[],
): string | undefined {
  for (const [name, value] of headers) {
    // The names of pseudo-header fields are not allowed either.
    const problem = fieldProblem(name, value);
    if (problem !== undefined) return problem;
  }
}

/** Returns why a regular field is malformed. */
function fieldProblem(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return "malformed field name";
  if (!VALUE.test(value)) return "malformed field value";
  if (CONNECTION_FIELDS.has(name)) return `${name} is not allowed in HTTP/2`;
  if (name === "te" && value !== "trailers") return "te other than trailers";
}

/** RFC 9113, 8.3.1 and 8.5. */
function targetProblem(
  fields: ReadonlyMap<string, string>,
): string | undefined {
  const method = fields.get(":method");
  const scheme = fields.get(":scheme");
  const path = fields.get(":path");
  if (method === undefined || !TOKEN.test(method)) return "invalid :method";
  if (method === "CONNECT") {
    return scheme === undefined && path === undefined &&
        fields.has(":authority")
      ? undefined
      : "CONNECT needs :authority only";
  }
  if (scheme === undefined || !SCHEME.test(scheme)) {
    return "invalid :scheme";
  }
  if (path === undefined) return "no :path";
  if (!/^https?$/i.test(scheme) || path.startsWith("/")) return undefined;
  return method === "OPTIONS" && path === "*"
    ? undefined
    : ":path does not begin with a slash";
}

function lengthProblem(
  fields: ReadonlyMap<string, string>,
): string | undefined {
  const length = fields.get("content-length");
  if (length === undefined || /^\d{1,15}$/.test(length)) return undefined;
  return "invalid content-length";
}
