import { assert, assertEquals } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { groupKey, type GroupSpec, groupValue } from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { TestLainlet } from "../util/lainlet.ts";

const NODE = { name: "node2", ip: "192.168.77.22" };

const SHOP: GroupSpec = {
  app: "shop",
  proc: "web.web",
  version: "27",
  wanted: 3,
  state: "drift",
  health: "unhealthy",
  oom: false,
  error: "no node has 16 GB",
  updated: "2026-01-15T11:58:00.000000001Z",
  instances: [
    {
      node: NODE,
      ip: "127.20.1.1",
      version: "26",
      state: "fail",
      health: "unhealthy",
      oom: true,
      error: "killed",
      updated: "2026-01-15T11:59:00Z",
      target: "stop",
      restarts: 417,
      restarted: "2026-01-15T11:59:00+08:00",
      drifts: 2,
    },
    { node: NODE, ip: "", restarted: "0001-01-01T00:00:00Z" },
  ],
};

Deno.test("pods: one object each, with its condition where the store has it", async () => {
  const store = new MemoryStore([[groupKey(SHOP), groupValue(SHOP)]]);
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const client = new Client(lainlet.url);
  const known = { app: "shop", group: "shop.web.web", node: "node2" };
  const pods = await client.get("pods", {});
  // The store does not say since when it has no address.
  const { address: seen = "" } = pods["shop.web.web/2"]?.atLeastSince ?? {};
  assert(Date.parse(seen) <= Date.now());
  assertEquals(pods, {
    "shop.web.web/1": {
      ...known,
      instance: 1,
      proc: "web",
      address: "127.20.1.1",
      port: 8080,
      version: "26",
      state: "fail",
      health: "unhealthy",
      oom: true,
      error: "killed",
      restarts: 417,
      restarted: "2026-01-15T11:59:00+08:00",
      target: "stop",
      updated: "2026-01-15T11:59:00Z",
      wanted: "27",
    },
    "shop.web.web/2": {
      atLeastSince: { address: seen },
      ...known,
      instance: 2,
      proc: "web",
      port: 8080,
      version: "27",
    },
  });
  const { "group/shop/shop.web.web": group } = await client.get("overview", {});
  const { PodInfos: [first, second] = [], ...facts } = group ?? {};
  assertEquals(facts, {
    // A group may be written for other reasons, too.
    AtLeastSince: Object.fromEntries(
      ["Health", "LastError", "Pods", "State"]
        .map((field) => [field, "2026-01-15T11:58:00.000Z"]),
    ),
    Instances: 3,
    State: "drift",
    Health: "unhealthy",
    OOMKilled: false,
    LastError: "no node has 16 GB",
    Updated: "2026-01-15T11:58:00.000000001Z",
  });
  const { Annotation, ContainerInfos, Dependencies, ...rest } = first ?? {};
  assertEquals([Annotation, Dependencies, ContainerInfos?.length], [
    "{}",
    [],
    1,
  ]);
  assertEquals(rest, {
    InstanceNo: 1,
    State: "fail",
    Health: "unhealthy",
    OOMKilled: true,
    LastError: "killed",
    Updated: "2026-01-15T11:59:00Z",
    Target: "stop",
    Restarts: 417,
    Restarted: "2026-01-15T11:59:00+08:00",
    Drifts: 2,
    Version: "26",
    Wanted: "27",
  });
  assertEquals(Object.keys(second ?? {}).sort(), [
    "Annotation",
    "AtLeastSince",
    "ContainerInfos",
    "Dependencies",
    "InstanceNo",
    "Version",
  ]);
  const { body } = await get(`${lainlet.url}/v2/pods`, "127.20.1.1");
  assertEquals(Object.keys(JSON.parse(body)).length, 2);
  const other = await get(`${lainlet.url}/v2/pods?appname=blog`, "127.20.1.1");
  assertEquals(other.status, 403);
});

Deno.test("pods: malformed conditions are left out, and reject nothing", async () => {
  const wrong = [true, "2", -1, 1.5, 10, 1e300, null, [], {}, "2026", "1"];
  const values = wrong.map((value, i): [string, string] => {
    const facts = {
      State: value,
      Healthst: value,
      TargetState: value,
      OOMkilled: value === true ? 1 : value,
      LastError: value === "2" || value === "2026" || value === "1" ? 1 : value,
      UpdatedAt: value,
      RestartCount: value === 10 || value === 1e300 ? -1 : value,
      RestartAt: value,
      DriftCount: value === 10 ? 0.5 : value,
    };
    const Spec = {
      Name: `${i}`,
      Namespace: "a",
      NumInstances: value === 10 ? -1 : value,
      Pod: { Containers: [{}] },
    };
    const Containers = [{ Runtime: { Config: { Image: value } } }];
    const Pods = [{ InstanceNo: 1, Containers, ...facts }];
    return [
      `/lain/deployd/pod_groups/a/${i}`,
      JSON.stringify({ Spec, Pods, ...facts }),
    ];
  });
  await using lainlet = new TestLainlet(new MemoryStore(values));
  await lainlet.ready();
  assertEquals(lainlet.lainlet.cluster.podgroup.rejections, 0);
  const client = new Client(lainlet.url);
  const rows = await client.get("pods", {});
  const groups = await client.get("overview", {});
  for (const i of wrong.keys()) {
    const { atLeastSince = {}, ...row } = rows[`${i}/1`] ?? {};
    assertEquals(row, { app: "a", group: `${i}`, instance: 1 });
    assertEquals(Object.keys(atLeastSince), ["address"]);
    const { PodInfos, ...facts } = groups[`group/a/${i}`] ?? {};
    assertEquals(facts, {}, JSON.stringify(wrong[i]));
    assertEquals(PodInfos?.length, 1);
  }
});
