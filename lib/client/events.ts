import { PeerError } from "./errors.ts";
import { ClientRequest } from "./request.ts";
import { HEARTBEAT } from "./limits.ts";
import { EventParser, type StreamEvent } from "./parser.ts";

/**
 * The events of one stream of lainlet's, until it ends.
 *
 * @param url of a watch
 * @throws {RefusedError} when there is no stream
 * @throws {PeerError} when nobody can be reached, or the connection is lost, silent, or not to lainlet
 */
export async function* events(
  url: string,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  const exchange = new ClientRequest(signal);
  try {
    const type = await exchange.open(`${url}&heartbeat=${HEARTBEAT}`);
    if (type.toLowerCase() !== "text/event-stream") {
      throw new PeerError(
        `it answers with "${type}" instead of an event stream`,
      );
    }
    const parser = new EventParser();
    for (let bytes; (bytes = await exchange.read()) !== undefined;) {
      const { blanks } = parser;
      yield* parser.push(bytes);
      if (parser.blanks > blanks) exchange.progress();
    }
  } finally {
    exchange.close();
  }
}
