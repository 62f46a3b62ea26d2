/**
 * What lainlets cost their etcd, as etcd's own metrics tell.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Etcd3 } from "etcd3";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { TestEtcd } from "../util/etcd.ts";
import { GrpcProxy } from "../util/grpc_proxy.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { get, Stream } from "../util/client.ts";
import { Model, Random } from "../util/model.ts";
import { Watched } from "../util/watched.ts";
import { PATHS } from "../util/witness.ts";
import { Proxy } from "../util/proxy.ts";

const STREAMS = "etcd_debugging_mvcc_watch_stream_total";
const WATCHERS = "etcd_debugging_mvcc_watcher_total";

Deno.test("a lainlet costs etcd one connection and four watches, whatever its clients request", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  await using proxy = new Proxy(etcd.endpoint);
  await using server = new TestLainlet(new EtcdStore([proxy.url]));
  await server.ready();
  await using stack = new AsyncDisposableStack();
  for (const path of PATHS) {
    const sign = path.includes("?") ? "&" : "?";
    for (let i = 0; i < 5; i++) {
      stack.use(await Stream.open(`${server.url}${path}${sign}watch=1`));
    }
    await get(server.url + path);
  }
  assertEquals(proxy.connections, 1);
  assertEquals(await etcd.metric(STREAMS), 1);
  assertEquals(await etcd.metric(WATCHERS), 4);
});

Deno.test("a grpc-proxy joins the watches of 20 lainlets, and they get all writes", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/a": "0" });
  await using proxy = await GrpcProxy.start(etcd.endpoint);
  await using stack = new AsyncDisposableStack();
  const lainlets = Array.from(
    { length: 20 },
    () => stack.use(new TestLainlet(new EtcdStore([proxy.url]))),
  );
  await Promise.all(lainlets.map((lainlet) => lainlet.ready()));
  using client = new ClosingClient(proxy.url);
  const streams = await Promise.all(
    lainlets.map(async ({ url }) =>
      stack.use(await Stream.open(`${url}/v2/configwatcher?watch=1`))
    ),
  );
  for (const stream of streams) await stream.next();
  for (let i = 1; i <= 50; i++) {
    await client.etcd.put("/lain/config/a").value(`${i}`);
  }
  for (const stream of streams) {
    for (;;) {
      const { data } = await stream.next() ?? {};
      if (JSON.stringify(data) === '{"a":"50"}') break;
    }
  }
  const watchers = await etcd.metric(WATCHERS);
  assert(watchers <= 20, `${watchers} watches for 20 lainlets`);
});

Deno.test("of two grpc-proxies one dies: its lainlets go to the other, and miss nothing", async () => {
  await using etcd = await TestEtcd.start();
  const model = new Model(new Random(5), false);
  for (let i = 0; i < 20; i++) await etcd.write(model.next());
  await using one = await GrpcProxy.start(etcd.endpoint);
  await using two = await GrpcProxy.start(etcd.endpoint);
  await using watched = await Watched.start([one.url, two.url], {
    targets: ["source"],
  });
  for (const proxy of [one, two]) {
    await proxy.kill();
    for (let i = 0; i < 5; i++) await etcd.write(model.next());
    await watched.agrees(await etcd.content(), 15_000);
    await proxy.launch();
  }
  await watched.isFaultless();
});

/** A client that does not outlive the test. */
class ClosingClient implements Disposable {
  readonly etcd: Etcd3;

  constructor(url: string) {
    this.etcd = new Etcd3({ hosts: url });
  }

  [Symbol.dispose](): void {
    this.etcd.close();
  }
}
