import { Buffer } from "node:buffer";
import { ServerSentEventParseStream } from "@std/http/server-sent-event-parse-stream";
import { within } from "./process.ts";

/** An event of a stream as a browser would see it, its data parsed. */
export interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** Sends a GET from a given source address (127.0.0.0/8), as a container would. */
export async function get(
  url: string,
  from = "127.0.0.1",
  init: RequestInit = {},
): Promise<{ status: number; headers: Headers; body: string }> {
  using client = Deno.createHttpClient({ localAddress: from });
  const response = await fetch(url, { ...init, client });
  const { status, headers } = response;
  return { status, headers, body: await response.text() };
}

/** An event as it came. */
type RawEvent = Omit<Event, "data"> & { readonly data?: string };

/** A live watch. */
export class Stream implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<RawEvent>;
  readonly #client: Deno.HttpClient;
  #isOpen = true;

  private constructor(readonly response: Response, client: Deno.HttpClient) {
    this.#client = client;
    if (response.body === null) throw new Error("the stream has no body");
    this.#reader = response.body
      .pipeThrough(wholeLines())
      .pipeThrough(new ServerSentEventParseStream())
      .pipeThrough(
        new TransformStream({
          transform({ id, event, data }, controller) {
            if (event === undefined) return;
            controller.enqueue({ id: String(id), event, data });
          },
        }),
      ).getReader();
  }

  static async open(url: string, from = "127.0.0.1"): Promise<Stream> {
    const client = Deno.createHttpClient({ localAddress: from });
    return new Stream(await fetch(url, { client }), client);
  }

  /** The next event; undefined when the stream ended. Throws when none comes. */
  async next(timeout?: number): Promise<Event | undefined> {
    const raw = await this.nextRaw(timeout);
    if (raw === undefined) return undefined;
    const { id, event, data } = raw;
    const isText = data === undefined || /^error( |$)/.test(event);
    return { id, event, data: isText ? data : JSON.parse(data) };
  }

  /** Like {@linkcode next}, its data as they came. */
  async nextRaw(timeout = 20_000): Promise<RawEvent | undefined> {
    return (await within("an event", this.#reader.read(), timeout)).value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#reader.cancel().catch(() => {});
    this.#client.close();
  }
}

/** Buffers an incomplete line: the parser would scan all of it again each time. */
function wholeLines(): TransformStream<
  Uint8Array<ArrayBuffer>,
  Uint8Array<ArrayBuffer>
> {
  let held: Uint8Array<ArrayBuffer>[] = [];
  return new TransformStream({
    transform(bytes, controller) {
      const end = bytes.lastIndexOf(0x0a) + 1;
      if (end > 0) {
        controller.enqueue(Buffer.concat([...held, bytes.subarray(0, end)]));
        held = [];
      }
      if (end < bytes.length) held.push(bytes.subarray(end));
    },
    flush: (controller) => controller.enqueue(Buffer.concat(held)),
  });
}
