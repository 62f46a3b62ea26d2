/**
 * Lainlet as LAIN's unit starts it: by HTTP and gRPC, on etcd's v2 key space.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { credentials } from "@grpc/grpc-js";
import { Health } from "../../lib/grpc/proto/health_pb.ts";
import { get } from "../util/client.ts";
import { makeCertificates, renew } from "../util/certificates.ts";
import { TestEtcd } from "../util/etcd.ts";
import {
  calls,
  cluster,
  CLUSTER_FILE,
  comparableReply,
} from "../util/golden.ts";
import { RpcClient } from "../util/grpc.ts";
import { GOLDEN_HOST } from "../util/lainlet.ts";
import { TARGETS } from "../util/lainlet_process.ts";
import { eventually, freePort, Program } from "../util/process.ts";

const MEMORY = `--store=memory:${CLUSTER_FILE}`;

/** All golden calls, of a lainlet on {@linkcode GOLDEN_HOST}. */
async function isGolden(port: number): Promise<void> {
  for (const [from, own] of Map.groupBy(calls, ({ from }) => from)) {
    await using client = await RpcClient.open(port, from);
    for (const { service, request, code, reply } of own) {
      const outcome = await client.get(service, request);
      assertEquals([service, outcome.code], [service, code], outcome.message);
      assertEquals(
        comparableReply(service, outcome.reply),
        comparableReply(service, reply),
      );
    }
  }
}

/** Waits until the whole server is healthy, as a probe would. */
async function isHealthy(client: RpcClient): Promise<void> {
  await eventually("it is healthy", async () => {
    const { reply } = await client.call(Health.method.check);
    return reply?.status === "SERVING" || undefined;
  }, 60_000);
}

for (const target of ["source", "binary"] as const) {
  const start = (args: readonly string[], env: Record<string, string> = {}) => {
    const [command, ...first] = TARGETS[target];
    return new Program(command, [...first, ...args], env);
  };

  Deno.test(`${target}: the line of LAIN's unit: HTTP and gRPC, from etcd's v2 key space`, async () => {
    await using etcd = await TestEtcd.start({ store: "etcd2" });
    await etcd.load(cluster);
    const [web, rpc] = [freePort(), freePort()];
    const line = [
      `-web=:${web}`,
      `-grpc.addr=:${rpc}`,
      `-etcd=${new URL(etcd.endpoint).host}`,
      `-ip=${GOLDEN_HOST.ip}`,
      "-debug",
    ];
    await using _lainlet = start(
      [...line, `-hostname=${GOLDEN_HOST.hostname}`],
      { LAINLET_STORE: "etcd2" },
    );
    await using client = await RpcClient.open(rpc);
    await isHealthy(client);
    await isGolden(rpc);
    using stream = client.watch("Config", { Target: "domain" });
    assertEquals(await stream.next(), { Data: { domain: "lain.local" } });
    await etcd.write({ "/lain/config/domain": "lain.example" });
    assertEquals(await stream.next(), { Data: { domain: "lain.example" } });
    const { body } = await get(
      `http://127.0.0.1:${web}/v2/configwatcher?target=domain`,
    );
    assertEquals(body, '{"domain":"lain.example"}');
  });

  Deno.test(`${target}: gRPC alone, and its end`, async () => {
    const rpc = freePort();
    await using lainlet = start([
      "--web=",
      `--grpc.addr=127.0.0.1:${rpc}`,
      MEMORY,
    ]);
    await using client = await RpcClient.open(rpc);
    await isHealthy(client);
    assertEquals(/HTTP is served/.test(lainlet.stderr), false);
    // A client of another protocol gets an error, or is disconnected.
    assertEquals((await fetch(`http://127.0.0.1:${rpc}/`)).status, 505);
    const garbage = await Deno.connect({ hostname: "127.0.0.1", port: rpc });
    await garbage.write(crypto.getRandomValues(new Uint8Array(10_000)));
    await new Response(garbage.readable).text().catch(() => {});
    using stream = client.watch("Config");
    await stream.next();
    lainlet.signal("SIGTERM");
    const late = setTimeout(() => lainlet.signal("SIGKILL"), 5_000);
    assertEquals(await stream.next(), {
      code: "unavailable",
      message: "lainlet is shutting down",
    });
    const { code } = await lainlet.ended();
    clearTimeout(late);
    assertEquals(code, 0);
  });

  Deno.test(`${target}: gRPC by TLS`, async () => {
    await using tls = await makeCertificates();
    const rpc = freePort();
    await using _lainlet = start([
      "--web=",
      `--grpc.addr=127.0.0.1:${rpc}`,
      "--grpc.TLS",
      `--grpc.cert=${tls.cert}`,
      `--grpc.key=${tls.key}`,
      MEMORY,
      "--ip",
      GOLDEN_HOST.ip,
    ]);
    const ca = Buffer.from(await Deno.readFile(tls.ca));
    await using client = await RpcClient.open(
      rpc,
      "127.0.0.1",
      credentials.createSsl(ca),
    );
    await isHealthy(client);
    const { reply } = await client.get("Config", { Target: "domain" });
    assertEquals(reply, { Data: { domain: "lain.local" } });
    using stream = client.watch("Coreinfo");
    await stream.next();
    await using renewed = await makeCertificates();
    await renew(tls, renewed);
    await eventually("a new connection gets the renewed one", async () => {
      await using client = await RpcClient.open(
        rpc,
        "127.0.0.1",
        credentials.createSsl(Buffer.from(await Deno.readFile(renewed.ca))),
      );
      return (await client.get("Config")).code === "ok" || undefined;
    });
    assertEquals((await client.get("Config")).code, "ok");
  });

  Deno.test(`${target}: gRPC's flags that are wrong are one line`, async () => {
    await using tls = await makeCertificates();
    await using other = await makeCertificates();
    const address = "--grpc.addr=127.0.0.1:0";
    const secure = [address, "--grpc.TLS"];
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    for (
      const [code, args] of [
        [2, ["--grpc.addr=nowhere"]],
        [2, secure],
        [2, [...secure, `--grpc.cert=${tls.cert}`]],
        [2, [...secure, `--grpc.cert=/no/such`, `--grpc.key=${tls.key}`]],
        [2, [...secure, `--grpc.cert=${tls.cert}`, "--grpc.key=deno.json"]],
        [2, [...secure, `--grpc.cert=${tls.key}`, `--grpc.key=${tls.cert}`]],
        [2, [...secure, `--grpc.cert=${tls.cert}`, `--grpc.key=${other.key}`]],
        [1, [`--grpc.addr=127.0.0.1:${taken.addr.port}`]],
      ] as const
    ) {
      await using program = start(["--web=127.0.0.1:0", ...args, MEMORY]);
      const outcome = await program.ended();
      assertEquals(outcome.code, code, program.stderr);
      assertMatch(program.stderr, /^lainlet: .*\n$/);
    }
    taken.close();
  });
}
