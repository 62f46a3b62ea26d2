/**
 * GETs that wait: for another state, for a revision, for a proof; of a lainlet
 * that runs as a process and follows a real etcd.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { GOLDEN_HOST } from "../util/lainlet.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { eventually } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";
import { stop } from "../util/state_folder.ts";

const KEY = "/lain/config/a";
const SUPER = "/lain/config/super_apps/console";
const GROUP = "/lain/deployd/pod_groups/console/console.web.web";
/** An address of the app `console`. */
const CONSOLE = "127.0.0.5";

const CONTENT = {
  [KEY]: "0",
  [SUPER]: "x",
  [GROUP]: JSON.stringify({
    Spec: {
      Name: "console.web.web",
      Namespace: "console",
      Pod: { Containers: [{}] },
    },
    Pods: [{ InstanceNo: 1, Containers: [{ ContainerIp: CONSOLE }] }],
  }),
};

const PATH = "/v2/configwatcher?target=a";

/** Waits for another state than the one that has this tag. */
const poll = (
  url: string,
  etag: string | null,
  wait: number,
  from?: string,
) =>
  get(url, from, {
    headers: { "If-None-Match": etag ?? "", "Prefer": `wait=${wait}` },
  });

/** Live streams, and polls. */
const listeners = async (url: string): Promise<number> =>
  JSON.parse((await get(`${url}/debug`)).body).goroutines;

const areListening = (url: string, count: number) =>
  eventually(
    `${count} listen`,
    async () => await listeners(url) === count || undefined,
  );

for (
  const [target, threads, writes, faults] of [
    ["source", 1, 100, ["silent", "silent to client", "silent to server"]],
    // Which thread answers is left to chance.
    ["binary", 2, 1_000, ["silent"]],
  ] as const
) {
  Deno.test(`${target}, threads: ${threads}: GETs that wait`, async (t) => {
    await using etcd = await TestEtcd.start();
    await etcd.write(CONTENT);
    await using way = new Proxy(etcd.endpoint);
    await using lainlet = await LainletProcess.start(target, [
      `--etcd=${way.url}`,
      `--workers=${threads}`,
      `--ip=${GOLDEN_HOST.ip}`,
    ]);
    const url = lainlet.url + PATH;

    await t.step(
      "a poll gets its response when the state differs",
      async () => {
        const { headers } = await get(url);
        const tag = headers.get("etag");
        const answers = [poll(url, tag, 60), poll(url, tag, 60)];
        await areListening(lainlet.url, 2);
        const revision = await etcd.write({ [KEY]: "1" });
        for (const { status, body, headers } of await Promise.all(answers)) {
          assertEquals([status, body], [200, '{"a":"1"}']);
          assertNotEquals(headers.get("etag"), tag);
          assertEquals(headers.get("preference-applied"), "wait=60");
          assertEquals(headers.get("lainlet-revision"), `${revision}`);
        }
        // A client with an older one need not wait.
        assertEquals((await poll(url, tag, 60)).status, 200);
        await areListening(lainlet.url, 0);
      },
    );

    await t.step("or its time is over", async () => {
      const tag = (await get(url)).headers.get("etag");
      const { status, headers } = await poll(url, tag, 1);
      assertEquals(
        [status, headers.get("preference-applied"), headers.get("etag")],
        [304, "wait=1", tag],
      );
    });

    await t.step("or its caller's rights are lost", async () => {
      const nodes = `${lainlet.url}/v2/nodes`;
      const tag = (await get(nodes, CONSOLE)).headers.get("etag");
      const answer = poll(nodes, tag, 60, CONSOLE);
      await areListening(lainlet.url, 1);
      await etcd.write({ [SUPER]: null });
      const { status, body } = await answer;
      assertEquals(
        [status, body],
        [403, "authorize failed, super required"],
      );
    });

    await t.step(
      "or its client has disconnected, which releases the slot",
      async () => {
        const tag = (await get(url)).headers.get("etag");
        const { hostname, port } = new URL(url);
        const conn = await Deno.connect({ hostname, port: Number(port) });
        const request =
          `GET ${PATH} HTTP/1.1\r\nHost: ${hostname}\r\nAccept-Encoding: gzip\r\nIf-None-Match: ${tag}\r\nPrefer: wait=300\r\n\r\n`;
        await conn.write(new TextEncoder().encode(request));
        await areListening(lainlet.url, 1);
        conn.close();
        await areListening(lainlet.url, 0);
      },
    );

    await t.step(
      `a writer reads its own write, ${writes} times`,
      async () => {
        for (let i = 0; i < writes; i++) {
          const revision = await etcd.write({ [KEY]: `${i}` });
          const { body, headers } = await get(`${url}&revision=${revision}`);
          assertEquals(body, `{"a":"${i}"}`);
          assert(Number(headers.get("lainlet-revision")) >= revision);
        }
      },
    );

    await t.step(
      "a write outside the view does not delay a GET",
      async () => {
        const revision = await etcd.write({ "/elsewhere": "1" });
        const { status, headers } = await get(`${url}&revision=${revision}`);
        assertEquals(status, 200);
        assert(Number(headers.get("lainlet-revision")) >= revision);
        const overview = `${lainlet.url}/v2/overview?revision=`;
        const last = await etcd.write({ "/elsewhere": "2" });
        assertEquals((await get(overview + last)).status, 200);
      },
    );

    await t.step(
      "a revision that is not there yet is waited for, and not for ever",
      async () => {
        const revision = await etcd.write({ [KEY]: "x" });
        const early = get(`${url}&revision=${revision + 1}`);
        const never = get(`${url}&revision=${revision + 1_000_000}`);
        await etcd.write({ [KEY]: "y" });
        assertEquals((await early).body, '{"a":"y"}');
        const { status, headers } = await never;
        assertEquals([status, headers.get("retry-after")], [503, "1"]);
        assertEquals((await get(`${url}&revision=new`)).status, 400);
      },
    );

    await t.step(
      "one freshness check is enough for 999 waiting requests",
      async () => {
        const count = () => etcd.metric("etcd_debugging_mvcc_range_total");
        const { hostname, host, port } = new URL(url);
        const request = new TextEncoder().encode(
          `GET ${PATH}&fresh=1 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        );
        await etcd.write({ [KEY]: "fresh" });
        // The proof of every few seconds may fall into this, and one that is
        // held for too long is given up: then it is tried again.
        await eventually("nothing else is asked of etcd", async () => {
          way.fault = "none";
          // Proven, so that nothing has to be replayed.
          await get(`${url}&fresh=1`);
          // Etcd is not waited for long: they are connected before.
          const conns = await Promise.all(
            Array.from(
              { length: 999 },
              () => Deno.connect({ hostname, port: Number(port) }),
            ),
          );
          const before = await count();
          way.fault = "held to client";
          const first = get(`${url}&fresh=1`);
          await eventually(
            "etcd gets the check, and its response is delayed",
            async () => await count() > before || undefined,
          );
          // These are too late for that check.
          const others = conns.map(async (conn) => {
            await conn.write(request);
            return await new Response(conn.readable).text();
          });
          await areListening(lainlet.url, 1_000).catch(() => {});
          const held = await count() - before;
          way.fault = "none";
          const [{ body }, ...texts] = await Promise.all([first, ...others]);
          assertEquals([held, await count() - before], [1, 2]);
          assertEquals(body, '{"a":"fresh"}');
          for (const text of texts) {
            assertMatch(text, /^HTTP\/1.1 200 [^]*\r\n\r\n{"a":"fresh"}$/);
          }
          return true;
        }, 120_000);
      },
    );

    await t.step("a stale response is never reported as fresh", async () => {
      for (const fault of faults) {
        way.fault = fault;
        await etcd.write({ [KEY]: fault });
        const { status, headers } = await get(`${url}&fresh=1`);
        assertEquals([status, headers.get("retry-after")], [503, "1"]);
        assertEquals((await get(url)).status, 200);
        way.fault = "none";
        await eventually("there is a proof again", async () => {
          const { status, body } = await get(`${url}&fresh=1`);
          if (status === 503) return;
          assertEquals([status, body], [200, `{"a":"${fault}"}`]);
          return true;
        });
      }
    });

    await t.step("a stop ends polls, and all that waits", async () => {
      const tag = (await get(url)).headers.get("etag");
      const answer = poll(url, tag, 60);
      await areListening(lainlet.url, 1);
      const never = get(`${url}&revision=${2 ** 40}`);
      // That request is there, and the one that asks.
      await eventually("all wait", async () => {
        const { body } = await get(`${lainlet.url}/debug`);
        return JSON.parse(body).connections === 3 || undefined;
      }, 4_000);
      assertEquals(await stop(lainlet), 0);
      assertEquals((await answer).status, 304);
      assertEquals((await never).status, 503);
    });
  });
}
