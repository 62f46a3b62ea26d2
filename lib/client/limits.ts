/**
 * What a client puts up with: whatever is at the other end, it takes no more
 * memory and no more time than this.
 *
 * @module
 */

/** The most that is read of an answer, or of an event, in bytes. Whole clusters are some 100 MB. */
export const MAX_SIZE = 256 * 1024 * 1024;

/** The most lines that an event may have; lainlet's have three. */
export const MAX_LINES = 1_000_000;

/** Longer names of events are no names that anyone knows, and are cut; in characters. */
export const MAX_NAME = 100;

/** The most that is read of a refusal, in bytes, and shown of any message, in characters. */
export const MAX_REFUSAL = 4 * 1024;
const MAX_LINE = 500;

/**
 * How deep values may be nested, and how many commas, lists and objects there
 * may be. The nodes of a parsed value take forty times the memory of their
 * text (`[[],[],…`), and functions that call themselves have a stack to keep
 * to; lainlet's answers have a comma for some 20 bytes.
 */
export const MAX_DEPTH = 500;
export const MAX_NODES = 16_000_000;

/** How often lainlet is asked to send something at least, in seconds. */
export const HEARTBEAT = 10;

/**
 * How long to wait for something whole, an event or an answer, or for this
 * many bytes more of it; in ms. What is slower counts as dead.
 */
export const SILENCE = 2.5 * HEARTBEAT * 1000;
export const PROGRESS = 1024 * 1024;

/** How long a stream must have gone well to be tried again without delay when it ends, in ms. */
export const STEADY = HEARTBEAT * 1000;

/** How long a watch waits at the most when it is asked to, in ms; and a little more, not to come back in step with others. */
export const MAX_RETRY_AFTER = 60_000;

/** A text as one line that is not too long to read. */
export function oneLine(text: string): string {
  const line = text.slice(0, MAX_REFUSAL).replace(/\s+/g, " ").trim();
  return line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line;
}
