import { assert, assertEquals, assertMatch } from "@std/assert";
import { apps } from "../../../lib/cli/tables.ts";
import { Client } from "../../../lib/client/client.ts";
import { type Issue, issuesOf } from "../../../lib/model/issues.ts";
import { unlimitedText } from "../../../lib/model/format.ts";
import { type Model, modelOf } from "../../../lib/model/mod.ts";
import {
  appSummary,
  isOvercommitted,
  nodeSummary,
  podCounts,
  readyText,
  summaryText,
} from "../../../lib/model/status.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { LARGE, largeCluster } from "../../fixtures/large_cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";

/** The model of a store's content, at a time in ms since 1970. */
async function modelFor(
  content: Iterable<readonly [string, string]>,
  now = Date.now(),
) {
  await using lainlet = await new TestLainlet(new MemoryStore(content)).ready();
  return modelOf(await new Client(lainlet.url).get("overview", {}), now);
}

Deno.test("model: a large cluster's problems are found, and each leads to where it is", async () => {
  const now = Date.now();
  const model = await modelFor([
    ...largeCluster(now),
    ["/lain/nodes/nodes/bad:192.0.2.99:22", "not JSON"],
  ], now);
  assertEquals([model.nodes.size, model.apps.size, model.pods.length], [
    LARGE.nodes,
    LARGE.apps,
    LARGE.containers,
  ]);
  const [pods, short, nodes, values, ...others] = issuesOf(model);
  assertEquals(others, []);
  const lost = LARGE.withoutAddress - LARGE.stopped;
  // The one of an old release is in drift.
  assertEquals(pods?.title, `${lost + 2} pods have a problem, in 151 groups`);
  assertEquals(pods?.all, { path: ["pods"], params: { state: "bad" } });
  const [worst] = pods?.items ?? [];
  assertEquals(worst?.name, "invoices.worker.pdf/1");
  assertEquals(
    worst?.reason(now),
    "killed for memory 40 s ago, failed for 40 s, unhealthy, " +
      "restarted 40 s ago (417 total), " +
      "last error 40 s ago: container exited with code 137: killed for memory",
  );
  assert(pods?.parts.some(({ text }) => text === `${lost} without an address`));
  assertEquals(short?.title, "1 group has fewer pods than wanted");
  const textsOf = (issue: Issue | undefined) =>
    issue?.items.map(({ name, path, reason }) => [name, reason(now), path]);
  assertEquals(textsOf(short), [[
    LARGE.short.group,
    "3 of 12 for at least 12 d: no node has 16 GB for another instance",
    ["app", LARGE.short.app],
  ]]);
  const [[node, crowded, path] = []] = textsOf(nodes) ?? [];
  assertEquals([node, path], [
    LARGE.crowded.node,
    ["node", LARGE.crowded.node],
  ]);
  assertMatch(
    String(crowded),
    /^memory: 151 of 8 GB reserved for at least \d+ s$/,
  );
  const [invalid, ...more] = values?.items ?? [];
  assertMatch(invalid?.reason(now) ?? "", /^invalid for .+: not JSON$/);
  assertEquals(more, []);
  // Its pods' limits for CPU are not set, which is not the same as 0.
  assertEquals(
    unlimitedText(model.nodes.get(LARGE.crowded.node)?.cpu ?? { limits: 0 }),
    "50 without a limit",
  );
  assertEquals([...model.nodes.values()].filter(isOvercommitted).length, 1);
  const { mixed } = LARGE;
  const [, ...versions] = new Set(
    model.pods.filter(({ group }) => group === mixed.group)
      .map(({ version }) => version),
  );
  assertEquals(versions.length, 1);
  // In natural order.
  assertEquals([...model.nodes.keys()].slice(0, 11).at(-1), "node11");
});

Deno.test("model: a healthy cluster has no issues, and what the store does not report is none", async () => {
  const container = { NodeName: "n1", ContainerIp: "172.20.0.1" };
  const pod = { InstanceNo: 1, Containers: [container] };
  const spec = { Name: "a.web.web", Namespace: "a", Pod: { Containers: [{}] } };
  const stopped = {
    InstanceNo: 2,
    Containers: [{ ...container, ContainerIp: "" }],
    State: 3,
    TargetState: 1,
  };
  const group = [
    "/lain/deployd/pod_groups/a/a.web.web",
    JSON.stringify({ Spec: spec, Pods: [pod, stopped] }),
  ] as const;
  const model = await modelFor([
    group,
    ["/lain/nodes/nodes/n1:192.0.2.1:22", '{"cpus":"4","mem":8}'],
  ]);
  assertEquals(issuesOf(model), []);
  assertEquals(model.pods.map(({ isStopped }) => isStopped), [false, true]);
  const { cpu, memory } = model.nodes.get("n1") ?? {};
  assertEquals([cpu?.capacity, memory?.capacity], [4, 8 * 2 ** 30]);

  // The same on a node that the scheduler does not know, or no longer.
  const lost = await modelFor([group]);
  const [issue, ...others] = issuesOf(lost);
  assertEquals(issue?.title, "1 node runs pods but is not registered");
  assertEquals(others, []);
  assertEquals(issue?.items.map(({ name, path }) => [name, path]), [
    ["n1", ["node", "n1"]],
  ]);
});

Deno.test("model: since when a node is not registered and a value is invalid", async () => {
  const HOUR = 3_600_000;
  const node = { name: "n1", ip: "192.0.2.1" };
  const group = {
    app: "a",
    proc: "web.web",
    instances: [{ node, ip: "172.20.0.1" }],
  };
  await using lainlet = await new TestLainlet(
    new MemoryStore([
      [groupKey(group), groupValue(group)],
      ["/lain/nodes/nodes/bad:192.0.2.9:22", "not JSON"],
    ]),
  ).ready();
  const overview = await new Client(lainlet.url).get("overview", {});
  const present = overview["lainlet/present"];
  const now = Date.now();
  const ago = (hours: number) => new Date(now - hours * HOUR).toISOString();
  const textsAt = (changed: Partial<typeof present>) => {
    const model = modelOf(
      { ...overview, "lainlet/present": { ...present, ...changed } },
      now,
    );
    const { nodes } = model;
    const [n1] = [...nodes.values()];
    return [
      ...issuesOf(model).flatMap(({ items }) =>
        items.map(({ name, reason }) => `${name}: ${reason(now)}`)
      ),
      n1 && summaryText(nodeSummary(n1), now),
    ];
  };
  const invalid = Object.keys(present.rejected);
  const [[bad, reason] = []] = Object.entries(present.rejected);
  assertEquals(invalid, ["nodes: bad:192.0.2.9:22"]);
  const history = { begin: ago(9), gaps: [] };
  // It was never registered, as far as lainlet knows.
  assertEquals(
    textsAt({
      history,
      rejectedSince: { [`${bad}`]: { time: ago(2), isAtLeast: true } },
    }),
    [
      "n1: not registered for at least 9 h, 1 pod there",
      `${bad}: invalid for at least 2 h: ${reason}`,
      "not registered for at least 9 h",
    ],
  );
  // The newest first.
  const [, ...names] = textsAt({
    rejected: { a: "?", b: "?", c: "?" },
    rejectedSince: {
      a: { time: ago(2), isAtLeast: false },
      b: { time: ago(1), isAtLeast: false },
    },
  });
  assertEquals(names.slice(0, -1), [
    "b: invalid for 1 h: ?",
    "a: invalid for 2 h: ?",
    "c: invalid: ?",
  ]);
  // Errors of lainlet itself.
  assertEquals(
    textsAt({
      history,
      problems: ["etcd has no leader", "the disk is full"],
      problemsSince: {
        "the disk is full": { time: ago(3), isAtLeast: false },
      },
      rejected: {},
    }).slice(0, 2),
    ["lainlet: etcd has no leader", "lainlet: error for 3 h: the disk is full"],
  );
  // It was removed with one address, and again with another one.
  assertEquals(
    textsAt({
      history,
      rejectedSince: { [`${bad}`]: { time: ago(2), isAtLeast: false } },
      unregisteredSince: {
        "n1:192.0.2.1:22": { time: ago(3), isAtLeast: false },
        "n1:192.0.2.2:22": { time: ago(5), isAtLeast: true },
        "n2:192.0.2.2:22": { time: ago(1), isAtLeast: false },
      },
    }),
    [
      "n1: not registered for 3 h, 1 pod there",
      `${bad}: invalid for 2 h: ${reason}`,
      "not registered for 3 h",
    ],
  );
});

Deno.test("model: of an overcommitted node it is known since when, for each resource", async () => {
  const now = Date.now();
  const node = { name: "n1", ip: "192.0.2.1" };
  const pod = {
    app: "a",
    proc: "web.web",
    cpu: 3,
    memory: 3 * 2 ** 30,
    instances: [{ node, ip: "172.20.0.1" }],
  };
  const lainlet = new TestLainlet(
    new MemoryStore([
      ["/lain/nodes/nodes/n1:192.0.2.1:22", '{"cpus":"2","mem":2}'],
      [groupKey(pod), groupValue(pod)],
    ]),
  );
  await using _lainlet = await lainlet.ready();
  const overview = await new Client(lainlet.url).get("overview", {});
  const present = overview["lainlet/present"];
  const since = (hours: number, isAtLeast: boolean) => ({
    time: new Date(now - hours * 3_600_000).toISOString(),
    isAtLeast,
  });
  const modelAt = (
    n1: typeof present.overcommittedSince[string],
    last?: Model,
  ) =>
    modelOf(
      {
        ...overview,
        "lainlet/present": { ...present, overcommittedSince: { n1 } },
      },
      now,
      last,
    );
  const textsOf = (model: Model) => [
    ...issuesOf(model).flatMap(({ items }) =>
      items.map(({ reason }) => reason(now))
    ),
    ...Array.from(
      model.nodes.values(),
      (one) => summaryText(nodeSummary(one), now),
    ),
  ];
  const model = modelAt({ CPU: since(2, false), memory: since(1, true) });
  assertEquals(textsOf(model), [
    "memory: 3 of 2 GB reserved for at least 1 h, CPU: 3 of 2 reserved for 2 h",
    "memory overcommitted for at least 1 h, CPU overcommitted for 2 h",
  ]);
  // The node is the same object until one of the times is another.
  const same = { CPU: since(2, false), memory: since(1, true) };
  assertEquals(modelAt(same, model).nodes === model.nodes, true);
  const other = modelAt({ CPU: since(2, false) }, model);
  assertEquals(textsOf(other), [
    "memory: 3 of 2 GB reserved, CPU: 3 of 2 reserved for 2 h",
    "memory overcommitted, CPU overcommitted for 2 h",
  ]);
});

Deno.test("model: the command line and the dashboard count the same pods", async () => {
  const node = { name: "n1", ip: "192.0.2.1" };
  const group = (count: number, lost: number, wanted?: number) => ({
    app: `app${count}`,
    proc: "web.web",
    wanted,
    instances: Array.from({ length: count }, (_, i) => ({
      node,
      ip: i < lost ? "" : `172.20.0.${i}`,
    })),
  });
  const cases: [
    group: ReturnType<typeof group>,
    ready: string,
    text: string,
  ][] = [
    [group(4, 0, 2), "4/2", "OK"],
    [group(3, 1, 12), "2/12", "9 too few, 1 no address"],
    [group(2, 0), "2/2", "OK"],
    [group(1, 1, 1), "0/1", "1 no address"],
    [
      {
        ...group(5, 0),
        instances: group(5, 0).instances.map((one, i) => ({
          ...one,
          restarts: 10 + i,
          restarted: new Date(Date.now() - 5_000).toISOString(),
        })),
      },
      "0/5",
      "5 restarted",
    ],
  ];
  const store = new MemoryStore(
    cases.map(([one]): [string, string] => [groupKey(one), groupValue(one)]),
  );
  await using lainlet = await new TestLainlet(store).ready();
  const client = new Client(lainlet.url);
  const model = modelOf(await client.get("overview", {}));
  const rows = await apps().read(client);
  for (const [{ app: name }, ready, text] of cases) {
    const app = model.apps.get(name);
    assert(app);
    const row = rows.find((row) => row.name === name);
    const cells = row?.cells.map((cell) =>
      typeof cell === "string" ? cell : cell.text
    ) ?? [];
    const summary = appSummary(app);
    assertEquals([readyText(podCounts(app.groups)), summaryText(summary)], [
      ready,
      text,
    ]);
    assertEquals(cells[1], ready);
    // The table says since when, too.
    const said = cells.at(-1)?.replace(/ (for|\d+ s|ago|at least)/g, "");
    assertEquals(said, text);
  }
});
