import { assertEquals } from "@std/assert";
import { isEtcd2, STATE_IN_V2 } from "../../../../lib/store/etcd/diagnosis.ts";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { TlsFiles } from "../../../../lib/store/tls.ts";
import { openssl } from "../../../util/certificates.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { eventually } from "../../../util/process.ts";

Deno.test("etcd: while nothing is here and something in the v2 key space, that is said", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
  await using config = new Collector(store, "/lain/config/");
  await using _nodes = new Collector(store, "/lain/nodes/nodes/");
  /** Waits until a check that began after now has said this. */
  const problems = async (expected: string[]) => {
    const now = performance.now();
    await eventually(
      "a check is done",
      () =>
        performance.now() - store.age("/lain/config/") > now + 200 || undefined,
    );
    await eventually(`the problems are ${expected}`, () => {
      assertEquals(store.status.problems, expected);
      return true;
    });
  };
  await config.count(1);
  await etcd.write({ "/other": "x" });
  await problems([]);
  await etcd.write({ "/lain/nodes/nodes/a:1:22": "{}" });
  await problems([STATE_IN_V2]);
  await etcd.client.put("/lain/config/domain").value("lain.local");
  await config.count(2);
  await problems([]);
  assertEquals(store.status.reconnects, 0);
});

Deno.test("etcd: an etcd 2, which has no v3 key space, is told from one that fails", async () => {
  let version = "2.3.7";
  await using server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    handler: ({ url }) =>
      url.endsWith("/version")
        ? Response.json({ etcdserver: version, etcdcluster: "2.3.0" })
        : new Response("404 page not found", { status: 404 }),
  });
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  const open = () => new EtcdStore([endpoint]);
  const old = open();
  await using _config = new Collector(old, "/lain/config/");
  await eventually("it is said", () => {
    assertEquals(old.status.problems, [STATE_IN_V2]);
    return true;
  });
  version = "3.4.23";
  const other = open();
  await using _other = new Collector(other, "/lain/config/");
  const [problem] = await eventually(
    "something else is said",
    () => other.status.problems.length > 0 ? other.status.problems : undefined,
  );
  assertEquals(problem === STATE_IN_V2, false);
});

Deno.test("etcd: a key that the runtime cannot use tells nothing of the key space", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-key-" });
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  try {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    const files = ["-nodes", "-keyout", key, "-out", cert];
    await openssl("req", "-x509", ...curve, ...files, "-subj", "/CN=lainlet");
    const tls = new TlsFiles({ ca: cert, client: { cert, key } });
    assertEquals(await isEtcd2("https://127.0.0.1:1", { tls }), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
