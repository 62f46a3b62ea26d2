import { type App, modelOf } from "../../model/mod.ts";
import { shortVersion } from "../../model/format.ts";
import { age, cell, type Listing, listing, type Row } from "./listing.ts";
import { shortly } from "./pods.ts";

/** The apps, and how they are. */
export function apps(): Listing {
  return listing("overview", {}, [
    { title: "APP", least: 20, cut: "middle" },
    { title: "WELL", align: "right" },
    { title: "GROUPS", align: "right", spare: 1 },
    { title: "RESTARTS", align: "right" },
    { title: "UPDATED", align: "right" },
    { title: "VERSION", spare: 2, least: 18 },
    { title: "STATUS", least: 20 },
  ], (overview) => Array.from(modelOf(overview).apps.values(), rowOf));
}

/** How an app is. */
export function healthOf({ groups, pods }: App) {
  const well = pods.filter(({ problems }) => problems.length === 0).length;
  const wanted = groups.reduce(
    (sum, { wanted = 0, instances }) => sum + Math.max(wanted, instances),
    0,
  );
  const problems = pods.flatMap(({ problems }) => shortly(problems));
  const trouble = [...Map.groupBy(problems, (text) => text)]
    .map(([text, { length }]) => `${length} ${text}`);
  if (wanted > pods.length) trouble.unshift(`${wanted - pods.length} too few`);
  const isStopped = pods.every(({ isStopped }) => isStopped);
  const status = trouble.length > 0
    ? cell(trouble.join(", "), "bad")
    : isStopped
    ? "stopped"
    : cell("well", "good");
  return { isStopped, status, trouble, wanted, well };
}

function rowOf(app: App): Row {
  const { name, groups, pods, versions } = app;
  const { isStopped, status, trouble, wanted, well } = healthOf(app);
  const restarts = pods.reduce((sum, { restarts }) => sum + restarts, 0);
  const updated = pods.reduce(
    (last, { updated = 0 }) => Math.max(last, updated),
    0,
  );
  const isWell = trouble.length === 0;
  return {
    name,
    value: {
      app: name,
      well,
      wanted,
      groups: groups.map(({ name }) => name),
      restarts,
      updated: updated === 0 ? undefined : new Date(updated).toISOString(),
      versions,
      trouble,
    },
    cells: [
      cell(name),
      cell(
        `${well}/${wanted}`,
        isWell ? isStopped ? undefined : "good" : "bad",
      ),
      String(groups.length),
      cell(restarts, restarts > 0 ? "bad" : undefined),
      cell(age(updated)),
      cell(versions.map(shortVersion).join(", ")),
      status,
    ],
    isWell,
  };
}
