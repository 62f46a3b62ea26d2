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
