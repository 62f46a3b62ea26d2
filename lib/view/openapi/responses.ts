/** Response headers, by name. */
const HEADERS = {
  "Age": {
    description:
      "Only when the state may be out of date: the seconds since it was last confirmed (RFC 9111, 5.1).",
    schema: { type: "integer", minimum: 0 },
  },
  "Cache-Control": {
    required: true,
    description:
      "`no-cache`: caches must revalidate with the entity tag. `no-transform`, of streams and where brotli is accepted without gzip: nothing on the way may compress it, so that events pass at once.",
    schema: { type: "string" },
  },
  "Cache-Status": {
    description:
      "With `Age`: for how long the state has been out of date, and why (RFC 9211).",
    schema: { type: "string" },
  },
  "ETag": {
    required: true,
    description:
      "The state's entity tag. Equal states have equal tags, on every lainlet.",
    schema: { type: "string" },
  },
  "Lainlet-Revision": {
    description:
      "The store's revision up to which the state is complete. Missing when it is not known.",
    schema: { type: "integer", minimum: 1 },
  },
  "Lainlet-Size": {
    description: "The length of a compressed body before its compression.",
    schema: { type: "integer", minimum: 0 },
  },
  "Preference-Applied": {
    description: "`wait=SECONDS`, when `Prefer` requested it.",
    schema: { type: "string" },
  },
  "Retry-After": {
    required: true,
    description: "After how many seconds to retry.",
    schema: { type: "integer", minimum: 1 },
  },
  "Vary": {
    required: true,
    description:
      "`Accept-Encoding`, as responses may be gzipped, and `Prefer`.",
    schema: { type: "string" },
  },
} as const;

export type HeaderName = keyof typeof HEADERS;

/** The headers of responses with an entity tag; those of views besides; those of states that may be out of date. */
export const TAGGED = [
  "Cache-Control",
  "ETag",
  "Lainlet-Size",
  "Vary",
] as const;
export const VIEWED = ["Lainlet-Revision", "Preference-Applied"] as const;
export const AGED = ["Age", "Cache-Status"] as const;

/** A response other than 200. */
interface ErrorResponse {
  readonly name: string;
  readonly description: string;
  readonly headers: readonly HeaderName[];
  /** An example of the body; none: it has no body. */
  readonly example?: string;
}

/** All responses other than 200, by status. */
const RESPONSES = {
  304: {
    name: "NotModified",
    description: "The present state has an entity tag of `If-None-Match`.",
    headers: [...TAGGED, ...VIEWED, ...AGED],
  },
  400: {
    name: "BadRequest",
    description: "A parameter is missing or malformed.",
    headers: [],
    example: "appname required",
  },
  403: {
    name: "Forbidden",
    description:
      "The caller lacks the right, or a page of another site made the request.",
    headers: [],
    example: "authorize failed, super required",
  },
  404: {
    name: "NotFound",
    description: "Not found.",
    headers: [],
    example: "no app has this address",
  },
  414: {
    name: "UriTooLong",
    description: "The URL is longer than 8,192 characters.",
    headers: [],
    example: "the URL is too long",
  },
  421: {
    name: "Misdirected",
    description:
      "A browser uses a host name that lainlet does not know: use an address, or a name of `--web.hosts`.",
    headers: [],
    example:
      "unknown host name: use an IP address, or add the name to --web.hosts",
  },
  431: {
    name: "HeadersTooLarge",
    description: "The headers are longer than 32,768 characters.",
    headers: [],
    example: "the headers are too long",
  },
  500: {
    name: "Failed",
    description: "A bug of lainlet's; the log has the details.",
    headers: [],
    example: "internal error",
  },
  503: {
    name: "Unavailable",
    description:
      "There is no state to respond with at present, the requested revision or confirmation did not come in time, or a limit of streams is reached.",
    headers: ["Retry-After"],
    example: "the store has not been read yet",
  },
} as const satisfies Record<number, ErrorResponse>;

/** The statuses that an endpoint may declare. */
export type RefusedStatus = keyof typeof RESPONSES;

/** The statuses that any request may get. */
const COMMON: readonly RefusedStatus[] = [403, 414, 421, 431, 500];

/** `components.headers` of OpenAPI. */
export const headerComponents: unknown = HEADERS;

/** `components.responses` of OpenAPI. */
export const responseComponents: unknown = Object.fromEntries(
  Object.values<ErrorResponse>(RESPONSES).map(
    ({ name, description, headers, example }) => [name, {
      description,
      ...headers.length > 0 ? { headers: headersOf(headers) } : {},
      ...example === undefined ? {} : {
        content: { "text/plain": { schema: { type: "string" }, example } },
      },
    }],
  ),
);

/** References to headers. */
export function headersOf(names: readonly HeaderName[]): unknown {
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}

/** References to an endpoint's responses other than 200. */
export function refusalsOf(
  statuses: readonly RefusedStatus[],
): Record<number, unknown> {
  return Object.fromEntries([...COMMON, ...statuses].map((status) => [
    status,
    { $ref: `#/components/responses/${RESPONSES[status].name}` },
  ]));
}
