/**
 * A lainlet that serves on several threads is like one that serves on one.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { get, Stream } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { cluster, comparable, expectations } from "../util/golden.ts";
import { GOLDEN_HOST } from "../util/lainlet.ts";
import { LainletProcess, TARGETS } from "../util/lainlet_process.ts";
import { SAMPLE_RATE } from "../../lib/stats/latency.ts";
import { applyMergePatch } from "../../lib/client/patch.ts";
import { becomes, eventually, Program } from "../util/process.ts";

const HOST = ["--ip", GOLDEN_HOST.ip, "--hostname", GOLDEN_HOST.hostname];
const THREADS = 3;
const LISTENERS = 40;

for (const target of ["source", "binary"] as const) {
  Deno.test(`${target}, ${THREADS} threads: responses, streams, rights, limits and the stop`, async (t) => {
    await using etcd = await TestEtcd.start();
    await etcd.load(cluster);
    await using lainlet = await LainletProcess.start(target, [
      `--etcd=${etcd.endpoint}`,
      `--workers=${THREADS}`,
      `--max.listeners.per.address=${LISTENERS}`,
      ...HOST,
    ]);
    const { url } = lainlet;
    assertEquals(await lainlet.sockets(), THREADS);

    await t.step("every golden response", async () => {
      for (const { from, path, status, body } of expectations) {
        const answer = await get(url + path, from);
        assertEquals([path, answer.status], [path, status]);
        if (status !== 200) continue;
        assertEquals(
          comparable(path, JSON.parse(answer.body)),
          comparable(path, body),
          path,
        );
      }
    });

    await t.step("a state is one for all: bytes and tags", async () => {
      const path = `${url}/v2/coreinfowatcher`;
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => get(path)),
      );
      const [first] = answers;
      for (const { body, headers } of answers) {
        assertEquals(body === first?.body, true);
        assertEquals(headers.get("etag"), first?.headers.get("etag"));
      }
    });

    await using stack = new AsyncDisposableStack();
    const path = "/v2/configwatcher?target=domain&watch=1";
    const listen = async (path: string, from?: string) =>
      stack.use(await Stream.open(url + path, from));
    const streams: Stream[] = [];

    await t.step(
      "every stream counts its own ids, and gets every state",
      async () => {
        for (let i = 0; i < LISTENERS; i++) {
          const patch = i % 2 === 0 ? "&patch=merge" : "";
          const stream = await listen(path + patch);
          streams.push(stream);
          assertEquals(
            stream.response.headers.get("cache-control"),
            "no-cache, no-transform",
          );
          assertEquals(await stream.next(), {
            id: "1",
            event: "init",
            data: { domain: "lain.local" },
          });
        }
        await etcd.write({ "/lain/config/domain": "lain.example" });
        for (const [i, stream] of streams.entries()) {
          const { id, event, data } = await stream.next() ?? {};
          assertEquals([id, event], ["2", i % 2 === 0 ? "patch" : "update"]);
          assertEquals(
            applyMergePatch({ domain: "lain.local" }, data),
            { domain: "lain.example" },
          );
        }
        await etcd.write({ "/lain/config/domain": null });
        for (const [i, stream] of streams.entries()) {
          const { id, event } = await stream.next() ?? {};
          assertEquals([id, event], ["3", i % 2 === 0 ? "patch" : "delete"]);
        }
      },
    );

    await t.step("all threads time their deliveries together", async () => {
      // Of each thread the first one, and then one in so many.
      const least = Math.ceil(2 * LISTENERS / SAMPLE_RATE);
      // A listener may have the last one before it is counted.
      await eventually("they are counted", async () => {
        const { body } = await get(`${url}/metrics`);
        const { groups } =
          /^lainlet_delivery_delay_seconds_count (?<count>\d+)$/m.exec(body) ??
            {};
        const count = Number(groups?.count);
        assert(count >= least && count < least + THREADS, `${count}`);
        return true;
      });
    });

    await t.step("all threads count together, to the limit", async () => {
      const { status, headers } = await get(url + path);
      assertEquals([status, headers.get("retry-after")], [503, "10"]);
      const debug = async () => JSON.parse((await get(`${url}/debug`)).body);
      // Earlier clients may not be disconnected yet.
      await becomes("what they count", async () => {
        const { connections, goroutines, refused, topics, watchers } =
          await debug();
        const { NumReceivers } = watchers.config;
        return [connections, goroutines, refused, topics, NumReceivers];
      }, [LISTENERS + 1, LISTENERS, 1, 1, LISTENERS]);
      for (const stream of streams.splice(0, LISTENERS / 2)) {
        await stream[Symbol.asyncDispose]();
      }
      await eventually("half of them are gone", async () => {
        const { connections, goroutines } = await debug();
        const half = LISTENERS / 2;
        return connections === half + 1 && goroutines === half || undefined;
      });
    });

    await t.step(
      "a client that loses the right to a stream gets an error, on each thread",
      async () => {
        const group = {
          app: "thread",
          proc: "web.web",
          instances: [{
            node: { name: "node1", ip: GOLDEN_HOST.ip },
            ip: "127.44.0.1",
          }],
        };
        await etcd.write({ [groupKey(group)]: groupValue(group) });
        const owned = "/v2/proxywatcher?appname=thread&watch=1";
        await eventually("the right is there", async () => {
          const path = owned.replace("&watch=1", "");
          return (await get(url + path, "127.44.0.1")).status === 200 ||
            undefined;
        });
        const owners: Stream[] = [];
        for (let i = 0; i < 12; i++) {
          const stream = await listen(owned, "127.44.0.1");
          assertEquals((await stream.next())?.event, "init");
          owners.push(stream);
        }
        await etcd.write({ [groupKey(group)]: null });
        for (const stream of owners) {
          assertEquals(await stream.next(), {
            id: "0",
            event: "error",
            data: "authorize failed, no permission",
          });
          assertEquals(await stream.next(), undefined);
        }
      },
    );

    await t.step("another lainlet cannot share the port", async () => {
      const [command, ...first] = TARGETS[target];
      await using other = new Program(command, [
        ...first,
        `--web=:${new URL(url).port}`,
        `--etcd=${etcd.endpoint}`,
        `--workers=${THREADS}`,
      ]);
      const { code } = await other.ended();
      assertEquals([code, other.stderr.split("\n").length], [1, 2]);
      assertMatch(other.stderr, /^lainlet: cannot listen on :\d+: Address/);
    });

    await t.step(
      "a signal ends all streams, and the process with 0",
      async () => {
        lainlet.program.signal("SIGTERM");
        const { code } = await lainlet.program.ended();
        assertEquals(code, 0);
        for (const stream of streams) {
          assertEquals(await stream.next(), undefined);
        }
        assertMatch(lainlet.program.stderr, /lainlet is stopping/);
        assert(!/level=error/.test(lainlet.program.stderr));
      },
    );
  });
}
