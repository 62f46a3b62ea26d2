/**
 * Types of the parts of the standard library that this project uses, as its
 * documentation gives them: the npm package has none.
 */

declare module "@std/assert" {
  export function assert(expr: unknown, msg?: string): asserts expr;
  export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertNotEquals<T>(
    actual: T,
    expected: T,
    msg?: string,
  ): void;
  export function assertMatch(
    actual: string,
    expected: RegExp,
    msg?: string,
  ): void;
  export function assertStringIncludes(
    actual: string,
    expected: string,
    msg?: string,
  ): void;
  export function assertThrows<E extends Error>(
    fn: () => unknown,
    errorClass: new (...args: never[]) => E,
    msgIncludes?: string,
  ): E;
  export function assertRejects<E extends Error>(
    fn: () => PromiseLike<unknown>,
    errorClass: new (...args: never[]) => E,
    msgIncludes?: string,
  ): Promise<E>;
}

declare module "@std/cli/parse-args" {
  export function parseArgs(args: readonly string[], options: {
    readonly string: readonly string[];
    readonly boolean?: readonly string[];
    readonly alias?: Readonly<Record<string, string>>;
    readonly "--"?: true;
    readonly unknown: (arg: string, key?: string, value?: unknown) => unknown;
  }): Record<string, unknown> & { _: (string | number)[]; "--": string[] };
}

declare module "@std/fmt/colors" {
  type Paint = (text: string) => string;
  export const bold: Paint;
  export const cyan: Paint;
  export const dim: Paint;
  export const green: Paint;
  export const red: Paint;
  export const yellow: Paint;
  export function getColorEnabled(): boolean;
  export function setColorEnabled(isEnabled: boolean): void;
}

declare module "@std/fmt/duration" {
  /** @param ms a time in milliseconds */
  export function format(ms: number, options: {
    readonly style: "narrow";
    readonly ignoreZero: true;
  }): string;
}

declare module "@std/http/etag" {
  /** Whether the response must be sent: false if `If-None-Match` names the tag. */
  export function ifNoneMatch(value: string | null, etag: string): boolean;
}

declare module "@std/http/negotiation" {
  /** Returns the media type that the request prefers. */
  export function accepts(
    request: { readonly headers: Headers },
    ...types: string[]
  ): string | undefined;
  /** Returns the encoding that the request prefers. */
  export function acceptsEncodings(
    request: { readonly headers: Headers },
    ...encodings: string[]
  ): string | undefined;
}

declare module "@std/http/server-sent-event-parse-stream" {
  export interface ServerSentEventMessage {
    comment?: string;
    event?: string;
    data?: string;
    id?: string | number;
    retry?: number;
  }
  export class ServerSentEventParseStream
    extends TransformStream<Uint8Array<ArrayBuffer>, ServerSentEventMessage> {}
}

declare module "@std/http/status" {
  export const STATUS_CODE: {
    readonly OK: 200;
    readonly NotModified: 304;
    readonly BadRequest: 400;
    readonly Forbidden: 403;
    readonly NotFound: 404;
    readonly MethodNotAllowed: 405;
    readonly URITooLong: 414;
    readonly UnsupportedMediaType: 415;
    readonly MisdirectedRequest: 421;
    readonly RequestHeaderFieldsTooLarge: 431;
    readonly InternalServerError: 500;
    readonly ServiceUnavailable: 503;
  };
}

declare module "@std/text/levenshtein-distance" {
  /** Returns how many letters have to be inserted, deleted or replaced. */
  export function levenshteinDistance(a: string, b: string): number;
}

declare module "@std/yaml/stringify" {
  /** @throws {TypeError} if a value cannot be written as YAML */
  export function stringify(value: unknown, options: {
    readonly lineWidth: number;
    readonly skipInvalid: true;
  }): string;
}
