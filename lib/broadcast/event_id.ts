/** An entity tag as lainlet makes them: SHA-256, in base64url; or none. */
const ETAG = /^(?:[\w-]{43})?$/;

/**
 * An id that names what the reader of a stream of several views has after an
 * event: the entity tags of their states, without quotes, with points between
 * them; nothing for a view of which it has no state.
 *
 * @param etags in the order in which the views were asked for
 */
export function eventId(etags: readonly (string | undefined)[]): string {
  return etags.map((etag = "") => etag.slice(1, -1)).join(".");
}

/**
 * The entity tags that an {@linkcode eventId} says.
 *
 * @returns undefined when it is none of so many views
 */
export function etagsOf(
  id: string,
  views: number,
): readonly (string | undefined)[] | undefined {
  const texts = id.split(".");
  if (texts.length !== views || !texts.every((text) => ETAG.test(text))) {
    return undefined;
  }
  return texts.map((text) => text === "" ? undefined : `"${text}"`);
}
