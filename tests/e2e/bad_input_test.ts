import { assert, assertEquals } from "@std/assert";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { eventually } from "../util/process.ts";

/**
 * Sends bytes, and reads the response until the server ends it.
 *
 * @param patience after this time the connection's sending side is closed, in ms; a request without a response is then given up
 */
async function raw(
  url: string,
  bytes: string | Uint8Array<ArrayBuffer>,
  patience = 20_000,
): Promise<string> {
  const { hostname, port } = new URL(url);
  using conn = await Deno.connect({ hostname, port: Number(port) });
  const data = typeof bytes === "string"
    ? new TextEncoder().encode(bytes)
    : bytes;
  // The other side may hang up in the middle: that is an answer, too.
  const writing = new Blob([data]).stream().pipeTo(conn.writable, {
    preventClose: true,
  })
    .catch(() => {});
  let text = "";
  const timer = setTimeout(() => conn.closeWrite().catch(() => {}), patience);
  try {
    for await (const chunk of conn.readable) {
      text += new TextDecoder().decode(chunk);
      if (text.includes("\r\n\r\n")) break;
    }
  } catch {
    // Reset by the other side.
  }
  clearTimeout(timer);
  await writing;
  return text;
}

const statusOf = (text: string) =>
  /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? "none";

for (const target of ["source", "binary"] as const) {
  Deno.test(`${target}: whatever a client sends, lainlet goes on serving`, async (t) => {
    await using etcd = await TestEtcd.start();
    await etcd.write({ "/lain/config/domain": "x" });
    await using lainlet = await LainletProcess.start(target, [
      "--etcd",
      etcd.endpoint,
    ]);
    const { url } = lainlet;
    const step = (title: string, run: () => Promise<void>) =>
      t.step(title, async () => {
        await run();
        const { status, body } = await get(
          `${url}/v2/configwatcher?target=domain`,
        );
        assertEquals([status, body], [200, '{"domain":"x"}']);
      });
    const request = (target: string, headers = "") =>
      raw(
        url,
        `GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`,
      );

    await step("paths and queries of all kinds", async () => {
      const paths: [target: string, status: string][] = [
        ["/v2/configwatcher?target=%00", "200"],
        ["/v2/configwatcher?target=%zz%", "200"],
        ["/v2/configwatcher?target=%ff%fe", "200"],
        ["/v2/configwatcher?target=a&target=ssl&target", "200"],
        ["/v2/configwatcher?&&=&?&watch", "200"],
        ["/v2/procwatcher?appname=", "400"],
        ["/v2/procwatcher?appname=&appname=x", "400"],
        ["/v2/coreinfowatcher?appname=__proto__", "200"],
        ["/v2/coreinfowatcher?appname=../..", "200"],
        ["/v2/configwatcher%00", "404"],
        ["/v2/%63onfigwatcher", "404"],
        ["/v2/%zz", "404"],
        ["/%", "404"],
        ["//", "404"],
        ["/v2/../v2/nodes", "200"],
        ["/constructor", "404"],
        ["/__proto__", "404"],
        ["http://other.host/v2/nodes", "200"],
        [`/v2/configwatcher?target=${"x".repeat(8_000)}`, "200"],
        [`/v2/configwatcher?target=${"x".repeat(20_000)}`, "414"],
      ];
      for (const [target, status] of paths) {
        assertEquals([target, statusOf(await request(target))], [
          target,
          status,
        ]);
      }
    });

    await step("an overlong URL, 1 MB of headers", async () => {
      assert(
        ["400", "414", "431", "none"].includes(
          statusOf(await request(`/${"x".repeat(2_000_000)}`)),
        ),
      );
      assert(
        ["400", "431", "none"].includes(
          statusOf(
            await request("/healthz", `X: ${"x".repeat(1_000_000)}\r\n`),
          ),
        ),
      );
      assert(
        ["400", "431", "none"].includes(
          statusOf(await request("/healthz", "X: y\r\n".repeat(170_000))),
        ),
      );
    });

    await step("data that is not a request", async () => {
      for (
        const bytes of [
          "\r\n\r\n",
          "GET\r\n\r\n",
          "GET / HTTP/9.9\r\n\r\n",
          "G\0T / HTTP/1.1\r\nHost: x\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: [::\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
          "GET /healthz HTTP/1.1\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
          crypto.getRandomValues(new Uint8Array(60_000)),
        ]
      ) {
        // Of some more is expected.
        const status = statusOf(await raw(url, bytes, 300));
        assert(
          ["none", "200", "400", "404", "405", "505"].includes(status),
          status,
        );
      }
    });

    await step("unexpected bodies", async () => {
      for (const method of ["POST", "PUT", "GET"]) {
        const head =
          `${method} /v2/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`;
        const status = statusOf(await raw(url, head + "x".repeat(100_000)));
        assertEquals(status, method === "GET" ? "200" : "405");
      }
    });

    await step("keys outside the layout, and values of 1 MB", async () => {
      const group = {
        app: "big",
        proc: "web.web",
        annotation: "x".repeat(500_000),
        instances: [{ node: { name: "n", ip: "1.1.1.1" }, ip: "127.20.7.7" }],
      };
      await etcd.write({
        "/lain/deployd/pod_groups/": "{}",
        "/lain/deployd/pod_groups/a": "{}",
      });
      await etcd.write({
        "/lain/deployd/pod_groups/a/b/c": "{",
        "/lain/nodes/nodes/odd": "[]",
      });
      await etcd.write({
        "/lain/else": "x",
        "/lain": "x",
        "/lain/configx": "x",
        "/lain/config/": "x",
      });
      await etcd.write({
        "/lain/deployd/pod_groups/a/deep": "[".repeat(1_000_000),
      });
      await etcd.write({ "/lain/config/big": "y".repeat(1_000_000) });
      await etcd.client.put(
        new Uint8Array([...new TextEncoder().encode("/lain/config/"), 0xff])
          .toString(),
      ).value("x");
      await etcd.write({ [groupKey(group)]: groupValue(group) });
      await eventually("the big group is served", async () => {
        const { status, body } = await get(
          `${url}/v2/webrouter/webprocs?appname=big`,
        );
        return status === 200 && body.length > 500_000 ? true : undefined;
      });
      const big = await get(`${url}/v2/configwatcher?target=big`);
      assertEquals(big.body, JSON.stringify({ big: "y".repeat(1_000_000) }));
      const { watchers } = JSON.parse((await get(`${url}/debug`)).body);
      assertEquals(
        [watchers.podgroup.TotalKeys, watchers.podgroup.Rejections],
        [1, 4],
      );
    });

    await step("clients that disconnect in the middle", async () => {
      await Promise.all(Array.from({ length: 50 }, async () => {
        using conn = await Deno.connect({
          hostname: "127.0.0.1",
          port: Number(new URL(url).port),
        });
        await conn.write(
          new TextEncoder().encode(
            "GET /v2/configwatcher?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n",
          ),
        );
      }));
      await eventually("all are gone", async () => {
        const { goroutines } = JSON.parse((await get(`${url}/debug`)).body);
        return goroutines === 0 ? true : undefined;
      });
    });

    assertEquals(
      /level=(error|fatal).*(a request failed|unhandled rejection)/.exec(
        lainlet.program.stderr,
      ),
      null,
    );
  });
}
