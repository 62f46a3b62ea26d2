import { type Static, Type } from "@sinclair/typebox";
import type { Cluster } from "../lib/watcher/cluster.ts";
import { type Fragment, memberFragment } from "../lib/broadcast/blocks.ts";
import { memo } from "../lib/memo.ts";
import { Group } from "../lib/overview/group.ts";
import {
  allSubtrees,
  CONFIG,
  DEPENDS,
  GROUP,
  NODE,
  type OverviewKind,
} from "../lib/overview/kinds.ts";
import { Portals } from "../lib/overview/service.ts";
import { superOnly } from "../lib/view/select.ts";
import {
  type Entries,
  materialized,
  memberReducer,
} from "../lib/view/materialized.ts";
import type { View, ViewContext } from "../lib/view/view.ts";
import {
  type RuntimeStats,
  RuntimeStatus,
  Sample,
} from "../lib/stats/stats.ts";
import type { Watcher } from "../lib/watcher/watcher.ts";

/** The members of one watcher. */
interface Part {
  watcher(cluster: Cluster): Pick<
    Watcher<object>,
    "receivers" | "revision" | "version"
  >;
  feed(cluster: Cluster): Omit<Entries<Fragment>, "watcher">;
}

/** Each value is encoded once, as a member that can be known again. */
function part<T extends object>(
  { name: kind, watcher, encode }: OverviewKind<T>,
): Part {
  const made = new WeakMap<T, Fragment>();
  const itemOf = (key: string, value: T) =>
    memo(made, value, () => memberFragment([`${kind}/${key}`, encode(value)]));
  return {
    watcher,
    feed: (cluster) => ({
      *all() {
        for (const [key, value] of watcher(cluster).entries("")) {
          const item = itemOf(key, value);
          yield [item.name, item];
        }
      },
      subscribe: (onChange) =>
        watcher(cluster).subscribe("topics", (changes, readAt) => {
          const items = changes.map(({ key, value, previous }) => ({
            key: `${kind}/${key}`,
            value: value && itemOf(key, value),
            previous: previous && itemOf(key, previous),
          }));
          onChange(items, readAt);
        }),
    }),
  };
}

const PARTS = [part(CONFIG), part(DEPENDS), part(GROUP), part(NODE)];

const samples = new WeakMap<Sample, Fragment>();

function* vitalItems(vitals: RuntimeStats): Generator<Fragment> {
  yield memberFragment(["lainlet/present", JSON.stringify(vitals.current)]);
  for (const [time, sample] of vitals.samples) {
    yield memo(
      samples,
      sample,
      () => memberFragment([`sample/${time}`, JSON.stringify(sample)]),
    );
  }
}

/** How lainlet is, and was. */
function vitalFeed(vitals: RuntimeStats): Omit<Entries<Fragment>, "watcher"> {
  const all = () =>
    Array.from(vitalItems(vitals), (item) => [item.name, item] as const);
  return {
    all,
    subscribe(onChange) {
      let known = new Map(all());
      return vitals.subscribe(() => {
        const last = known;
        known = new Map(all());
        const gone = [...last].filter(([name]) => !known.has(name))
          .map(([key, previous]) => ({ key, previous }));
        const fresh = [...known]
          .filter(([name, item]) => last.get(name) !== item)
          .map(([key, value]) => ({ key, value, previous: last.get(key) }));
        onChange([...gone, ...fresh]);
      });
    },
  };
}

/** All of them, as one. */
function feedOf({ cluster, stats: vitals }: ViewContext): Entries<Fragment> {
  const feeds = [
    ...PARTS.map(({ feed }) => feed(cluster)),
    vitalFeed(vitals),
  ];
  return {
    watcher: new Watchers(cluster, vitals),
    *all() {
      for (const feed of feeds) yield* feed.all();
    },
    subscribe(onChange) {
      const ends = feeds.map((feed) => feed.subscribe(onChange));
      return () => {
        for (const end of ends) end();
      };
    },
  };
}

/** What the watchers are together, as far as a stream is concerned. */
class Watchers {
  #receivers = 0;
  readonly #all: readonly ReturnType<Part["watcher"]>[];

  constructor(cluster: Cluster, private readonly vitals: RuntimeStats) {
    this.#all = PARTS.map(({ watcher }) => watcher(cluster));
  }

  get receivers(): number {
    return this.#receivers;
  }

  set receivers(count: number) {
    for (const one of this.#all) one.receivers += count - this.#receivers;
    this.#receivers = count;
  }

  get revision(): number {
    return Math.min(...this.#all.map((one) => one.revision));
  }

  get version(): number {
    return this.#all.reduce((sum, one) => sum + one.version, 0) +
      this.vitals.version;
  }
}

/** What a member's name begins with says what it is. */
interface Overview {
  readonly [name: `config/${string}`]: string;
  readonly [name: `depends/${string}`]: Static<typeof Portals>;
  readonly [name: `group/${string}`]: Static<typeof Group>;
  readonly [name: `node/${string}`]: Readonly<Record<string, unknown>>;
  readonly [name: `sample/${string}`]: Sample;
  readonly "lainlet/present": RuntimeStatus;
}

const Overview = Type.Unsafe<Overview>({
  type: "object",
  properties: { "lainlet/present": RuntimeStatus },
  patternProperties: {
    "^config/": Type.String(),
    "^depends/": Portals,
    "^group/": Group,
    "^node/": Type.Record(Type.String(), Type.Unknown()),
    "^sample/": Sample,
  },
  required: ["lainlet/present"],
  additionalProperties: false,
});

/** Everything: the cluster, and this lainlet. One stream feeds a dashboard. */
export default {
  paths: ["/v2/overview"] as const,
  summary:
    "The whole cluster and this lainlet, as the dashboard needs it; what a member's name begins with says what it is. For super callers.",
  params: {},
  mayAsk: "super",
  answer: Overview,
  isObject: true,
  watcher: allSubtrees,
  select: (query) => superOnly(query, ""),
  source: (state) =>
    materialized(
      "/v2/overview",
      feedOf(state),
      memberReducer((_name, item: Fragment) => ({ items: [item], counts: [] })),
    ),
} satisfies View;
