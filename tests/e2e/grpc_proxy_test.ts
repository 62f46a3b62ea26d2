/**
 * An `etcd grpc-proxy` between lainlet and etcd.
 *
 * @module
 */
import { TestEtcd } from "../util/etcd.ts";
import { NOTICED } from "../util/faults.ts";
import { GrpcProxy } from "../util/grpc_proxy.ts";
import { Model, Random } from "../util/model.ts";
import { Watched } from "../util/watched.ts";

Deno.test("through a grpc-proxy: etcd is restored, restarts, and the proxy restarts", async (t) => {
  await using etcd = await TestEtcd.start();
  const model = new Model(new Random(3), false);
  for (let i = 0; i < 30; i++) await etcd.write(model.next());
  await using proxy = await GrpcProxy.start(etcd.endpoint);
  await using watched = await Watched.start([proxy.url], {
    targets: ["source"],
  });
  let beat = 0;
  const follows = async () => {
    for (let i = 0; i < 10; i++) {
      await etcd.write({ ...model.next(), "/lain/config/beat": `${++beat}` });
    }
    await watched.agrees(await etcd.content());
  };
  await t.step("it is followed", async () => {
    for (let i = 0; i < 5; i++) await follows();
  });
  await t.step("an older snapshot is restored", async () => {
    const file = await Deno.makeTempFile();
    await etcd.save(file);
    await follows();
    await etcd.restore(file);
    await follows();
    await Deno.remove(file);
  });
  await t.step("etcd restarts", async () => {
    for (let i = 0; i < 3; i++) {
      await etcd.kill();
      await etcd.launch();
      await follows();
    }
  });
  await t.step("the proxy restarts", async () => {
    for (let i = 0; i < 3; i++) {
      await proxy.kill();
      await proxy.launch();
      await follows();
    }
  });
  await t.step("etcd is paused", async () => {
    etcd.pause();
    await watched.noticed(NOTICED);
    etcd.resume();
    await follows();
  });
  await watched.isFaultless({ mayMiss: true });
});
