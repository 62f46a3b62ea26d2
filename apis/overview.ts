import { type Static, Type } from "@sinclair/typebox";
import type { Cluster } from "../lib/watcher/cluster.ts";
import type { Member } from "../lib/json.ts";
import { memo } from "../lib/memo.ts";
import { superOnly } from "../lib/view/select.ts";
import type { View } from "../lib/view/view.ts";
import { Sample, Vital, type Vitals } from "../lib/vitals/vitals.ts";
import type { Change, Watcher } from "../lib/watcher/watcher.ts";
import { encodeGroup, Group } from "./coreinfowatcher.ts";
import { encodeService, Service } from "./depends.ts";

type Watched = Pick<
  Watcher<object>,
  | "age"
  | "isSynced"
  | "receivers"
  | "saved"
  | "subscribe"
  | "synced"
  | "version"
>;

/** Some of the members: those of one watcher. */
interface Part {
  watcher(cluster: Cluster): Watched;
  members(cluster: Cluster): Iterable<Member>;
}

/** Each value is encoded once, as a member that can be known again. */
function part<T extends object>(
  kind: string,
  watcher: (cluster: Cluster) => Watcher<T>,
  encode: (value: T) => string,
): Part {
  const made = new WeakMap<T, Member>();
  return {
    watcher,
    *members(cluster) {
      for (const [key, value] of watcher(cluster).entries("")) {
        yield memo(made, value, () => [`${kind}/${key}`, encode(value)]);
      }
    },
  };
}

const PARTS = [
  part("config", (c) => c.config, ({ value }) => JSON.stringify(value)),
  part("depends", (c) => c.depends, encodeService),
  part("group", (c) => c.podgroup, encodeGroup),
  part("node", (c) => c.nodes, ({ json }) => json),
];

const samples = new WeakMap<Sample, Member>();

function* vitalMembers(vitals: Vitals): Generator<Member> {
  yield ["lainlet/present", JSON.stringify(vitals.present)];
  for (const [time, sample] of vitals.samples) {
    yield memo(samples, sample, () => [
      `sample/${time}`,
      JSON.stringify(sample),
    ]);
  }
}

/** What the watchers are together, as far as a stream is concerned. */
class Watchers {
  #receivers = 0;
  readonly #all: readonly Watched[];

  constructor(cluster: Cluster, private readonly vitals: Vitals) {
    this.#all = PARTS.map(({ watcher }) => watcher(cluster));
  }

  get receivers(): number {
    return this.#receivers;
  }

  set receivers(count: number) {
    for (const one of this.#all) one.receivers += count - this.#receivers;
    this.#receivers = count;
  }

  get version(): number {
    return this.#all.reduce((sum, one) => sum + one.version, 0) +
      this.vitals.version;
  }
}

/** What a member's name begins with says what it is. */
interface Overview {
  readonly [name: `config/${string}`]: string;
  readonly [name: `depends/${string}`]: Static<typeof Service>;
  readonly [name: `group/${string}`]: Static<typeof Group>;
  readonly [name: `node/${string}`]: Readonly<Record<string, unknown>>;
  readonly [name: `sample/${string}`]: Sample;
  readonly "lainlet/present": Vital;
}

const Overview = Type.Unsafe<Overview>({
  type: "object",
  properties: { "lainlet/present": Vital },
  patternProperties: {
    "^config/": Type.String(),
    "^depends/": Service,
    "^group/": Group,
    "^node/": Type.Record(Type.String(), Type.Unknown()),
    "^sample/": {
      ...Sample,
      description: "Up to a time in seconds since 1970.",
    },
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
  answer: Overview,
  isObject: true,
  watcher: (cluster) => {
    const all = PARTS.map(({ watcher }) => watcher(cluster));
    return {
      age: () => Math.max(...all.map((one) => one.age())),
      saved: () => all.map((one) => one.saved()).find((file) => file),
      isSynced: all.every((one) => one.isSynced),
      synced: Promise.all(all.map((one) => one.synced)).then(() => {}),
    };
  },
  select: (query) => superOnly(query, ""),
  source({ cluster, vitals }) {
    return {
      id: "/v2/overview",
      watcher: new Watchers(cluster, vitals),
      render: () => [
        ...PARTS.flatMap(({ members }) => [...members(cluster)]),
        ...vitalMembers(vitals),
      ],
      subscribe(onChange) {
        const ends = PARTS.map(({ watcher }) =>
          watcher(cluster).subscribe((changes) =>
            onChange(changes.some(isWritten) ? "update" : "delete")
          )
        );
        ends.push(vitals.subscribe(() => onChange("update")));
        return () => {
          for (const end of ends) end();
        };
      },
    };
  },
} satisfies View;

function isWritten({ value }: Change<unknown>): boolean {
  return value !== undefined;
}
