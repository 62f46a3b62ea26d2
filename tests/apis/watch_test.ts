import { assert, assertEquals } from "@std/assert";
import {
  dependsKey,
  dependsValue,
  groupKey,
  type GroupSpec,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { get, Stream } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { GOLDEN_HOST, TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";
import type { Changes } from "../util/store.ts";

const HERE = { name: GOLDEN_HOST.hostname, ip: GOLDEN_HOST.ip };
const THERE = { name: "node2", ip: "192.168.77.22" };
const ROUTED = {
  mountpoint: ["shop.lain.local/"],
  ports: [{ srcport: 7000, dstport: 8080 }],
};
const LOST = "over half of the containers lost their IPs";

const WEB: GroupSpec = {
  app: "shop",
  proc: "web.web",
  annotation: ROUTED,
  instances: [{ node: HERE, ip: "127.20.1.1" }],
};
/** A condition, which the views of deployed clients do not show. */
const FAILING: GroupSpec = {
  ...WEB,
  state: "fail",
  error: "container exited with code 137",
  wanted: 2,
  instances: WEB.instances.map((one) => ({
    ...one,
    state: "fail",
    health: "unhealthy",
    oom: true,
    restarts: 3,
  })),
};
const WORKER: GroupSpec = {
  app: "shop",
  proc: "worker.job",
  instances: [{ node: HERE, ip: "127.20.1.2" }],
};

function put(...groups: GroupSpec[]): Changes {
  return Object.fromEntries(groups.map((g) => [groupKey(g), groupValue(g)]));
}

/** For each endpoint: writes that change its answer, do not change it, and remove from it. */
const CASES: Record<
  string,
  { update: Changes; same: Changes; delete: Changes }
> = {
  "/v2/configwatcher": {
    update: { "/lain/config/a": "1" },
    same: { "/lain/config/a": "1" },
    delete: { "/lain/config/a": null },
  },
  "/v2/configwatcher?target=a": {
    update: { "/lain/config/ab": "1" },
    same: { "/lain/config/b": "1" },
    delete: { "/lain/config/ab": null },
  },
  "/v2/nodes": {
    update: { [nodeKey(HERE)]: nodeValue(HERE, 8) },
    same: { [nodeKey(HERE)]: ` ${nodeValue(HERE, 8)} ` },
    delete: { [nodeKey(HERE)]: null },
  },
  "/v2/depends": {
    update: { [dependsKey("shop")]: dependsValue(HERE, "blog", "127.20.1.9") },
    same: { [dependsKey("shop")]: dependsValue(HERE, "blog", "127.20.1.9") },
    delete: { [dependsKey("shop")]: null },
  },
  ...Object.fromEntries(
    [
      "/v2/coreinfowatcher",
      "/v2/coreinfowatcher?appname=shop",
      "/v2/procwatcher?appname=*",
      "/v2/proxywatcher",
      "/v2/localspecquery",
      "/v2/localspecwatcher?nodeip=node1",
      "/v2/containers",
      "/v2/containers?nodename=node1",
      "/v2/rebellion/localprocs",
      "/v2/backupspec?appname=shop",
      "/v2/appswatcher",
      "/v2/streamrouter/ports",
    ].map((path) => [path, {
      update: put(WEB),
      same: put(FAILING),
      delete: { [groupKey(WEB)]: null },
    }]),
  ),
};

Deno.test("watches on a real etcd", async (t) => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/first": "" });
  await using server = new TestLainlet(new EtcdStore([etcd.endpoint]));
  await server.ready();

  const body = async (path: string) =>
    JSON.parse((await get(server.url + path)).body);
  const watching = (path: string) =>
    Stream.open(`${server.url}${path}${path.includes("?") ? "&" : "?"}watch=1`);
  /** Writes under a prefix, and waits until lainlet has the change. */
  const known = async (changes: Changes) => {
    const revision = await etcd.write(changes);
    await eventually("lainlet has caught up", async () => {
      const { store } = await body("/debug");
      return store.revision >= revision || undefined;
    });
  };
  const step = (title: string, run: () => Promise<void>) =>
    t.step(title, async () => {
      await etcd.clear();
      await eventually("lainlet has nothing", async () => {
        const { watchers } = await body("/debug");
        const left = ["config", "podgroup", "depends", "nodes"]
          .filter((name) => watchers[name].TotalKeys > 0);
        return left.length === 0 || undefined;
      });
      await run();
    });

  for (const [path, changes] of Object.entries(CASES)) {
    await step(`${path}: init, update, nothing, delete`, async () => {
      await using stream = await watching(path);
      const init = await stream.next();
      assertEquals([init?.id, init?.event], ["1", "init"]);
      await etcd.write(changes.update);
      const update = await stream.next();
      assertEquals([update?.id, update?.event], ["2", "update"]);
      assertEquals(update?.data, await body(path));
      await etcd.write(changes.same);
      await etcd.write(changes.delete);
      const removal = await stream.next();
      assertEquals([removal?.id, removal?.event], ["3", "delete"]);
      assertEquals(removal?.data, init?.data);
    });
  }

  for (const name of ["webrouter/webprocs", "streamrouter/streamprocs"]) {
    const path = `/v2/${name}?appname=shop`;
    const web = (...ips: string[]) =>
      put({ ...WEB, instances: ips.map((ip) => ({ node: HERE, ip })) });

    await step(
      `${path}: under the half is an error, over it a state`,
      async () => {
        await using stream = await watching(path);
        assertEquals(await stream.next(), {
          id: "0",
          event: "error",
          data: LOST,
        });
        await etcd.write(web("127.20.1.1", ""));
        assertEquals((await stream.next())?.event, "init");
        await etcd.write(web("", ""));
        assertEquals(await stream.next(), {
          id: "0",
          event: "error",
          data: LOST,
        });
        const { status, body: reason } = await get(server.url + path);
        assertEquals([status, reason], [503, LOST]);
        await etcd.write(web("127.20.1.1", "", ""));
        await etcd.write(web("127.20.1.1", ""));
        const back = await stream.next();
        assertEquals([back?.id, back?.event], ["2", "update"]);
        assertEquals(back?.data, await body(path));
      },
    );
  }

  await step("a transaction that touches many keys is one event", async () => {
    await using stream = await watching("/v2/coreinfowatcher");
    await stream.next();
    const groups = Array.from(
      { length: 50 },
      (_, i) => ({ ...WEB, app: `app${i}` }),
    );
    await etcd.write(put(...groups));
    const { id, data } = (await stream.next()) ?? {};
    assertEquals(id, "2");
    assertEquals(Object.keys(Object(data)).length, 50);
    await etcd.write(put(WORKER));
    assertEquals((await stream.next())?.id, "3");
  });

  await step("a transaction that puts and deletes is an update", async () => {
    await known(put(WEB));
    await using stream = await watching("/v2/coreinfowatcher");
    await stream.next();
    await etcd.write({ ...put(WORKER), [groupKey(WEB)]: null });
    assertEquals((await stream.next())?.event, "update");
  });

  await step("a write outside the watched key is not sent", async () => {
    await known(put(WEB));
    await using stream = await watching("/v2/coreinfowatcher?appname=shop");
    await stream.next();
    await etcd.write(put({ ...WEB, app: "shop2" }, { ...WEB, app: "sho" }));
    await etcd.write(put({ ...WEB, version: "2" }));
    const { id, data } = (await stream.next()) ?? {};
    assertEquals(id, "2");
    assertEquals(Object.keys(Object(data)), ["shop.web.web"]);
  });

  await step(
    "a container that moves leaves one node for the other",
    async () => {
      await known(put(WEB));
      await using from = await watching("/v2/localspecquery?nodeip=node1");
      await using to = await watching("/v2/localspecquery?nodeip=node2");
      assertEquals((await from.next())?.data, ["shop/shop.web.web"]);
      assertEquals((await to.next())?.data, []);
      const moved = [{ node: THERE, ip: "127.20.1.5" }];
      await etcd.write(put({ ...WEB, instances: moved }));
      const left = await from.next();
      assertEquals([left?.event, left?.data], ["delete", []]);
      const come = await to.next();
      assertEquals([come?.event, come?.data], ["update", [
        "shop/shop.web.web",
      ]]);
    },
  );

  await step(
    "a bad value changes nothing, the next good one does",
    async () => {
      await known(put(WEB, WORKER));
      await using stream = await watching("/v2/appswatcher");
      assertEquals((await stream.next())?.data, { shop: { Appname: "shop" } });
      await etcd.write({ [groupKey(WEB)]: "{", [groupKey(WORKER)]: "[]" });
      await etcd.write({
        "/lain/deployd/pod_groups/x/x.y": "null",
        "/lain/deployd/pod_groups/x/": "{}",
      });
      await etcd.write(put({ ...WEB, app: "blog" }));
      assertEquals((await stream.next())?.data, {
        blog: { Appname: "blog" },
        shop: { Appname: "shop" },
      });
      assertEquals((await body("/debug")).watchers.podgroup.Rejected.sort(), [
        "shop/shop.web.web",
        "shop/shop.worker.job",
        "x/",
        "x/x.y",
      ]);
    },
  );

  await step("two listeners of one topic get the same bytes", async () => {
    const url = `${server.url}/v2/coreinfowatcher?watch=1`;
    const listen = async () => {
      const heard = { text: "" };
      const { body } = await fetch(url);
      assert(body);
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      const done = (async () => {
        for (let read; !(read = await reader.read()).done;) {
          heard.text += read.value;
        }
      })();
      return { heard, done, leave: () => reader.cancel() };
    };
    const listeners = [await listen(), await listen()];
    const [one, two] = listeners.map(({ heard }) => heard);
    const count = (frames: number) =>
      eventually(
        `both heard ${frames} frames`,
        () =>
          listeners.every(({ heard }) =>
              heard.text.split("\n\n").length > frames
            )
            ? true
            : undefined,
      );
    await count(1);
    await etcd.write(put(WEB));
    await count(2);
    await etcd.write(put(WORKER));
    await count(3);
    await Promise.all(listeners.map(({ leave }) => leave()));
    await Promise.all(listeners.map(({ done }) => done));
    assertEquals(one?.text, two?.text);
    assert(one?.text.startsWith("id: 1\nevent: init\ndata: {"), one?.text);
  });

  await step("a heartbeat is an id and an event, every second", async () => {
    const { body } = await fetch(
      `${server.url}/v2/nodes?watch=true&heartbeat=1`,
    );
    let text = "";
    for await (
      const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []
    ) {
      text += chunk;
      if (text.split("event: heartbeat").length > 2) break;
    }
    const beat = "id: 0\nevent: heartbeat\n\n";
    assertEquals(text, `id: 1\nevent: init\ndata: {}\n\n${beat}${beat}`);
  });
});
