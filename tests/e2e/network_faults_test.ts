/**
 * What becomes of the way to etcd. Lainlet runs as a process, from source
 * and as the binary, with the default settings.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TestEtcd } from "../util/etcd.ts";
import { FrameFilter, hasEvents, isWatchResponse } from "../util/http2.ts";
import { Model, Random } from "../util/model.ts";
import { eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";
import { Watched } from "../util/watched.ts";

/** How soon a fault is noticed, and a working watch found, in ms; and some for a slow machine. */
const NOTICED = 10_000 + 5_000;
/** How soon lainlet is back when etcd is, in ms; and some for a slow machine. */
const BACK = 5_000 + 3_000;

/** How a way is broken, and mended. */
const FAULTS: Record<string, (proxy: Proxy) => void | Promise<void>> = {
  "cut": (proxy) => void (proxy.fault = "cut"),
  "half-closed towards etcd": (proxy) => proxy.halfClose("server"),
  "half-closed towards lainlet": (proxy) => proxy.halfClose("client"),
  "slow": (proxy) => void (proxy.fault = { delay: 200 }),
  "silent towards etcd": (proxy) => void (proxy.fault = "silent to server"),
  "silent towards lainlet": (proxy) => void (proxy.fault = "silent to client"),
  "silent": (proxy) => void (proxy.fault = "silent"),
  "accepted and never answered": (proxy) => {
    proxy.fault = "cut";
    proxy.fault = "silent";
  },
};

/** Whether etcd is reached in spite of a fault. */
const HARMLESS = [
  "slow",
  "half-closed towards etcd",
  "half-closed towards lainlet",
];

/** One etcd, with something in it, and ways to it. */
class Scene implements AsyncDisposable {
  readonly model = new Model(new Random(11), false);
  #beat = 0;

  private constructor(
    readonly etcd: TestEtcd,
    readonly proxies: readonly Proxy[],
    readonly watched: Watched,
    private readonly stack: AsyncDisposableStack,
  ) {}

  /** @param prepare called for each way before it is used */
  static async set(
    ways: number,
    prepare: (proxy: Proxy, i: number) => void = () => {},
  ): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const etcd = stack.use(await TestEtcd.start());
    await etcd.write({ "/lain/config/domain": "lain.local" });
    const proxies = Array.from(
      { length: ways },
      () => stack.use(new Proxy(etcd.endpoint)),
    );
    proxies.forEach(prepare);
    const watched = stack.use(
      await Watched.start(proxies.map(({ url }) => url)),
    );
    return new Scene(etcd, proxies, watched, stack.move());
  }

  /** Writes something, and waits until it is served everywhere. */
  async follows(timeout: number): Promise<void> {
    const beat = String(++this.#beat);
    await this.etcd.write({
      ...this.model.next(),
      "/lain/config/beat": beat,
      "/lain/nodes/nodes/beat:1:22": JSON.stringify({ beat }),
    });
    await this.watched.agrees(await this.etcd.content(), timeout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }
}

Deno.test("one way to etcd, and it is broken and mended", async (t) => {
  await using scene = await Scene.set(1);
  const { etcd, model, watched, proxies: [proxy] } = scene;
  assert(proxy);
  for (const [name, breaks] of Object.entries(FAULTS)) {
    await t.step(name, async () => {
      const [before] = await watched.debug();
      await breaks(proxy);
      for (let i = 0; i < 5; i++) await etcd.write(model.next());
      if (!HARMLESS.includes(name)) {
        await watched.noticed(NOTICED);
      } else await scene.follows(NOTICED);
      proxy.fault = "none";
      await scene.follows(BACK);
      const [after] = await watched.debug();
      if (name !== "slow") {
        assert(
          (after?.store.reconnects ?? 0) > (before?.store.reconnects ?? 0),
        );
      }
    });
  }
  await watched.isFaultless({ mayMiss: true });
});

Deno.test("three ways to etcd, each broken in turn while it is in use", async (t) => {
  // Each fault has a scene of its own: most of the time is spent waiting.
  const faults = Object.entries(FAULTS).filter(([name]) => name !== "slow");
  await Promise.all(faults.map(([name, breaks]) =>
    t.step({
      name,
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      fn: async () => {
        await using scene = await Scene.set(3);
        const { watched, proxies } = scene;
        const broken = new Set<string>();
        for (let i = 0; i < 3; i++) {
          const [source] = await watched.debug();
          const proxy = proxies.find(({ url }) => url === source?.store.source);
          assert(proxy, "no endpoint is in use");
          broken.add(proxy.url);
          await breaks(proxy);
          await eventually("another one is in use", async () => {
            const all = await watched.debug();
            const isUsed = all.some(({ store }) => store.source === proxy.url);
            return isUsed ? undefined : true;
          }, NOTICED);
          await scene.follows(BACK);
          proxy.fault = "none";
        }
        assertEquals(broken.size, 3, "not all endpoints were used");
        await watched.isFaultless({ mayMiss: true });
      },
    })
  ));
});

/** Lets a way lose what etcd says, gRPC message by message. */
function lossy(
  loses: (message: Uint8Array) => boolean,
): (proxy: Proxy) => void {
  return (proxy) =>
    proxy.editing(() => {
      const filter = new FrameFilter((message) => !loses(message));
      return (bytes) => filter.filter(bytes);
    });
}

Deno.test("a watch that is never confirmed", async () => {
  await using scene = await Scene.set(2, (proxy, i) => {
    if (i === 0) lossy(isWatchResponse)(proxy);
  });
  const { watched, proxies: [lost, good] } = scene;
  await scene.follows(NOTICED);
  for (const { store } of await watched.debug()) {
    assertEquals(store.source, good?.url);
  }
  // There is no other way, and this one is no better.
  good!.fault = "cut";
  await eventually("the reason is told", async () => {
    const all = await watched.debug();
    for (const { store } of all) {
      assertStringIncludes(store.problems.join(), "did not answer");
    }
    return lost;
  });
  good!.fault = "none";
  await scene.follows(NOTICED);
  await watched.isFaultless({ mayMiss: true });
});

Deno.test("a watch that lives, and loses a change", async (t) => {
  for (const name of ["the last one", "one before others"]) {
    await t.step(name, async () => {
      let isArmed = false;
      await using scene = await Scene.set(1, (proxy) =>
        proxy.editing(() => {
          // The first event of each connection that was made before is lost.
          let isLosing = !isArmed;
          const filter = new FrameFilter((message) => {
            if (!isArmed || !isLosing || !hasEvents(message)) return true;
            isLosing = false;
            return false;
          });
          return (bytes) => filter.filter(bytes);
        }));
      const { etcd, watched } = scene;
      isArmed = true;
      await etcd.write({ "/lain/config/a": "lost" });
      if (name !== "the last one") {
        await etcd.write({ "/lain/config/b": "seen" });
      }
      await watched.agrees(await etcd.content(), NOTICED);
      for (const { store } of await watched.debug()) {
        assertEquals(store.missed, 1);
      }
      await watched.isFaultless({ mayMiss: true });
    });
  }
});

Deno.test("watches that are confirmed, and never served", async () => {
  const silenced = new Set<Proxy>();
  await using scene = await Scene.set(
    2,
    (proxy) =>
      lossy((message) => silenced.has(proxy) && hasEvents(message))(proxy),
  );
  const { watched, proxies } = scene;
  for (let i = 0; i < 2; i++) {
    await scene.follows(NOTICED);
    const sources = (await watched.debug()).map(({ store }) => store.source);
    const proxy = proxies.find(({ url }) => url === sources[i]);
    assert(proxy);
    silenced.add(proxy);
    await scene.follows(NOTICED);
    silenced.clear();
  }
  await watched.isFaultless({ mayMiss: true });
});
