import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as apis from "../../apis/mod.ts";
import { Blocks } from "../../lib/broadcast/blocks.ts";
import { messageFrame } from "../../lib/grpc/message.ts";
import type { StateSource } from "../../lib/broadcast/topics.ts";
import { State } from "../../lib/broadcast/state.ts";
import type { Topic } from "../../lib/broadcast/topic.ts";
import { applyMergePatch } from "../../lib/client/patch.ts";
import { Unavailable } from "../../lib/errors.ts";
import { canonical } from "../../lib/json.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import type { View, ViewDefinition } from "../../lib/view/view.ts";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { Model, Random } from "../util/model.ts";
import { isPatchable, PATHS } from "../util/witness.ts";
import type { Check } from "./check.ts";

/** How often, in changes, every patcher takes the state. */
const AGES = [5, 50];

/** How often, in changes, views that a change does not concern are checked. */
const OTHERS = 20;

const OVERVIEW = "/v2/overview";

const VIEWS = Object.values<unknown>(apis).filter(isView);

function isView(endpoint: unknown): endpoint is View {
  return typeof endpoint === "object" && endpoint !== null &&
    "select" in endpoint;
}

/** A client that patches its state at intervals. */
class Patcher {
  #state?: State;
  #value: unknown;

  take(topic: Topic): void {
    const { latest } = topic;
    if (!(latest instanceof State) || latest === this.#state) return;
    const patch = this.#state && latest.patchFrom(this.#state);
    this.#value = patch === undefined
      ? valueOf(latest)
      : applyMergePatch(this.#value, valueOf(patch));
    this.#state = latest;
    // `assertEquals` takes a tenth of a second for a hundred of them.
    assert(canonical(this.#value) === canonical(valueOf(latest)));
  }
}

function valueOf({ body }: State): unknown {
  return JSON.parse(new TextDecoder().decode(body));
}

/** One view, followed. */
interface Followed {
  readonly name: string;
  readonly source: StateSource;
  readonly topic: Topic;
  readonly patchers: readonly Patcher[];
  /** The version of what it is made of that was looked at. */
  seen: number;
}

function follow({ lainlet }: TestLainlet, path: string): Followed[] {
  const { pathname, searchParams: params } = new URL(path, "http://x");
  const view = VIEWS.find(({ paths }) => paths.includes(pathname));
  assert(view, path);
  const of = (
    name: string,
    view: ViewDefinition,
    isPatched: boolean,
  ): Followed => {
    let topic: Topic | undefined;
    lainlet.views.subscribe({ view, params, peer: "127.0.0.1" }, {
      attach: (attached) => topic = attached,
      fail: (message) => {
        throw new Error(`${name}: ${message}`);
      },
    });
    assert(topic, name);
    const query = lainlet.views.query(params, "127.0.0.1");
    const source = view.source(lainlet, view.select(query));
    const patchers = isPatched ? AGES.map(() => new Patcher()) : [];
    return { name, source, topic, patchers, seen: 0 };
  };
  return [
    of(path, view, isPatchable(path)),
    ...view.rpc
      ? [of(`gRPC of ${path}`, view.rpc.framedBy(messageFrame), false)]
      : [],
  ];
}

/** Compares a materialized state with a recomputed one. */
function assertFresh({ name, source, topic }: Followed): void {
  let { latest } = topic;
  let fresh: State;
  try {
    fresh = source.render();
  } catch (error) {
    assert(error instanceof Unavailable, `${name}: ${error}`);
    assert(latest instanceof Unavailable, name);
    return assertEquals(latest.message, error.message);
  }
  assert(latest instanceof State, name);
  if (name === OVERVIEW) [latest, fresh] = [lasting(latest), lasting(fresh)];
  if (Buffer.compare(latest.bytes, fresh.bytes) !== 0) {
    const text = ({ bytes }: State) => new TextDecoder().decode(bytes);
    assertEquals(text(latest), text(fresh), name);
  }
  if (latest.content instanceof Blocks && fresh.content instanceof Blocks) {
    assertEquals(latest.content.hash, fresh.content.hash, name);
  }
}

/**
 * Compares materialized states with recomputed ones: after each
 * random change, of every view, by HTTP and by gRPC, byte for byte; and patches
 * from states of any age.
 *
 * @param changes how many
 */
export async function compareStates(
  seed: number,
  changes: number,
): Promise<void> {
  const random = new Random(seed);
  const model = new Model(random, true);
  const store = new MemoryStore([["/lain/config/first", ""]]);
  await using lainlet = await new TestLainlet(store).ready();
  const all = [...PATHS, OVERVIEW].flatMap((path) => follow(lainlet, path));
  const encoder = new TextEncoder();
  for (let i = 1; i <= changes; i++) {
    const written = Object.entries(
      random.below(4) === 0 ? rare(random) : model.next(),
    );
    store.commit(written.map(([key, value]) => ({
      key,
      value: typeof value === "string" ? encoder.encode(value) : undefined,
    })));
    const { revision } = store.status;
    while (heard(lainlet) < revision) {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    for (const followed of all) {
      const { version } = followed.source.watcher;
      if (version === followed.seen && i % OTHERS !== 0) continue;
      followed.seen = version;
      assertFresh(followed);
      followed.patchers.forEach((patcher, k) => {
        if (i % (AGES[k] ?? 1) === 0) patcher.take(followed.topic);
      });
    }
  }
}

/** {@linkcode compareStates} of a few changes, with any seed. */
export async function states(check: Check): Promise<void> {
  await check(fc.asyncProperty(
    fc.integer({ min: 1, max: 2 ** 31 - 2 }),
    (seed) => compareStates(seed, 100),
  ));
}

/** What the overview tells of the cluster: lainlet itself changes on its own. */
function lasting({ content }: State): State {
  assert(content instanceof Blocks);
  const items = [...content]
    .filter(({ name }) => !/^(lainlet|sample)\//.test(name));
  return new State(
    Blocks.EMPTY.with(new Map(items.map((item) => [item.name, item]))),
  );
}

/** The last revision that a lainlet took. */
function heard({ lainlet }: TestLainlet): number {
  return Math.max(
    ...Object.values(lainlet.cluster)
      .map(({ lastEvent }) => lastEvent.ModifiedIndex),
  );
}

/** What the model does not do: many apps, names that sort oddly, groups that share a name. */
function rare(random: Random): Record<string, string | null> {
  const app = random.pick(["app1", "\ud83d\ude00", "__proto__"]);
  const spec = {
    app,
    proc: random.pick(["web.web", "worker.job"]),
    port: random.below(3) * 7000,
    annotation: { ports: [{ srcport: random.below(9000), dstport: 1 }] },
    instances: Array.from({ length: random.below(3) }, (_, i) => ({
      node: { name: `node${i}`, ip: `192.168.77.2${i}` },
      ip: random.below(3) === 0 ? "" : `127.22.0.${random.below(250)}`,
    })),
  };
  const key = random.below(2) === 0 ? groupKey(spec) : `${groupKey(spec)}.copy`;
  return { [key]: random.below(3) === 0 ? null : groupValue(spec) };
}
