/**
 * A store that loses all its data while lainlet follows it.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../../scripts/cluster.ts";
import { loadState } from "../../../lib/store/saved/read.ts";
import { get, Stream } from "../../util/client.ts";
import { Frames } from "../../util/frames.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";
import {
  KIND_NAMES,
  type KindName,
  KINDS,
  startStore,
} from "../../util/stores.ts";
import { Folder, IDENTITY } from "./saved/folder.ts";

const REPLACED =
  "the store was replaced by one that holds nothing under /lain/";

const NODE = { name: "node1", ip: "192.168.77.21" };
const GROUP = {
  app: "shop",
  proc: "web.web",
  instances: [{ node: NODE, ip: "127.21.0.7" }],
};
/** Something in three of the subtrees. */
const CONTENT = {
  "/lain/config/a": "1",
  [nodeKey(NODE)]: nodeValue(NODE, 1),
  [groupKey(GROUP)]: groupValue(GROUP),
};

const PATHS = [
  "/v2/configwatcher",
  "/v2/nodes",
  "/v2/procwatcher?appname=*",
  "/v2/containers",
  "/v2/depends",
];

/** A lainlet whose state is saved, and that follows a store with some content. */
class Scene implements AsyncDisposable {
  private constructor(
    readonly server: Awaited<ReturnType<typeof startStore>>,
    readonly lainlet: TestLainlet,
    readonly streams: ReadonlyMap<string, Stream>,
    /** Several views, with the revision of each state. */
    readonly together: Frames,
    private readonly folder: Folder,
    private readonly stack: AsyncDisposableStack,
  ) {}

  static async set(kind: KindName): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startStore(kind));
    await server.write(CONTENT);
    const folder = stack.use(new Folder());
    const store = await folder.open(KINDS[kind].open(server.endpoint));
    stack.defer(() => store.close());
    const lainlet = await stack.use(new TestLainlet(store)).ready();
    const streams = new Map<string, Stream>();
    const together = stack.use(
      await Frames.open(
        `${lainlet.url}/v2/watch?view=configwatcher&view=nodes&view=depends`,
      ),
    );
    for (const path of PATHS) {
      const mark = path.includes("?") ? "&" : "?";
      const url = `${lainlet.url}${path}${mark}watch=1`;
      streams.set(path, stack.use(await Stream.open(url)));
    }
    return new Scene(
      server,
      lainlet,
      streams,
      together,
      folder,
      stack.move(),
    );
  }

  get(path: string, from?: string) {
    return get(this.lainlet.url + path, from);
  }

  async answers(): Promise<string[]> {
    const all = await Promise.all(PATHS.map((path) => this.get(path)));
    return all.map(({ status, body }) => `${status} ${body}`);
  }

  /** The next event of each stream. */
  async events(paths = PATHS): Promise<unknown[]> {
    return await Promise.all(paths.map(async (path) => {
      const { event, id, data } = await this.streams.get(path)?.next() ?? {};
      return [path, id, event, JSON.stringify(data)];
    }));
  }

  /** The keys that are saved. */
  async saved(): Promise<string[]> {
    const state = await loadState(this.folder.file, IDENTITY);
    return [...state.values()]
      .flatMap(({ pages: [entries] }) => entries.map(({ key }) => key)).sort();
  }

  /** Waits until `/readyz` says this. */
  async says(status: number, reason: string): Promise<void> {
    await eventually(`/readyz: ${reason}`, async () => {
      const { status: found, body } = await this.get("/readyz");
      assertEquals([found, body], [status, reason]);
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }
}

/** The first events of all streams. */
const INITS = ['{"a":"1"}', "{", "[{", "{", "{}"];

async function begin(kind: KindName): Promise<Scene> {
  const scene = await Scene.set(kind);
  const inits = await scene.events();
  for (const [i, init] of inits.entries()) {
    assertEquals(String(init).includes(INITS[i] ?? ""), true, `${init}`);
  }
  await eventually("all is saved", async () => {
    assertEquals(await scene.saved(), Object.keys(CONTENT).sort());
    return true;
  });
  return scene;
}

async function losesData(kind: KindName): Promise<void> {
  await using scene = await begin(kind);
  const { server } = scene;
  const answers = await scene.answers();
  await server.wipe();
  await scene.says(503, REPLACED);
  // A confirmation, or a revision, is of the present store.
  const fresh = scene.get("/v2/nodes?fresh=1");
  const later = scene.get("/v2/configwatcher?revision=1");
  assertEquals(await scene.answers(), answers);
  const { headers } = await scene.get("/v2/nodes");
  assertMatch(headers.get("Age") ?? "", /^\d+$/);
  assertMatch(headers.get("Cache-Status") ?? "", new RegExp(REPLACED));
  assertEquals(headers.get("Lainlet-Revision"), null);
  const present = scene.lainlet.lainlet.stats.current;
  assertEquals([present.stale, present.problems], [true, [REPLACED]]);
  // Rights follow the last known state.
  const own = await scene.get("/v2/proxywatcher", "127.21.0.7");
  assertMatch(own.body, /^{"shop\.web\.web":/);
  // Another connection to an empty store changes nothing.
  await server.kill();
  await server.launch();
  await scene.says(503, REPLACED);
  assertEquals([(await fresh).status, (await later).status], [503, 503]);
  assertEquals(await scene.answers(), answers);
  assertEquals(await scene.saved(), Object.keys(CONTENT).sort());

  // With one key, missing keys count as removed, too.
  await server.write({ "/lain/config/b": "2" });
  const paths = PATHS.slice(0, -1);
  assertEquals(await scene.events(paths), [
    [paths[0], "2", "update", '{"b":"2"}'],
    [paths[1], "2", "delete", "{}"],
    [paths[2], "2", "delete", "[]"],
    [paths[3], "2", "delete", "{}"],
  ]);
  await scene.says(200, "ok");
  // Of one revision, which is of the new history.
  const frames = [];
  for (let i = 0; i < 5; i++) frames.push(await scene.together.frame());
  assertEquals(frames.map(({ event }) => event), [
    "init configwatcher",
    "init nodes",
    "init depends",
    "update configwatcher",
    "delete nodes",
  ]);
  assertEquals(frames[3]?.revision, frames[4]?.revision);
  assertEquals((await scene.get("/v2/nodes?fresh=1")).body, "{}");
  assertEquals((await scene.get("/v2/nodes")).headers.get("Age"), null);
  await eventually("it is saved", async () => {
    assertEquals(await scene.saved(), ["/lain/config/b"]);
    return true;
  });

  // An empty state within a history is delivered, and stays.
  await server.write({ "/lain/config/b": null });
  assertEquals(await scene.events(paths.slice(0, 1)), [
    [paths[0], "3", "delete", "{}"],
  ]);
  await server.kill();
  await server.launch();
  await eventually("it is followed again", async () => {
    const { status } = await scene.get("/v2/configwatcher?fresh=1");
    return status === 200 || undefined;
  });
  assertEquals((await scene.get("/readyz")).status, 200);
}

async function getsDataBack(kind: KindName): Promise<void> {
  await using scene = await begin(kind);
  const { server } = scene;
  const folder = await Deno.makeTempDir();
  await server.save(`${folder}/saved`);
  await server.wipe();
  await scene.says(503, REPLACED);
  await server.restore(`${folder}/saved`);
  await scene.says(200, "ok");
  // No stream got anything: the first event is a real change.
  await server.write({ "/lain/config/a": "2" });
  assertEquals(await scene.events(PATHS.slice(0, 1)), [
    [PATHS[0], "2", "update", '{"a":"2"}'],
  ]);
  await server.write({ [nodeKey(NODE)]: null });
  assertEquals(await scene.events(PATHS.slice(1, 2)), [
    [PATHS[1], "2", "delete", "{}"],
  ]);
  await Deno.remove(folder, { recursive: true });
}

for (
  const [what, run] of [
    ["takes nothing away until there is a key", losesData],
    ["and got them back is as it was", getsDataBack],
  ] as const
) {
  Deno.test(`a store that lost its data ${what}`, async (t) => {
    await Promise.all(KIND_NAMES.map((kind) =>
      t.step({
        name: kind,
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
        fn: () => run(kind),
      })
    ));
  });
}
