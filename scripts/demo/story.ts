/**
 * What happens in the demo's cluster, over and over: deploys, and trouble that
 * comes and goes by itself.
 *
 * @module
 */
import {
  groupKey,
  type GroupSpec,
  groupValue,
  type InstanceSpec,
  nodeKey,
  nodeValue,
  written,
} from "../cluster.ts";
import type { KeyChange } from "../../lib/store/store.ts";
import { group, GROUPS, instance, MB, node, shop, SIZE } from "./cluster.ts";

/** Something that happens: what to say of it, and what it changes at once. */
export interface Event {
  readonly text: string;
  readonly changes: readonly KeyChange[];
}

/** A lane of the story; nothing happens in it where there is no event. */
type Lane = Generator<Event | undefined, never>;

const now = () => written(Date.now());

function put(key: string, value: string): KeyChange {
  return { key, value: new TextEncoder().encode(value) };
}

function event(text: string, ...groups: GroupSpec[]): Event {
  const changes = groups.map((group) =>
    put(groupKey(group), groupValue(group))
  );
  return { text, changes };
}

/** The group with some instances in another way; the first instance is 1. */
function but(
  spec: GroupSpec,
  instances: readonly number[],
  how: Partial<InstanceSpec>,
): GroupSpec {
  return {
    ...spec,
    updated: now(),
    instances: spec.instances.map((one, i) =>
      instances.includes(i + 1) ? { ...one, updated: now(), ...how } : one
    ),
  };
}

/** `catalog` at a version that has just come, some instances of it still, or again, at another. */
function catalog(
  version: number,
  others: readonly number[] = [],
  how: Partial<InstanceSpec> = {},
): GroupSpec {
  const all = { ...group("catalog.web.web"), version: String(version) };
  return but(but(all, [1, 2, 3, 4, 5, 6], {}), others, how);
}

function* deploys(): Lane {
  const blog = group("blog.worker.feed");
  for (let version = 2;; version = version % 200 + 1) {
    for (let i = 1; i <= 3; i++) {
      yield event(
        `shop: version ${version} rolls out, instance ${i} of 3`,
        shop(version, i),
      );
    }
    yield event(
      "blog: the worker moves from node1 to node3",
      but(blog, [1], { node: node(3), ip: "172.20.0.31" }),
    );
    yield event("shop: instance 2 loses its address", shop(version, 3, 1));
    yield event("shop: instance 2 has its address back", shop(version, 3));
    yield event("blog: the worker moves back to node1", blog);
    yield {
      text: "config: the motd changes",
      changes: [put("/lain/config/motd", `shop is at version ${version}`)],
    };
    yield* deployCatalog(22 + 2 * version);
  }
}

/** A release that is not well is taken back; one instance keeps it for a while. */
function* deployCatalog(version: number): Generator<Event> {
  const next = version + 1;
  const old = { version: String(version), state: "drift" } as const;
  yield event(
    `catalog: version ${next} rolls out, and its first instance does not start`,
    but(catalog(next, [2, 3, 4, 5, 6], old), [1], {
      health: "unhealthy",
      error: "the health check of /healthz says 500",
    }),
  );
  yield event(
    `catalog: back to version ${version}, but instance 4 is at ${next}`,
    catalog(version, [4], { version: String(next), state: "inconsistent" }),
  );
  const last = next + 1;
  const before = { version: String(version), state: "drift" } as const;
  for (const rolled of [2, 4]) {
    const waiting = [1, 2, 3, 4, 5, 6].slice(rolled);
    yield event(
      `catalog: version ${last} rolls out, ${rolled} of 6`,
      catalog(last, waiting, before),
    );
  }
  yield event(`catalog: version ${last} is everywhere`, catalog(last));
}

function* troubles(): Lane {
  for (let version = 41;; version++) {
    yield* crashLoop(version);
    yield* calm(3);
    yield* fullNode();
    yield* calm(3);
    yield* lostNode();
    yield* calm(3);
    yield* rejectedValue();
    yield* calm(3);
  }
}

function* calm(turns: number): Generator<undefined> {
  for (let i = 0; i < turns; i++) yield undefined;
}

/** An instance is killed for memory again and again, until it may have more. */
function* crashLoop(version: number): Generator<Event> {
  const mail = { ...group("mail.worker.send"), version: String(version) };
  const killed = {
    state: "fail",
    health: "unhealthy",
    oom: true,
    error: "container exited with code 137",
  } as const;
  for (let restarts = 1; restarts <= 6; restarts++) {
    const how = { ...killed, restarts, restarted: now() };
    yield event(
      `mail: instance 2 is killed for memory, and restarts, ${restarts}`,
      { ...but(mail, [2], how), ...killed },
    );
  }
  yield event(`mail: version ${version + 1} may have twice the memory`, {
    ...but(mail, [1, 2, 3, 4, 5], {}),
    version: String(version + 1),
    memory: 512 * MB,
  });
}

/** A run that takes more than its node has. */
function* fullNode(): Generator<Event> {
  const wanted = 5;
  const reports = { ...group("reports.worker.nightly"), memory: 12_288 * MB };
  const run = (size: number) => ({
    ...reports,
    updated: now(),
    wanted,
    instances: Array.from(
      { length: size },
      (_, i) => instance(node(12), `172.23.0.${i + 1}`, Date.now()),
    ),
  });
  for (let size = 1; size < wanted; size++) {
    yield event(
      `reports: the nightly run puts instance ${size} of ${wanted}, of 12 GB, on node12`,
      run(size),
    );
  }
  yield event(`reports: there is no place for instance ${wanted}`, {
    ...run(wanted - 1),
    state: "pending",
    error: "no node has 12 GB for another instance",
  });
  yield event("reports: the nightly run is done", {
    ...group("reports.worker.nightly"),
    updated: now(),
  });
}

/**
 * A node is away with all that it ran, some of which moves, and comes back. It
 * is one on which nothing else of the story happens.
 */
function* lostNode(): Generator<Event> {
  const gone = node(8);
  const there = [...GROUPS.values()].filter(({ instances }) =>
    instances.some(({ node }) => node === gone)
  );
  const changed = (how: Partial<InstanceSpec>, groups = there) =>
    groups.map((group) => {
      const here = group.instances.flatMap(({ node }, i) =>
        node === gone ? [i + 1] : []
      );
      return but(group, here, how);
    });
  const missing = {
    ip: "",
    state: "missing",
    health: "none",
    error: "node8 does not respond",
  } as const;
  const lost = event("node8 does not respond", ...changed(missing));
  yield { ...lost, changes: [...lost.changes, { key: nodeKey(gone) }] };
  for (const [i, group] of there.slice(0, 3).entries()) {
    const to = node(9 + i);
    const moved = { node: to, ip: `172.24.0.${i + 1}`, drifts: 1 };
    yield event(
      `${group.app}: what was on node8 moves to ${to.name}`,
      ...changed(moved, [group]),
    );
  }
  const back = event("node8 is back", ...changed({}));
  const value = nodeValue(gone, SIZE.cpus, SIZE.mem);
  yield { ...back, changes: [...back.changes, put(nodeKey(gone), value)] };
}

/** A value that is not JSON is written, and later a valid one. */
function* rejectedValue(): Generator<Event | undefined> {
  const wiki = group("wiki.web.web");
  yield {
    text: "wiki: an invalid value is written, and ignored",
    changes: [put(groupKey(wiki), groupValue(wiki).slice(0, 400))],
  };
  yield* calm(5);
  yield event("wiki: a valid value is written again", but(wiki, [1, 2], {}));
}

/** All that happens, a lane after the other. */
export function* story(): Generator<Event, never> {
  const deploy = deploys();
  const trouble = troubles();
  for (let turn = 0;; turn++) {
    const next = turn % 2 === 0 ? deploy : trouble;
    const event = next.next().value ?? deploy.next().value;
    if (event !== undefined) yield event;
  }
}
