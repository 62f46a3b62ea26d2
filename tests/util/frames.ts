/** An event stream as text, with its comments. */
export class Frames implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #client: Deno.HttpClient;
  #text = "";

  private constructor(readonly response: Response, client: Deno.HttpClient) {
    this.#client = client;
    if (response.body === null) throw new Error("the stream has no body");
    this.#reader = response.body.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /**
   * Watches with `tag=1`.
   *
   * @param since the state that the listener has
   * @param lastEventId the same, as browsers send it
   */
  static async open(
    url: string,
    since?: string,
    from = "127.0.0.1",
    lastEventId?: string,
  ): Promise<Frames> {
    const all = new URL(url);
    all.searchParams.set("watch", "1");
    all.searchParams.set("tag", "1");
    if (since !== undefined) all.searchParams.append("since", since);
    const client = Deno.createHttpClient({ localAddress: from });
    const headers = lastEventId === undefined
      ? undefined
      : { "Last-Event-ID": lastEventId };
    return new Frames(await fetch(all, { client, headers }), client);
  }

  /** Up to the next blank line; undefined when the stream ended. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end !== -1) {
        const frame = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return frame;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** The next frame, parsed. */
  async frame(): Promise<Frame> {
    const text = await this.next();
    if (text === undefined) throw new Error("the stream has ended");
    const line = (start: string) =>
      text.split("\n").find((line) => line.startsWith(start))
        ?.slice(start.length);
    const data = line("data: ");
    return {
      etag: line(": etag "),
      revision: Number(line(": revision ")),
      isUnchanged: line(": unchanged") !== undefined,
      id: line("id: "),
      event: line("event: "),
      data: data === undefined || /^event: error/m.test(text)
        ? data
        : JSON.parse(data),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => {});
    this.#client.close();
  }
}

/** A parsed frame. */
export interface Frame {
  readonly etag?: string;
  /** NaN: none. */
  readonly revision: number;
  readonly isUnchanged: boolean;
  readonly id?: string;
  readonly event?: string;
  readonly data: unknown;
}
