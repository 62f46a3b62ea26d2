import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get, Stream } from "./client.ts";
import { TestLainlet } from "./lainlet.ts";
import { eventually } from "./process.ts";

/** Every view, and most of the ways to ask for a part of it. */
const PATHS = [
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
  "/v2/webrouter/webprocs",
  "/v2/webrouter/webprocs?appname=app1",
  "/v2/streamrouter/streamprocs",
  "/v2/streamrouter/streamprocs?appname=app3",
  "/v2/streamrouter/ports",
  "/v2/rebellion/localprocs",
  "/v2/appswatcher",
  "/v2/backupspec",
];

/** Follows a stream; knows the last thing it carried. */
class Follower {
  last: unknown;
  #lastId = 0;
  /** Why it ended; undefined while it goes on. */
  end?: string;

  constructor(readonly path: string, readonly stream: Stream) {
    this.#follow().catch((error) => this.end = String(error));
  }

  async #follow(): Promise<void> {
    for (let event; (event = await this.stream.next(600_000)) !== undefined;) {
      this.last = event.data;
      if (event.event === "error") continue;
      assertEquals(event.id, String(this.#lastId + 1));
      assertEquals(event.event === "init", this.#lastId === 0);
      this.#lastId++;
    }
    this.end = "the stream ended";
  }
}

/**
 * Listens to all views of a lainlet, and compares them with what a lainlet
 * says that has just read everything. Uses the golden host's rights and node.
 */
export class Witness implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly followers: readonly Follower[],
  ) {}

  static async open(url: string): Promise<Witness> {
    const followers = await Promise.all(PATHS.map(async (path) => {
      const sign = path.includes("?") ? "&" : "?";
      return new Follower(
        path,
        await Stream.open(`${url}${path}${sign}watch=1`),
      );
    }));
    return new Witness(url, followers);
  }

  /**
   * Waits until all answers and all streams are those of a fresh read; fails
   * when one is not in time, or when a stream has ended.
   *
   * @param content what the store holds
   * @param timeout in ms
   */
  async agrees(
    content: readonly (readonly [key: string, value: string])[],
    timeout?: number,
  ): Promise<void> {
    await using fresh = new TestLainlet(new MemoryStore(content));
    await fresh.ready();
    await Promise.all(this.followers.map(async (follower) => {
      const expected = await get(fresh.url + follower.path);
      await eventually(
        `${follower.path} and its stream are as after a fresh read`,
        async () => {
          const answer = await get(this.url + follower.path);
          assertEquals([answer.status, answer.body], [
            expected.status,
            expected.body,
          ]);
          const state = answer.status === 200
            ? JSON.parse(answer.body)
            : answer.body;
          assertEquals(follower.last, state);
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
      this.followers.map(({ stream }) => stream[Symbol.asyncDispose]()),
    );
  }
}
