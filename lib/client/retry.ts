import { MAX_RETRY_AFTER } from "./limits.ts";

/**
 * Refusals that are of this moment only: a request that came too slowly, or too
 * early, or one of too many.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9
 * @see https://www.rfc-editor.org/rfc/rfc8470#section-5.2
 * @see https://www.rfc-editor.org/rfc/rfc6585#section-4
 */
const TEMPORARY: readonly number[] = [408, 425, 429];

/** Whether the same request may be answered later. @param status of HTTP, 400 or more */
export function isRetryable(status: number): boolean {
  return status >= 500 || TEMPORARY.includes(status);
}

/**
 * How long a server asks to wait, seconds or a date, in ms; bounded, since
 * nobody is to be silenced for a day by one header.
 *
 * @param now in ms since 1970
 * @returns undefined when it does not say
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function parseRetryAfter(
  header: string | null,
  now = Date.now(),
): number | undefined {
  if (header === null) return undefined;
  const wait = /^\d+$/.test(header)
    ? Number(header) * 1000
    : Date.parse(header) - now;
  if (Number.isNaN(wait)) return undefined;
  return Math.min(Math.max(wait, 0), MAX_RETRY_AFTER);
}
