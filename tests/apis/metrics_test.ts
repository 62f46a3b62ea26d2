import { assert, assertEquals, assertMatch } from "@std/assert";
import { EtcdStore } from "../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { BUCKET_BOUNDS } from "../../lib/stats/latency.ts";
import { get, Stream } from "../util/client.ts";
import { cluster } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually, freePort } from "../util/process.ts";

/** Reads all samples, by name with labels. */
async function read(lainlet: TestLainlet): Promise<Map<string, number>> {
  const { status, headers, body } = await get(`${lainlet.url}/metrics`);
  assertEquals(status, 200);
  assertMatch(
    headers.get("Content-Type") ?? "",
    /^text\/plain; version=0\.0\.4/,
  );
  return new Map(
    body.split("\n").filter((line) => /^\w/.test(line)).map((line) => {
      const [, name = "", value] = /^(.*) (\S+)$/.exec(line) ?? [];
      return [name, Number(value)];
    }),
  );
}

Deno.test("/metrics passes Prometheus' linter", async () => {
  await using lainlet = new TestLainlet(
    new MemoryStore(Object.entries(cluster)),
  );
  await lainlet.ready();
  await get(`${lainlet.url}/v2/nodes`);
  await using stream = await Stream.open(`${lainlet.url}/v2/nodes?watch=1`);
  await stream.next();
  const { body } = await get(`${lainlet.url}/metrics`);
  const promtool = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = promtool.stdin.getWriter();
  await writer.write(new TextEncoder().encode(body));
  await writer.close();
  const { code, stdout, stderr } = await promtool.output();
  const said = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  assertEquals([code, said], [0, ""]);
});

Deno.test("/metrics counts requests, streams, their events, and the state", async () => {
  const store = new MemoryStore([
    ...Object.entries(cluster),
    ["/lain/config/", "a key without a name"],
  ]);
  store.put("/lain/nodes/nodes/bad:192.0.2.1:22", "not JSON, s3cret");
  await using lainlet = new TestLainlet(store, {
    limits: { listeners: 2, listenersPerAddress: 2 },
  });
  await lainlet.ready();
  const before = await read(lainlet);
  for (
    const path of [
      "/v2/nodes",
      "/v2/nodes/",
      "/v2/procwatcher",
      "/nowhere/1",
      "/nowhere/2",
    ]
  ) {
    await get(lainlet.url + path);
  }
  const url = `${lainlet.url}/v2/configwatcher?watch=1`;
  await using one = await Stream.open(url);
  await using two = await Stream.open(url);
  await Promise.all([one.next(), two.next()]);
  assertEquals((await get(url)).status, 503);
  store.put("/lain/config/a", "1");
  await Promise.all([one.next(), two.next()]);
  const after = await eventually("the deliveries are counted", async () => {
    const samples = await read(lainlet);
    return samples.get("lainlet_deliveries_total") === 4 ? samples : undefined;
  });
  const grown = (name: string) =>
    (after.get(name) ?? NaN) - (before.get(name) ?? 0);
  const refusals = (flag: string) =>
    `lainlet_listeners_refused_total{reason="${flag}"}`;
  const answers = (endpoint: string, code: number) =>
    grown(
      `lainlet_request_duration_seconds_count{endpoint="${endpoint}",code="${code}"}`,
    );
  assertEquals(answers("/v2/nodes", 200), 2);
  assertEquals(answers("/v2/procwatcher", 400), 1);
  // Unknown paths share a label: anyone could create any number of them.
  assertEquals(answers("unknown", 404), 2);
  assertEquals(grown('lainlet_listeners{endpoint="/v2/configwatcher"}'), 2);
  assertEquals(grown(refusals("max.listeners")), 1);
  assertEquals(grown(refusals("max.listeners.per.address")), 0);
  assertEquals(grown("lainlet_topics"), 1);
  assertEquals(grown("lainlet_store_changes_total"), 1);
  assertEquals(grown("lainlet_store_revision"), 1);
  assertEquals(after.get('lainlet_rejected_values{watcher="nodes"}'), 1);
  assertEquals(
    after.get('lainlet_mirror_differences_total{watcher="nodes"}'),
    0,
  );
  assertEquals(after.get('lainlet_store_lag_seconds{watcher="config"}'), 0);
  assertEquals(after.get("lainlet_ready"), 1);
  assert(grown("lainlet_stream_bytes_total") > 1_000);
  assert((after.get("process_cpu_seconds_total") ?? 0) > 0);
  assert((after.get("process_resident_memory_bytes") ?? 0) > 1e7);
  const { body } = await get(`${lainlet.url}/metrics`);
  for (const value of ["s3cr3t-7", "s3cret", "/nowhere"]) {
    assert(!body.includes(value), value);
  }
});

Deno.test("/metrics counts no wait as the duration of a request, whether it succeeds or times out", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = await new TestLainlet(store).ready();
  const answer = await get(`${lainlet.url}/v2/nodes?revision=1000000`);
  assertEquals(answer.status, 503);
  const samples = await read(lainlet);
  const of = (figure: string) =>
    samples.get(
      `lainlet_request_duration_seconds_${figure}{endpoint="/v2/nodes",code="503"}`,
    );
  assertEquals(of("count"), 1);
  // It waited for 5 s.
  assert((of("sum") ?? NaN) < 2.5, String(of("sum")));
});

Deno.test("/metrics has a histogram of delivery latency", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = await new TestLainlet(store).ready();
  const NAME = "lainlet_delivery_delay_seconds";
  const path = `${lainlet.url}/v2/overview?watch=1&patch=merge&heartbeat=1`;
  await using stream = await Stream.open(path);
  // A first state, and lainlet's own status, which changes each second.
  for (const kinds = new Set(); kinds.size < 3;) {
    kinds.add((await stream.next())?.event);
  }
  const none = await read(lainlet);
  assertEquals([none.get(`${NAME}_count`), none.get(`${NAME}_sum`)], [0, 0]);
  store.put("/lain/config/a", "1");
  const some = await eventually("a change is delivered", async () => {
    const samples = await read(lainlet);
    return samples.get(`${NAME}_count`) === 1 ? samples : undefined;
  });
  const sum = some.get(`${NAME}_sum`) ?? 0;
  assert(sum > 0 && sum < 10, `${sum}`);
  const buckets = [...some].filter(([name]) => name.startsWith(`${NAME}_b`));
  assertEquals(buckets.length, BUCKET_BOUNDS.length + 1);
  for (const [i, [name, count]] of buckets.entries()) {
    const bound = BUCKET_BOUNDS[i] ?? Infinity;
    const le = bound === Infinity ? "+Inf" : bound;
    assertEquals(name, `${NAME}_bucket{le="${le}"}`);
    assertEquals([le, count], [le, sum <= bound ? 1 : 0]);
  }
});

Deno.test("/metrics: the lag of a store that was never read is infinite", async () => {
  const nobody = `http://127.0.0.1:${freePort()}`;
  await using lainlet = new TestLainlet(new EtcdStore([nobody]));
  const { status, body } = await get(`${lainlet.url}/metrics`);
  assertEquals(status, 200);
  assertMatch(body, /^lainlet_store_lag_seconds\{watcher="config"\} \+Inf$/m);
  assertMatch(body, /^lainlet_ready 0$/m);
});
