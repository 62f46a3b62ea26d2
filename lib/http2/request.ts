import type { Header } from "./hpack.ts";

/** RFC 9110, 5.6.2, and in lower case, as field names are: RFC 9113, 8.2.1. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** RFC 9110, 5.5: no control characters, no whitespace at either end. */
const VALUE = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;

const SCHEME = /^[a-z][a-z0-9+.-]*$/i;

/** What a request may begin with: RFC 9113, 8.3.1. */
const PSEUDO: ReadonlySet<string> = new Set([
  ":method",
  ":scheme",
  ":authority",
  ":path",
]);

/** Fields of a connection with HTTP/1: RFC 9113, 8.2.2. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The headers of a request by name; of a name that comes twice, the last.
 *
 * @returns why the request is malformed, when it is: RFC 9113, 8.1.1
 */
export function parseRequest(
  headers: readonly Header[],
): ReadonlyMap<string, string> | string {
  const fields = new Map<string, string>();
  let isRegular = false;
  for (const [name, value] of headers) {
    const isPseudo = name.startsWith(":");
    if (isPseudo) {
      if (!PSEUDO.has(name)) return "a request has no such pseudo-header field";
      if (isRegular) return "a pseudo-header field follows a regular one";
      if (!VALUE.test(value)) return "a field value is malformed";
    } else {
      isRegular = true;
      const problem = fieldProblem(name, value);
      if (problem !== undefined) return problem;
    }
    if (fields.has(name) && (isPseudo || name === "content-length")) {
      return `${name} comes twice`;
    }
    fields.set(name, value);
  }
  return targetProblem(fields) ?? lengthProblem(fields) ?? fields;
}

/** Why trailers are malformed; undefined: they are not. RFC 9113, 8.1. */
export function trailersProblem(
  headers: readonly Header[],
): string | undefined {
  for (const [name, value] of headers) {
    // A pseudo-header field among them: its name is none of a regular one.
    const problem = fieldProblem(name, value);
    if (problem !== undefined) return problem;
  }
}

/** Of a regular field. */
function fieldProblem(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return "a field name is malformed";
  if (!VALUE.test(value)) return "a field value is malformed";
  if (CONNECTION_FIELDS.has(name)) return `HTTP/2 has no ${name}`;
  if (name === "te" && value !== "trailers") return "te is not trailers";
}

/** RFC 9113, 8.3.1 and 8.5. */
function targetProblem(
  fields: ReadonlyMap<string, string>,
): string | undefined {
  const method = fields.get(":method");
  const scheme = fields.get(":scheme");
  const path = fields.get(":path");
  if (method === undefined || !TOKEN.test(method)) return "there is no :method";
  if (method === "CONNECT") {
    return scheme === undefined && path === undefined &&
        fields.has(":authority")
      ? undefined
      : "CONNECT has an :authority only";
  }
  if (scheme === undefined || !SCHEME.test(scheme)) {
    return "there is no :scheme";
  }
  if (path === undefined) return "there is no :path";
  if (!/^https?$/i.test(scheme) || path.startsWith("/")) return undefined;
  return method === "OPTIONS" && path === "*"
    ? undefined
    : "the :path does not begin with a slash";
}

function lengthProblem(
  fields: ReadonlyMap<string, string>,
): string | undefined {
  const length = fields.get("content-length");
  if (length === undefined || /^\d{1,15}$/.test(length)) return undefined;
  return "content-length is no number";
}
