/** An entity tag as lainlet makes them: SHA-256, in base64url; or none. */
const ETAG = /^(?:[\w-]{43})?$/;

/**
 * The ids of a stream's events. They count what was sent; or they name what
 * the reader has after an event, so that it can go on from there: the entity
 * tags of the states of several views, without quotes, with points between
 * them; nothing for a view of which it has no state.
 */
export class EventIds {
  #count = 0;

  /** @param etags of the states that the reader has, in the order in which the views were asked for; undefined: ids count */
  constructor(private readonly etags?: (string | undefined)[]) {}

  /** How many events carried a state or a patch. */
  get count(): number {
    return this.#count;
  }

  /** Notes which state of one of the views the reader has, or will have with the next event; for ids that name. */
  note(which: number, etag: string | undefined): void {
    if (this.etags !== undefined) this.etags[which] = etag;
  }

  /** Of an event that carries a state, or a patch. */
  next(): number | string {
    this.#count++;
    return this.etags === undefined ? this.#count : nameOf(this.etags);
  }

  /** Of an event after which the reader has what it had before. */
  get same(): number | string {
    return this.etags === undefined ? 0 : nameOf(this.etags);
  }
}

function nameOf(etags: readonly (string | undefined)[]): string {
  return etags.map((etag = "") => etag.slice(1, -1)).join(".");
}

/**
 * The entity tags that an id of {@linkcode EventIds} names.
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
