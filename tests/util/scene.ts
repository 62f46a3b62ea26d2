import { assert } from "@std/assert";
import { Model, Random } from "./model.ts";
import { eventually } from "./process.ts";
import { Proxy } from "./proxy.ts";
import type { TestStore } from "./store.ts";
import { type KindName, KINDS } from "./stores.ts";
import { Watched, type WatchedSetup } from "./watched.ts";

/** Options of a scene. */
export interface SceneSetup {
  /** Default: `etcd`. */
  readonly store?: KindName;
  /** Members of the cluster; default: one. */
  readonly members?: number;
  /** Proxies to its first member; default: none, lainlets connect to all members directly. */
  readonly ways?: number;
  /** Called for each proxy before it is used. */
  readonly prepare?: (proxy: Proxy, i: number) => void;
  /** More of lainlet's flags. */
  readonly settings?: readonly string[];
  /** Which lainlets follow it; default: from source and as the binary. */
  readonly targets?: WatchedSetup["targets"];
}

/** A cluster with content, proxies to it, and lainlets that follow it. */
export class Scene implements AsyncDisposable {
  readonly model = new Model(new Random(11), false);
  #beat = 0;

  private constructor(
    readonly members: readonly TestStore[],
    readonly proxies: readonly Proxy[],
    private readonly stack: AsyncDisposableStack,
    /** How they are started. */
    private readonly setup: WatchedSetup,
    private lainlets?: Watched,
  ) {}

  static async set(setup: SceneSetup = {}): Promise<Scene> {
    const scene = await Scene.prepare(setup);
    try {
      await scene.watch();
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One without lainlets; {@linkcode watch} starts them. */
  static async prepare(
    { store = "etcd", members = 1, ways = 0, prepare, settings = [], targets }:
      SceneSetup,
  ): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const { flag, start } = KINDS[store];
    const servers = await start(members);
    for (const server of servers) stack.use(server);
    const [first] = servers;
    assert(first);
    const proxies = Array.from(
      { length: ways },
      () => stack.use(new Proxy(first.endpoint)),
    );
    if (prepare) proxies.forEach(prepare);
    const scene = new Scene(servers, proxies, stack.move(), {
      flag,
      settings: [`--store=${store}`, ...settings],
      targets,
    });
    for (let i = 0; i < 60; i++) await first.write(scene.model.next());
    return scene;
  }

  /** The first member, or the only one. */
  get server(): TestStore {
    const [server] = this.members;
    assert(server);
    return server;
  }

  /** The first proxy, or the only one. */
  get proxy(): Proxy {
    const [proxy] = this.proxies;
    assert(proxy);
    return proxy;
  }

  get watched(): Watched {
    assert(this.lainlets);
    return this.lainlets;
  }

  /** Starts the lainlets. @param ready whether to wait until they are */
  async watch(ready = true): Promise<void> {
    const ways = this.proxies.map(({ addr }) => addr);
    const members = this.members.map(({ endpoint }) => endpoint);
    this.lainlets = this.stack.use(
      await Watched.start(ways.length > 0 ? ways : members, {
        ...this.setup,
        ready,
      }),
    );
  }

  /** Writes something, and waits until it is served everywhere. @param timeout in ms */
  async follows(timeout: number, writer = this.server): Promise<void> {
    const content = await eventually("there is a leader", async () => {
      const beat = String(++this.#beat);
      await writer.write({
        ...this.model.next(),
        "/lain/config/beat": beat,
        "/lain/nodes/nodes/beat:1:22": JSON.stringify({ beat }),
      });
      return await writer.content();
    });
    await this.watched.agrees(content, timeout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }
}
