const encoder = new TextEncoder();

/**
 * Frames of an event stream that carry no state. The id comes first in every
 * frame: deployed clients take an event as complete at its `data:` line (for
 * `heartbeat` at its `event:` line).
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function heartbeatFrame(id: number | string): Uint8Array {
  return encoder.encode(`id: ${id}\nevent: heartbeat\n\n`);
}

/** A line that every client skips. */
export const COMMENT = encoder.encode(":\n");

/**
 * Lines before a frame that name its state, which clients skip that do not ask
 * for them.
 *
 * @param revision of the store; 0: not known
 */
export function notesOf(etag: string, revision: number): string {
  return `: etag ${etag}\n${revision > 0 ? `: revision ${revision}\n` : ""}`;
}

/**
 * Says that the state is the one that the reader has.
 *
 * @param notes see {@linkcode notesOf}
 * @param suffix of which of several views
 */
export function unchanged(notes: string, suffix: string): Uint8Array {
  return encoder.encode(`${notes}: unchanged${suffix}\n\n`);
}

/**
 * @param message one line
 * @param event its name
 */
export function errorFrame(
  message: string,
  id: number | string,
  event = "error",
): Uint8Array {
  return encoder.encode(`id: ${id}\nevent: ${event}\ndata: ${message}\n\n`);
}

/** An entity tag without its quotes: SHA-256 in base64url; or none. */
const ETAG = /^(?:[\w-]{43})?$/;

/**
 * The ids of a stream's events. They count the events; or they name the states
 * that the reader has after an event, so that it can resume: the entity tags of
 * the states of several topics, without quotes, separated by points; empty for
 * a topic of which it has no state.
 */
export class EventIds {
  #count = 0;

  /** @param etags of the states that the reader has, by topic; undefined: ids count */
  constructor(private readonly etags?: (string | undefined)[]) {}

  /** Number of events with a state or a patch. */
  get count(): number {
    return this.#count;
  }

  /** Sets the state that the reader has of a topic after the next event. */
  set(index: number, etag: string | undefined): void {
    if (this.etags !== undefined) this.etags[index] = etag;
  }

  /** Returns the id of an event with a state or a patch. */
  next(): number | string {
    this.#count++;
    return this.etags === undefined ? this.#count : idOf(this.etags);
  }

  /** The id of an event that leaves the reader with the states it has. */
  get current(): number | string {
    return this.etags === undefined ? 0 : idOf(this.etags);
  }
}

function idOf(etags: readonly (string | undefined)[]): string {
  return etags.map((etag = "") => etag.slice(1, -1)).join(".");
}

/**
 * Parses an id of {@linkcode EventIds}.
 *
 * @param topics how many the stream carries
 * @returns their entity tags; undefined when the id is malformed
 */
export function etagsOf(
  id: string,
  topics: number,
): readonly (string | undefined)[] | undefined {
  const texts = id.split(".");
  if (texts.length !== topics || !texts.every((text) => ETAG.test(text))) {
    return undefined;
  }
  return texts.map((text) => text === "" ? undefined : `"${text}"`);
}
