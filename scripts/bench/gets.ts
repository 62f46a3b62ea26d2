import { get } from "../../tests/util/client.ts";
import { TestEtcd } from "../../tests/util/etcd.ts";
import { cpuOf, startLainlet, startLoad, WORKERS } from "./processes.ts";
import { writeCluster } from "../../tests/fixtures/many_groups.ts";
import { figure, type Settings, type Table } from "./table.ts";

const CHANGING = "one app, 10 changes a second elsewhere";

/** Answers a second, on 16 connections. */
export async function gets(settings: Settings): Promise<Table> {
  await using etcd = await TestEtcd.start();
  const change = await writeCluster(etcd, 1_000);
  await etcd.write({ "/lain/config/bench": "x".repeat(150) });
  const rows: string[][] = [];
  for (const workers of WORKERS) {
    const { lainlet, port, pid } = await startLainlet(settings, etcd, workers);
    await using _lainlet = lainlet;
    await using load = await startLoad();
    await using writer = await startLoad(etcd);
    const whole = "/v2/coreinfowatcher";
    const etag = (await get(lainlet.url + whole, "127.0.0.1", {
      headers: { "Accept-Encoding": "identity" },
    })).headers.get("etag");
    const asks = [
      ["one config key", "/v2/configwatcher?target=bench", ""],
      ["one app", `${whole}?appname=app00500`, ""],
      ["1,000 pod groups", whole, ""],
      ["the same, gzip", whole, "Accept-Encoding: gzip\r\n"],
      ["the same, 304", whole, `If-None-Match: ${etag}\r\n`],
      [CHANGING, `${whole}?appname=app00500`, ""],
    ] as const;
    for (const [i, [name, path, headers]] of asks.entries()) {
      const ask = { port, path, headers, connections: 16 };
      await load.call("gets", { ...ask, seconds: 0.5 });
      const writing = name === CHANGING &&
        writer.call("run", { ...change, seconds: settings.seconds, rate: 10 });
      const before = await cpuOf(pid);
      const { seconds } = settings;
      const perSecond = await load.call("gets", { ...ask, seconds });
      await writing;
      const cpu = (await cpuOf(pid) - before) / perSecond / seconds;
      rows[i] ??= [name];
      rows[i].push(`${figure(perSecond)}/s, ${figure(cpu)} µs`);
    }
  }
  return {
    head: ["GET of", ...WORKERS.map((workers) => `--workers ${workers}`)],
    rows,
  };
}
