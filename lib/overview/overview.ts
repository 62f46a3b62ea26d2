import type { Member } from "../json.ts";
import { memo } from "../memo.ts";
import type { RuntimeStats, Sample } from "../stats/stats.ts";
import type { Cluster } from "../watcher/cluster.ts";
import type { Entries } from "../watcher/entries.ts";
import type { Watcher } from "../watcher/watcher.ts";
import type { PodGroup } from "../watcher/podgroup.ts";
import { CONFIG, DEPENDS, GROUP, NODE, type OverviewKind } from "./kinds.ts";
import { groupSince, podSince, type SinceTimes } from "./since.ts";
import { groupJson, wantedVersion } from "./values.ts";

/** A member of the overview. The same object stands for a value as long as the value exists. */
export class OverviewMember {
  /** @param encode makes the value's JSON text, which is not kept */
  constructor(readonly name: string, private readonly encode: () => string) {}

  get member(): Member {
    return [this.name, this.encode()];
  }
}

/** The members of one kind, or of the runtime statistics. */
type Part = Pick<Entries<OverviewMember>, "all" | "subscribe">;

/** The whole cluster and the runtime statistics as members of one object, by name. */
export function overviewEntries(
  cluster: Cluster,
  stats: RuntimeStats,
): Entries<OverviewMember> {
  const parts = [...KINDS.map(({ part }) => part(cluster)), statsPart(stats)];
  return {
    watcher: new CombinedWatcher(cluster, stats),
    *all() {
      for (const part of parts) yield* part.all();
    },
    subscribe(onChange) {
      const ends = parts.map((part) => part.subscribe(onChange));
      return () => {
        for (const end of ends) end();
      };
    },
  };
}

const KINDS = [
  kindPart(CONFIG),
  kindPart(DEPENDS),
  kindPart({ ...GROUP, encode: encodeGroup }),
  kindPart(NODE),
];

/** A group with what lainlet makes of its value: since when it is in trouble, and what differs from its specification. */
function encodeGroup(group: PodGroup): string {
  const { PodInfos, ...facts } = groupJson(group);
  return JSON.stringify({
    PodInfos: PodInfos.map((info, i) => {
      const pod = group.pods[i];
      const [first] = pod?.containers ?? [];
      return {
        ...info,
        ...sinceJson(podSince(group, i)),
        Port: first?.port === first?.spec.expose ? undefined : first?.port,
        Wanted: pod && wantedVersion(group, pod),
      };
    }),
    ...facts,
    ...sinceJson(groupSince(group)),
  });
}

function sinceJson({ atLeastSince, since }: SinceTimes) {
  return { Since: since, AtLeastSince: atLeastSince };
}

function kindPart<T extends object>(
  { name, watcher, encode }: OverviewKind<T>,
): {
  watcher(cluster: Cluster): Pick<
    Watcher<unknown>,
    "receivers" | "revision" | "version"
  >;
  part(cluster: Cluster): Part;
} {
  const members = new WeakMap<T, OverviewMember>();
  const memberOf = (key: string, value: T) =>
    memo(
      members,
      value,
      () => new OverviewMember(`${name}/${key}`, () => encode(value)),
    );
  return {
    watcher,
    part: (cluster) => ({
      *all() {
        for (const [key, value] of watcher(cluster).entries("")) {
          const member = memberOf(key, value);
          yield [member.name, member];
        }
      },
      subscribe: (onChange) =>
        watcher(cluster).subscribe("topics", (changes, readAt) => {
          const members = changes.map(({ key, value, previous }) => ({
            key: `${name}/${key}`,
            value: value && memberOf(key, value),
            previous: previous && memberOf(key, previous),
          }));
          onChange(members, readAt);
        }),
    }),
  };
}

const samples = new WeakMap<Sample, OverviewMember>();

function* statsMembers(stats: RuntimeStats): Generator<OverviewMember> {
  yield new OverviewMember(
    "lainlet/present",
    () => JSON.stringify(stats.current),
  );
  for (const [time, sample] of stats.samples) {
    yield memo(
      samples,
      sample,
      () => new OverviewMember(`sample/${time}`, () => JSON.stringify(sample)),
    );
  }
}

/** The present runtime statistics, which differ each time, and the samples of the last hour. */
function statsPart(stats: RuntimeStats): Part {
  const all = () =>
    Array.from(statsMembers(stats), (one) => [one.name, one] as const);
  return {
    all,
    subscribe(onChange) {
      let known = new Map(all());
      return stats.subscribe(() => {
        const last = known;
        known = new Map(all());
        const removed = [...last].filter(([name]) => !known.has(name))
          .map(([key, previous]) => ({ key, previous }));
        const written = [...known]
          .filter(([name, member]) => last.get(name) !== member)
          .map(([key, value]) => ({ key, value, previous: last.get(key) }));
        onChange([...removed, ...written]);
      });
    },
  };
}

/** All watchers and the runtime statistics as one watcher, for a topic. */
class CombinedWatcher {
  #receivers = 0;
  readonly #watchers;

  constructor(cluster: Cluster, private readonly stats: RuntimeStats) {
    this.#watchers = KINDS.map(({ watcher }) => watcher(cluster));
  }

  get receivers(): number {
    return this.#receivers;
  }

  set receivers(count: number) {
    for (const one of this.#watchers) {
      one.receivers += count - this.#receivers;
    }
    this.#receivers = count;
  }

  get revision(): number {
    return Math.min(...this.#watchers.map((one) => one.revision));
  }

  get version(): number {
    return this.#watchers.reduce((sum, one) => sum + one.version, 0) +
      this.stats.version;
  }
}
