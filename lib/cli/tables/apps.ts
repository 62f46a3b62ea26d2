import { troublesOf } from "../../client/trouble.ts";
import { groupsOf, type PodGroup } from "./cluster.ts";
import {
  age,
  cell,
  inOrder,
  type Listing,
  listing,
  type Row,
  shortVersion,
} from "./listing.ts";

/** The apps, and how they are. */
export function apps(): Listing {
  return listing("overview", {}, [
    { title: "APP", least: 20, cut: "middle" },
    { title: "WELL", align: "right" },
    { title: "GROUPS", align: "right", spare: 1 },
    { title: "RESTARTS", align: "right" },
    { title: "UPDATED", align: "right" },
    { title: "VERSION", spare: 2, least: 18 },
    { title: "TROUBLE", least: 20 },
  ], (overview) =>
    inOrder(
      [...Map.groupBy(groupsOf(overview), ({ app }) => app)]
        .map(([app, groups]) => rowOf(app, groups)),
    ));
}

function rowOf(app: string, groups: readonly PodGroup[]): Row {
  const pods = groups.flatMap(({ pods }) => pods);
  const troubles = pods.map(troublesOf);
  const well = troubles.filter(({ length }) => length === 0).length;
  const wanted = groups.reduce(
    (sum, { wanted = 0, pods }) => sum + Math.max(wanted, pods.length),
    0,
  );
  const counts = [...Map.groupBy(troubles.flat(), (trouble) => trouble)]
    .map(([trouble, { length }]) => `${length} ${trouble}`);
  if (wanted > pods.length) counts.unshift(`${wanted - pods.length} too few`);
  const versions = [...new Set(pods.map(({ version }) => version))];
  const restarts = sumOf(pods.map(({ restarts }) => restarts));
  const updated = latest(pods.map(({ updated }) => updated));
  const isWell = counts.length === 0;
  return {
    name: app,
    value: {
      app,
      well,
      wanted,
      groups: groups.map(({ name }) => name),
      restarts,
      updated,
      versions,
      trouble: counts,
    },
    cells: [
      cell(app),
      cell(`${well}/${wanted}`, isWell ? "good" : "bad"),
      String(groups.length),
      cell(restarts, restarts ? "bad" : undefined),
      cell(age(updated)),
      cell(versions.map(shortVersion).join(", ")),
      cell(counts.join(", "), "bad"),
    ],
    isWell,
  };
}

/** Undefined when nothing is known. */
function sumOf(counts: readonly (number | undefined)[]): number | undefined {
  const known = counts.filter((count) => count !== undefined);
  return known.length === 0
    ? undefined
    : known.reduce((sum, count) => sum + count, 0);
}

function latest(
  times: readonly (string | number | undefined)[],
): string | number | undefined {
  return times.filter((time) => time !== undefined)
    .toSorted((a, b) => Number(new Date(a)) - Number(new Date(b))).at(-1);
}
