/**
 * Server-Sent Events. In every frame the id comes first: deployed clients take
 * an event as complete at its `data:` line (`heartbeat`: at its `event:` line).
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @module
 */
import { Unavailable } from "../errors.ts";
import type { DeliveryLatency } from "../stats/latency.ts";
import { Cursor } from "./cursor.ts";
import type { State } from "./state.ts";
import type { Subscriber } from "./topic.ts";

const encoder = new TextEncoder();

/** A comment, which clients ignore. */
export const COMMENT = encoder.encode(":\n");

/** Returns a heartbeat event. */
export function heartbeatFrame(id: number | string): Uint8Array {
  return encoder.encode(`id: ${id}\nevent: heartbeat\n\n`);
}

/** Returns an error event. @param message one line @param event its name */
export function errorFrame(
  message: string,
  id: number | string,
  event = "error",
): Uint8Array {
  return encoder.encode(`id: ${id}\nevent: ${event}\ndata: ${message}\n\n`);
}

/** Comments that describe the state of an event. @param revision of the store; 0: unknown */
function commentsOf(etag: string, revision: number): string {
  return `: etag ${etag}\n${revision > 0 ? `: revision ${revision}\n` : ""}`;
}

/** Returns a comment in place of an event: the listener already has the latest state. */
function unchangedFrame(comments: string, suffix: string): Uint8Array {
  return encoder.encode(`${comments}: unchanged${suffix}\n\n`);
}

/** An entity tag without its quotes: SHA-256 in base64url; or none. */
const ETAG = /^(?:[\w-]{43})?$/;

/**
 * The ids of a stream's events. Either they count the events, or they list the
 * states that the listener has after the event, so that it can resume. A list has
 * the entity tag of each topic's state, without quotes, separated by dots; the
 * tag is empty for a topic of which the listener has no state.
 */
export class EventIds {
  #count = 0;

  /** @param etags of the states that the listener has, by topic; undefined: ids count */
  constructor(private readonly etags?: (string | undefined)[]) {}

  /** Number of events with a state or a patch. */
  get count(): number {
    return this.#count;
  }

  /** Sets the state that the listener has of a topic after the next event. */
  set(index: number, etag: string | undefined): void {
    if (this.etags !== undefined) this.etags[index] = etag;
  }

  /** Returns the id of an event with a state or a patch. */
  next(): number | string {
    this.#count++;
    return this.etags === undefined ? this.#count : idOf(this.etags);
  }

  /** The id of an event that leaves the listener with the states it has. */
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

/** Options of events. */
export interface EventOptions {
  /** Send changes as JSON Merge Patches, where a patch can express them. */
  readonly patch: boolean;
  /** Precede each state by comments with its entity tag and its revision of the store. */
  readonly tag: boolean;
}

/** A cursor that delivers events: one for each topic that a stream carries. */
export class EventCursor extends Cursor {
  /** Whether the subscription was revoked. */
  isRevoked = false;
  #finalError?: string;

  /**
   * @param ids of the stream
   * @param index of the topic among those of the stream
   * @param suffix of the events' names
   */
  constructor(
    subscriber: Subscriber,
    private readonly options: EventOptions,
    private readonly latency: DeliveryLatency,
    private readonly ids: EventIds,
    private readonly index: number,
    private readonly suffix: string,
  ) {
    super(subscriber, true);
  }

  /** Revokes the subscription. */
  revoke(message: string): void {
    this.isRevoked = true;
    this.#finalError = message;
    this.ids.set(this.index, undefined);
    this.detach();
  }

  /** Error frame for a revoked subscription; returned once. */
  takeFinalFrame(): Uint8Array | undefined {
    const message = this.#finalError;
    if (message === undefined) return;
    this.#finalError = undefined;
    return this.#error(message);
  }

  /** Returns the frame with the topic's latest state, or a patch to it, in chunks; undefined: there is nothing to send. */
  nextFrame(): readonly Uint8Array[] | undefined {
    const { ids, suffix } = this;
    const delivery = this.next();
    if (delivery === undefined) return;
    if (delivery instanceof Unavailable) return [this.#error(delivery.message)];
    const { state, previous, isUnchanged, event, readAt } = delivery;
    const comments = this.#comments(state);
    if (isUnchanged) return [unchangedFrame(comments, suffix)];
    this.latency.delivered(readAt);
    const id = ids.next();
    const patch = this.options.patch && previous?.isObject && state.isObject &&
      state.patchFrom(previous);
    return patch
      ? patch.frame(id, `patch${suffix}`, comments)
      : state.frame(id, event + suffix, comments);
  }

  #error(message: string): Uint8Array {
    return errorFrame(message, this.ids.current, `error${this.suffix}`);
  }

  #comments(state: State): string {
    if (!this.options.tag) return "";
    this.ids.set(this.index, state.etag);
    return commentsOf(state.etag, this.topic?.revision ?? 0);
  }
}
