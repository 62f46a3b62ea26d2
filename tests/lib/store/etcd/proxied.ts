import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import type { TestEtcd } from "../../../util/etcd.ts";
import { Proxy } from "../../../util/proxy.ts";

/** A store whose way to etcd can be cut. */
export function viaProxy(
  etcd: TestEtcd,
  checkEvery?: number,
): { proxy: Proxy; store: EtcdStore } {
  const proxy = new Proxy(etcd.endpoint);
  return { proxy, store: new EtcdStore([proxy.url], { checkEvery }) };
}
