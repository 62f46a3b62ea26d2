const encoder = new TextEncoder();

/**
 * Frames of an event stream that carry no state. The id comes first in every
 * frame: deployed clients take an event as complete at its `data:` line (for
 * `heartbeat` at its `event:` line).
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export const HEARTBEAT = encoder.encode("id: 0\nevent: heartbeat\n\n");

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

/** Says that the state is the one that the reader has. @param notes see {@linkcode notesOf} */
export function unchanged(notes: string): Uint8Array {
  return encoder.encode(`${notes}: unchanged\n\n`);
}

/**
 * @param message one line
 * @param event its name
 */
export function errorFrame(message: string, event = "error"): Uint8Array {
  return encoder.encode(`id: 0\nevent: ${event}\ndata: ${message}\n\n`);
}
