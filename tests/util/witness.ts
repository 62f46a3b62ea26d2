import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get, Stream } from "./client.ts";
import { TestLainlet } from "./lainlet.ts";
import { applyMergePatch } from "../../lib/client/patch.ts";
import { eventually } from "./process.ts";

/** Every view, and most of the selections of its parameters. */
export const PATHS = [
  "/v2/configwatcher",
  "/v2/configwatcher?target=s",
  "/v2/nodes",
  "/v2/nodes?name=node1",
  "/v2/depends",
  "/v2/depends?target=app1",
  "/v2/containers",
  "/v2/containers?nodename=node2",
  "/v2/localspecquery",
  "/v2/localspecwatcher?nodeip=node2",
  "/v2/coreinfowatcher",
  "/v2/coreinfowatcher?appname=app1",
  "/v2/procwatcher?appname=*",
  "/v2/proxywatcher?appname=app2",
  "/v2/pods",
  "/v2/webrouter/webprocs",
  "/v2/webrouter/webprocs?appname=app1",
  "/v2/streamrouter/streamprocs",
  "/v2/streamrouter/streamprocs?appname=app3",
  "/v2/streamrouter/ports",
  "/v2/rebellion/localprocs",
  "/v2/appswatcher",
  "/v2/backupspec",
];

/** Whether a view's responses are objects, which can be watched as patches, too. */
export function isPatchable(path: string): boolean {
  return !/procwatcher|localspec|streamrouter\/ports/.test(path);
}

/** A listener to a view, with the last state or error that it got. */
export class Follower implements AsyncDisposable {
  #text?: string;
  /** The patched value, since the last whole state. */
  #patched: unknown;
  /** Events received, but errors. */
  received = 0;
  /** Why it ended; undefined while it continues. */
  end?: string;
  #isClosed = false;

  private constructor(readonly path: string, private readonly stream: Stream) {
    this.#follow().catch((error) => this.end = String(error));
  }

  static async open(
    url: string,
    path: string,
    patch = false,
  ): Promise<Follower> {
    const watch = `${path.includes("?") ? "&" : "?"}watch=1`;
    return new Follower(
      path,
      await Stream.open(`${url}${path}${watch}${patch ? "&patch=merge" : ""}`),
    );
  }

  /** The last state or error as text: as it came, or the JSON of the patched value. */
  get text(): string | undefined {
    return this.#text ??= JSON.stringify(this.#patched);
  }

  /** The expected text for a response: byte for byte, except after patches. */
  textOf(answer: string): string {
    return this.#patched === undefined
      ? answer
      : JSON.stringify(JSON.parse(answer));
  }

  async #follow(): Promise<void> {
    for (
      let event;
      (event = await this.stream.nextRaw(900_000)) !== undefined;
    ) {
      const { data = "" } = event;
      if (event.event === "patch") {
        const before = this.#patched ?? JSON.parse(this.#text ?? "");
        this.#patched = applyMergePatch(before, JSON.parse(data));
        this.#text = undefined;
      } else {
        this.#text = data;
        this.#patched = undefined;
      }
      if (event.event === "error") continue;
      assertEquals(event.event === "init", this.received === 0);
      assertEquals(event.id, String(++this.received));
    }
    if (!this.#isClosed) this.end = "the stream ended";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.stream[Symbol.asyncDispose]();
  }
}

/** The responses of a lainlet, by path. */
export type Answers = ReadonlyMap<string, { status: number; body: string }>;

/** The responses of a lainlet that has just read everything. @param content of the store */
export async function freshAnswers(
  content: readonly (readonly [key: string, value: string])[],
): Promise<Answers> {
  // A store that is empty at the start would not count as read.
  const some = "/lain/config/some";
  const store = new MemoryStore([...content, [some, ""]]);
  await using fresh = new TestLainlet(store);
  await fresh.ready();
  store.delete(some);
  await eventually(
    "it is gone",
    () => fresh.lainlet.cluster.config.get("some") === undefined || undefined,
  );
  const answers = PATHS.map(async (path) => {
    const { status, body } = await get(fresh.url + path);
    return [path, { status, body }] as const;
  });
  return new Map(await Promise.all(answers));
}

/**
 * A response without the times since when pods have their values: these depend
 * on when a lainlet saw them first.
 */
export function withoutTimes(text: string): string {
  return text
    .replace(/,"(?:atLeastSince|since)":\{[^{}]*\}/g, "")
    .replace(/"(?:atLeastSince|since)":\{[^{}]*\},?/g, "");
}

/**
 * Like `assertEquals`, for texts of megabytes, of which a full comparison would
 * take minutes. Since when pods have their values may differ.
 */
function assertSameText(given = "", fresh: string): void {
  if (given === fresh) return;
  const [actual, expected] = [withoutTimes(given), withoutTimes(fresh)];
  if (actual === expected) return;
  let [i, end] = [0, Math.min(actual.length, expected.length)];
  while (i < end) {
    const middle = Math.ceil((i + end) / 2);
    if (actual.slice(i, middle) === expected.slice(i, middle)) i = middle;
    else end = middle - 1;
  }
  const excerpt = (text: string) => text.slice(Math.max(0, i - 100), i + 100);
  throw new Error(
    `at ${i}: ...${excerpt(actual)}... is not ...${excerpt(expected)}...`,
  );
}

/**
 * Listens to all views of a lainlet, and compares them with those of a lainlet
 * that has just read everything. Uses the golden host's rights and node.
 */
export class Witness implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly followers: readonly Follower[],
  ) {}

  static async open(url: string): Promise<Witness> {
    return new Witness(
      url,
      await Promise.all([
        ...PATHS.map((path) => Follower.open(url, path)),
        ...PATHS.filter(isPatchable)
          .map((path) => Follower.open(url, path, true)),
      ]),
    );
  }

  /**
   * Waits until all responses and all streams are those of a fresh read; fails
   * when one is not in time, or when a stream has ended.
   *
   * @param fresh of {@linkcode freshAnswers}
   * @param timeout in ms
   */
  async agrees(fresh: Answers, timeout?: number): Promise<void> {
    const byPath = Map.groupBy(this.followers, ({ path }) => path);
    await Promise.all(Array.from(byPath, async ([path, followers]) => {
      const expected = fresh.get(path);
      const body = expected?.body ?? "";
      await eventually(
        `${path} and its streams are as after a fresh read`,
        async () => {
          // Requests load all processes: first compares what is known already.
          for (const follower of followers) {
            assertSameText(follower.text, follower.textOf(body));
          }
          const answer = await get(this.url + path);
          assertEquals(answer.status, expected?.status);
          assertSameText(answer.body, body);
          return true;
        },
        timeout,
      );
    }));
    for (const { path, end } of this.followers) {
      assertEquals([path, end], [path, undefined]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.followers.map((follower) => follower[Symbol.asyncDispose]()),
    );
  }
}
