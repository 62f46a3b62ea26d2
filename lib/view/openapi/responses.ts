/** Headers of answers, by their names. */
const HEADERS = {
  "Age": {
    description:
      "Only when the state is not known to be current: how many seconds ago it was (RFC 9111, 5.1).",
    schema: { type: "integer", minimum: 0 },
  },
  "Cache-Control": {
    required: true,
    description:
      "`no-cache`: ask again, with the entity tag; of a stream, `no-cache, no-transform`: proxies are to pass on each event as it comes.",
    schema: { type: "string" },
  },
  "Cache-Status": {
    description: "Beside `Age`: for how long, and why (RFC 9211).",
    schema: { type: "string" },
  },
  "ETag": {
    required: true,
    description:
      "The state's entity tag. Equal states have equal ones, on every lainlet.",
    schema: { type: "string" },
  },
  "Lainlet-Revision": {
    description:
      "The store's revision that the answer rests on, at least; none when that is not known.",
    schema: { type: "integer", minimum: 1 },
  },
  "Preference-Applied": {
    description: "`wait=SECONDS`, when `Prefer` had it.",
    schema: { type: "string" },
  },
  "Retry-After": {
    required: true,
    description: "When to ask again, in seconds.",
    schema: { type: "integer", minimum: 1 },
  },
  "Vary": {
    required: true,
    description:
      "`Accept-Encoding`: there is gzip for those who take it; and `Prefer`.",
    schema: { type: "string" },
  },
} as const;

export type HeaderName = keyof typeof HEADERS;

/** Headers of what has an entity tag, of a view's state besides, and those that come when it may be old. */
export const TAGGED = ["Cache-Control", "ETag", "Vary"] as const;
export const VIEWED = ["Lainlet-Revision", "Preference-Applied"] as const;
export const AGED = ["Age", "Cache-Status"] as const;

/** What an answer other than 200 is. */
interface Refused {
  readonly name: string;
  readonly description: string;
  readonly headers: readonly HeaderName[];
  /** What it says, for one; none: it has no body. */
  readonly example?: string;
}

/** All answers other than 200, by their status. */
const REFUSED = {
  304: {
    name: "NotModified",
    description: "The state is that of `If-None-Match`.",
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
      "The caller may not ask this; or it is a browser, and asks for a page of another site.",
    headers: [],
    example: "authorize failed, super required",
  },
  404: {
    name: "NotFound",
    description: "There is no such thing.",
    headers: [],
    example: "the address is nobody's",
  },
  414: {
    name: "UriTooLong",
    description: "The URL has more than 8,192 characters.",
    headers: [],
    example: "the URL is too long",
  },
  421: {
    name: "Misdirected",
    description:
      "A browser asks by a name that may be anybody's: ask by an address, or by a name of `--web.hosts`.",
    headers: [],
    example:
      "unknown host name: use an IP address, or add the name to --web.hosts",
  },
  431: {
    name: "HeadersTooLarge",
    description: "The headers have more than 32,768 characters.",
    headers: [],
    example: "the headers are too long",
  },
  500: {
    name: "Failed",
    description: "A bug of lainlet's, which its log tells of.",
    headers: [],
    example: "internal error",
  },
  503: {
    name: "Unavailable",
    description:
      "There is no answer at present, not the revision or the proof that was asked for, or no place for one more listener.",
    headers: ["Retry-After"],
    example: "the store has not been read yet",
  },
} as const satisfies Record<number, Refused>;

/** Those that an endpoint may have. */
export type RefusedStatus = keyof typeof REFUSED;

/** What comes of any request, whatever it asks for. */
const ANY: readonly RefusedStatus[] = [403, 414, 421, 431, 500];

/** `components.headers` of OpenAPI. */
export const headerComponents: unknown = HEADERS;

/** `components.responses` of OpenAPI. */
export const responseComponents: unknown = Object.fromEntries(
  Object.values<Refused>(REFUSED).map(
    ({ name, description, headers, example }) => [name, {
      description,
      ...headers.length > 0 ? { headers: headersOf(headers) } : {},
      ...example === undefined ? {} : {
        content: { "text/plain": { schema: { type: "string" }, example } },
      },
    }],
  ),
);

/** The headers of an answer, as references. */
export function headersOf(names: readonly HeaderName[]): unknown {
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}

/** The answers other than 200 of an endpoint, as references. */
export function refusalsOf(
  statuses: readonly RefusedStatus[],
): Record<number, unknown> {
  return Object.fromEntries([...ANY, ...statuses].map((status) => [
    status,
    { $ref: `#/components/responses/${REFUSED[status].name}` },
  ]));
}
