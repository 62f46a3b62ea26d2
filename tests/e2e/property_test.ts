import { assertEquals } from "@std/assert";
import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
  nodeKey,
  type NodeSpec,
  nodeValue,
} from "../../scripts/cluster.ts";
import { EtcdStore } from "../../lib/store/etcd.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get, Stream } from "../util/client.ts";
import { type Changes, TestEtcd } from "../util/etcd.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";

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

const NODES: readonly [NodeSpec, NodeSpec] = [
  { name: "node1", ip: "192.168.77.21" },
  { name: "node2", ip: "192.168.77.22" },
];

/** Values that are bad wherever JSON is expected. */
const BAD = ["", "{", "null", "[]", "{}x"];

/** A repeatable source of choices (Park and Miller, 1988). */
class Random {
  constructor(private seed: number) {}

  below(limit: number): number {
    this.seed = this.seed * 48271 % 2147483647;
    return this.seed % limit;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }
}

/** Random changes, and the last good value of each key that is not deleted. */
class Model {
  readonly good = new Map<string, string>();

  constructor(private readonly random: Random) {}

  /** One to five keys, put or deleted. */
  next(): Changes {
    const changes: Record<string, string | null> = {};
    for (let i = this.random.below(5); i >= 0; i--) {
      const [key, value] = this.#entry();
      if (key in changes) continue; // etcd takes a key once in a transaction.
      const choice = this.random.below(10);
      const canBeBad = !key.startsWith("/lain/config/");
      changes[key] = choice < 3
        ? null
        : choice < 5 && canBeBad
        ? BAD[this.random.below(BAD.length)] ?? ""
        : value;
      if (choice < 3) this.good.delete(key);
      else if (changes[key] === value) this.good.set(key, value);
    }
    return changes;
  }

  #entry(): [key: string, value: string] {
    const { random } = this;
    const node = random.pick(NODES);
    const app = `app${random.below(4)}`;
    const ip = () =>
      random.below(2) === 0 ? "" : `127.21.0.${random.below(250) + 1}`;
    switch (random.below(6)) {
      case 0:
        return [
          `/lain/config/${
            random.pick(["s", "ssl", "st/a", "vips/1", "domain"])
          }`,
          `${random.below(5)}`,
        ];
      case 1:
        return [nodeKey(node), nodeValue(node, random.below(5))];
      case 2:
        return [
          dependsKey(app),
          dependsValue(node, `app${random.below(4)}`, ip()),
        ];
      default: {
        const port = random.below(3) * 1000;
        const group = {
          app,
          proc: random.pick(["web.web", "worker.job", "web.admin"]),
          port,
          version: `${random.below(3)}`,
          annotation: random.below(2) === 0 ? {} : {
            ports: [{ srcport: port + random.below(3), dstport: port }],
          },
          instances: Array.from({ length: random.below(4) }, () => ({
            node: random.pick(NODES),
            ip: ip(),
          })),
        };
        return [groupKey(group), groupValue(group)];
      }
    }
  }
}

/** Follows a stream; knows the last thing it carried. */
class Follower {
  last: unknown;
  lastId = 0;
  readonly done: Promise<void>;

  constructor(stream: Stream) {
    this.done = (async () => {
      for (let event; (event = await stream.next(60_000)) !== undefined;) {
        this.last = event.data;
        if (event.event === "error") continue;
        assertEquals(event.id, String(this.lastId + 1));
        assertEquals(event.event === "init", this.lastId === 0);
        this.lastId++;
      }
    })();
  }
}

Deno.test("after any history, answers and streams are those of a fresh read", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, async () => {
    await using etcd = await TestEtcd.start();
    await using server = new TestLainlet(new EtcdStore([etcd.endpoint]));
    await server.ready();
    await using streams = new AsyncDisposableStack();
    const followers: Follower[] = [];
    for (const path of PATHS) {
      const sign = path.includes("?") ? "&" : "?";
      const stream = streams.use(
        await Stream.open(`${server.url}${path}${sign}watch=1`),
      );
      followers.push(new Follower(stream));
    }
    const random = new Random(seed);
    const model = new Model(random);

    /** Lets everything arrive, then compares with a lainlet that reads anew. */
    const compare = async () => {
      const { kvs } = await etcd.client.getAll().exec();
      const content = kvs.map(({ key, value }): [string, string] => {
        const text = value.toString();
        const isBad = BAD.includes(text) &&
          !key.toString().startsWith("/lain/config/");
        return [
          key.toString(),
          isBad ? model.good.get(key.toString()) ?? text : text,
        ];
      });
      await using fresh = new TestLainlet(new MemoryStore(content));
      await fresh.ready();
      for (const [i, path] of PATHS.entries()) {
        const expected = await get(fresh.url + path);
        await eventually(
          `${path} and its stream are as after a fresh read`,
          async () => {
            const answer = await get(server.url + path);
            assertEquals([answer.status, answer.body], [
              expected.status,
              expected.body,
            ]);
            const state = answer.status === 200
              ? JSON.parse(answer.body)
              : answer.body;
            assertEquals(followers[i]?.last, state);
            return true;
          },
        );
      }
    };

    for (let round = 0; round < 12; round++) {
      for (let i = random.below(80); i >= 0; i--) {
        await etcd.write(model.next());
      }
      await compare();
    }
    await streams.disposeAsync();
    await Promise.all(followers.map(({ done }) => done));
  });
});
