import { get } from "../../tests/util/client.ts";
import type { TestEtcd } from "../../tests/util/etcd.ts";
import { eventually } from "../../tests/util/process.ts";
import {
  type Floor,
  type Load,
  startFloor,
  startLainlet,
  startLoad,
} from "./processes.ts";
import { NUMBER, writeCluster } from "../../tests/fixtures/many_groups.ts";
import type { Settings } from "./table.ts";

/** A state that is sent, and to how many. */
export interface Work {
  readonly name: string;
  readonly path: string;
  readonly key: string;
  /** With a number in it, which is another one for each state. */
  readonly value: string;
  readonly listeners: number;
  /** The state as lainlet sends it. */
  readonly data: string;
}

/** Small states to few and many, large ones, and that of a whole cluster. */
export async function prepareWorks(etcd: TestEtcd): Promise<Work[]> {
  const config = (listeners: number, name: string, length: number) => ({
    name,
    path: "/v2/configwatcher?target=bench&watch=1",
    key: "/lain/config/bench",
    value: "x".repeat(length - NUMBER.length) + NUMBER,
    listeners,
  });
  const works = [
    config(100, "200 B", 150),
    config(1_000, "200 B", 150),
    config(10_000, "200 B", 150),
    config(1_000, "64 KB", 65_480),
    {
      ...await writeCluster(etcd, 1_000),
      name: "1,000 pod groups",
      path: "/v2/coreinfowatcher?watch=1",
      listeners: 100,
    },
  ];
  await using lainlet =
    (await startLainlet({ target: "source" }, etcd, 1)).lainlet;
  const prepared: Work[] = [];
  for (const work of works) {
    await etcd.write({ [work.key]: work.value });
    const path = work.path.replace("watch=1", "");
    const data = await eventually("lainlet has the state", async () => {
      const { body } = await get(lainlet.url + path);
      return body.length > work.value.length ? body : undefined;
    });
    prepared.push({ ...work, data });
  }
  return prepared;
}

/** Measures bare writes of a state to its listeners. */
export async function onFloor<T>(
  { listeners: count }: Work,
  measure: (floor: Floor, load: Load) => Promise<T>,
): Promise<T> {
  await using floor = startFloor();
  await using load = await startLoad();
  const port = await floor.call("listen", null);
  await load.call("listen", { port, path: "/", count, first: false });
  await floor.call("accepted", count);
  return await measure(floor, load);
}

/** Measures lainlet with a state's listeners. */
export async function onLainlet<T>(
  settings: Settings,
  etcd: TestEtcd,
  { listeners: count, path }: Work,
  workers: number,
  measure: (load: Load, pid: number, url: string) => Promise<T>,
): Promise<T> {
  const { lainlet, port, pid } = await startLainlet(settings, etcd, workers);
  await using _lainlet = lainlet;
  await using load = await startLoad(etcd);
  await load.call("listen", { port, path, count, first: true });
  return await measure(load, pid, lainlet.url);
}
