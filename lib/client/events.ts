import { ServerSentEventParseStream } from "@std/http/server-sent-event-parse-stream";

/** How often lainlet is asked to send something at least, in seconds. */
const HEARTBEAT = 10;

/** How long nothing may come before the connection counts as dead, in ms. */
const SILENCE = 2.5 * HEARTBEAT * 1000;

/** Lainlet's refusal to answer; the message is its own. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  /** @param status of HTTP */
  constructor(readonly status: number, message: string) {
    super(message.trim());
  }
}

/** An event that carries data. */
export interface DataEvent {
  readonly event: string;
  readonly text: string;
}

/**
 * The events of one stream of lainlet's, until it ends.
 *
 * @throws {RefusedError} when there is no stream
 * @throws {Error} when the connection is lost or silent
 */
export async function* events(
  url: string,
  signal: AbortSignal,
): AsyncGenerator<DataEvent, void> {
  const closing = new AbortController();
  const silent = () =>
    closing.abort(new Error(`nothing came for ${SILENCE / 1000} s`));
  let timer = setTimeout(silent, SILENCE);
  try {
    const response = await fetch(`${url}&heartbeat=${HEARTBEAT}`, {
      signal: AbortSignal.any([signal, closing.signal]),
    });
    const { status, body } = response;
    if (status !== 200) throw new RefusedError(status, await response.text());
    if (body === null) throw new Error("the answer is empty");
    const reader = body.pipeThrough(new ServerSentEventParseStream())
      .getReader();
    for (;;) {
      // Not while the last event is looked at: nobody listens then.
      clearTimeout(timer);
      timer = setTimeout(silent, SILENCE);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      const { event, data } = value;
      if (event !== undefined && data !== undefined) {
        yield { event, text: data };
      }
    }
  } finally {
    clearTimeout(timer);
    closing.abort();
  }
}
