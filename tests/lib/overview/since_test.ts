import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../lib/client/client.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import {
  groupKey,
  type GroupSpec,
  groupValue,
  type InstanceSpec,
} from "../../../scripts/cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

const NODE = { name: "n1", ip: "192.0.2.1" };
const HOUR = 3_600_000;
const start = Date.now();
const HOUR_AGO = new Date(start - HOUR).toISOString();
const MINUTE_AGO = new Date(start - HOUR / 60).toISOString();

/** A group whose pods are written again and again. */
async function scene(
  spec: Partial<GroupSpec>,
  ...pods: Partial<InstanceSpec>[]
) {
  const valueOf = (spec: Partial<GroupSpec>, pods: Partial<InstanceSpec>[]) =>
    groupValue({
      app: "a",
      proc: "web.web",
      ...spec,
      instances: pods.map((pod, i) => ({
        node: NODE,
        ip: `172.20.0.${i}`,
        ...pod,
      })),
    });
  const key = groupKey({ app: "a", proc: "web.web", instances: [] });
  const store = new MemoryStore([[key, valueOf(spec, pods)]]);
  const lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const read = async () => {
    const { "group/a/a.web.web": group } = await client.get("overview", {});
    const rows = await client.get("pods", {});
    return {
      group,
      pods: group?.PodInfos ?? [],
      row: rows["a.web.web/1"],
    };
  };
  return {
    read,
    async write(spec: Partial<GroupSpec>, ...pods: Partial<InstanceSpec>[]) {
      const { podgroup } = lainlet.lainlet.cluster;
      const { version } = podgroup;
      store.put(key, valueOf(spec, pods));
      await eventually(
        "the group is read",
        () => podgroup.version > version || undefined,
      );
      return await read();
    },
    [Symbol.asyncDispose]: () => lainlet[Symbol.asyncDispose](),
  };
}

/** Whether a time is of this test. */
function isNow(time: string | undefined): boolean {
  const at = Date.parse(time ?? "");
  return at >= start - 1_000 && at <= Date.now();
}

Deno.test("since: a condition that is written again began when it was first written", async () => {
  const starting = { health: "starting", state: "success" } as const;
  await using s = await scene({}, { ...starting, updated: HOUR_AGO });
  const first = await s.read();
  // It has been so since its last update.
  assertEquals([first.pods[0]?.Since, first.row?.since], [
    undefined,
    undefined,
  ]);
  const again = await s.write({}, { ...starting, updated: MINUTE_AGO });
  assertEquals(again.pods[0]?.Since, { Health: HOUR_AGO });
  assertEquals(again.row?.since, { health: HOUR_AGO });
  // Well for a moment, and again, of which only lainlet knows when.
  await s.write({}, { ...starting, health: "healthy", updated: MINUTE_AGO });
  const later = await s.write({}, { ...starting, updated: MINUTE_AGO });
  assert(isNow(later.pods[0]?.Since?.Health));
  // A change that is written with its time is as old as that.
  const fresh = new Date(start - 1_000).toISOString();
  const failed = await s.write({}, { state: "fail", updated: fresh });
  assertEquals(failed.pods[0]?.Since, undefined);
});

Deno.test("since: a restart is seen where the store does not say when it was", async () => {
  await using s = await scene({}, { restarts: 3, updated: HOUR_AGO });
  assertEquals((await s.read()).row?.since, undefined);
  const seen = await s.write({}, { restarts: 4, updated: HOUR_AGO });
  assert(isNow(seen.row?.since?.restarts));
  const same = await s.write({}, { restarts: 4, updated: MINUTE_AGO });
  assertEquals(same.row?.since, seen.row?.since);
  await using other = await scene({}, { restarts: 3 });
  const written = await other.write({}, {
    restarts: 4,
    restarted: MINUTE_AGO,
  });
  assertEquals([written.row?.since, written.row?.restarted], [
    undefined,
    MINUTE_AGO,
  ]);
});

Deno.test("since: without a time of the store it is at least since lainlet saw it", async () => {
  await using s = await scene({}, { ip: "" });
  const { pods: [first] } = await s.read();
  assertEquals(first?.Since, undefined);
  assert(isNow(first?.AtLeastSince?.Address));
  const { pods: [same, added] } = await s.write({}, { ip: "" }, { ip: "" });
  assertEquals(same?.AtLeastSince, first?.AtLeastSince);
  // Of this one it has seen the beginning.
  assert(isNow(added?.Since?.Address));
  // A pod that is not to run needs none.
  const { pods: [stopped] } = await s.write({}, { ip: "", target: "stop" });
  assertEquals([stopped?.Since, stopped?.AtLeastSince], [undefined, undefined]);
});

Deno.test("since: a pod of another release than its group asks for", async () => {
  await using s = await scene({ version: "1" }, { version: "1" });
  assertEquals((await s.read()).pods[0]?.Wanted, undefined);
  const rolled = await s.write({ version: "2" }, { version: "1" });
  assertEquals([rolled.pods[0]?.Version, rolled.pods[0]?.Wanted], ["1", "2"]);
  assertEquals([rolled.row?.version, rolled.row?.wanted], ["1", "2"]);
  assert(isNow(rolled.pods[0]?.Since?.Version));
  const done = await s.write({ version: "2" }, { version: "2" });
  assertEquals(done.pods[0]?.Since, undefined);
});

Deno.test("since: a group has fewer pods than wanted", async () => {
  await using s = await scene(
    { wanted: 2, updated: HOUR_AGO, state: "pending" },
    {},
  );
  // It may have been written for another reason.
  assertEquals((await s.read()).group?.AtLeastSince, {
    Pods: HOUR_AGO,
    State: HOUR_AGO,
  });
  const spec = { wanted: 2, updated: MINUTE_AGO };
  assertEquals((await s.write(spec, {})).group?.AtLeastSince, {
    Pods: HOUR_AGO,
  });
  assertEquals((await s.write(spec, {}, {})).group?.AtLeastSince, undefined);
  assert(isNow((await s.write(spec, {})).group?.Since?.Pods));
});
