import { ServerSentEventParseStream } from "@std/http/server-sent-event-parse-stream";

/** An event of a stream as a browser would see it, its data parsed. */
export interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** Asks from a given source address (127.0.0.0/8), as a container would. */
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

/** A live watch. */
export class Stream implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Event>;
  readonly #client: Deno.HttpClient;
  #isOpen = true;

  private constructor(readonly response: Response, client: Deno.HttpClient) {
    this.#client = client;
    if (response.body === null) throw new Error("the stream has no body");
    this.#reader = response.body
      .pipeThrough(new ServerSentEventParseStream())
      .pipeThrough(
        new TransformStream({
          transform({ id, event, data }, controller) {
            if (event === undefined) return;
            controller.enqueue({
              id: String(id),
              event,
              data: data === undefined || event === "error"
                ? data
                : JSON.parse(data),
            });
          },
        }),
      ).getReader();
  }

  static async open(url: string, from = "127.0.0.1"): Promise<Stream> {
    const client = Deno.createHttpClient({ localAddress: from });
    return new Stream(await fetch(url, { client }), client);
  }

  /** The next event; undefined when the stream ended. Throws when none comes. */
  async next(timeout = 20_000): Promise<Event | undefined> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`no event within ${timeout} ms`)),
      timeout,
    );
    try {
      return (await Promise.race([this.#reader.read(), promise])).value;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#reader.cancel().catch(() => {});
    this.#client.close();
  }
}
