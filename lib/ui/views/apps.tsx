/// <reference lib="dom" />
import { useMemo } from "preact/hooks";
import { plural } from "../../model/format.ts";
import type { App, Group, Model, Params } from "../../model/mod.ts";
import {
  appSummary,
  appUrgency,
  groupSummary,
  missingPods,
  podCounts,
  readyText,
  sortByUrgency,
  summaryText,
} from "../../model/status.ts";
import {
  AppLink,
  Copyable,
  Facts,
  SummaryMark,
  Value,
  Version,
} from "../parts.tsx";
import { href, setQuery } from "../route.ts";
import { type Column, Table } from "../table.tsx";
import { RecentChangesOfApp } from "./changes.tsx";
import { Portals, UsedBy, Uses } from "./dependencies.tsx";
import { keyOf, PODS } from "./pods.tsx";

const COLUMNS: readonly Column<App>[] = [
  {
    name: "app",
    width: "26%",
    text: ({ name }) => name,
    show: ({ name }) => <AppLink name={name} />,
  },
  {
    name: "state",
    text: (app) => summaryText(appSummary(app)),
    order: appUrgency,
    show: (app) => <SummaryMark of={appSummary(app)} />,
  },
  {
    name: "pods OK",
    width: "6rem",
    text: ({ groups }) => readyText(podCounts(groups)),
    order: ({ pods }) => pods.length,
    isNumber: true,
    isBeside: true,
  },
  {
    name: "groups",
    width: "5.5rem",
    text: ({ groups }) => String(groups.length),
    order: ({ groups }) => groups.length,
    isNumber: true,
    isMinor: true,
  },
  {
    name: "restarts",
    width: "5.5rem",
    text: ({ pods }) => String(restartsOf(pods)),
    order: ({ pods }) => restartsOf(pods),
    isNumber: true,
    isMinor: true,
  },
  {
    name: "version",
    width: "20%",
    isWide: true,
    text: ({ versions }) => versions.join(", "),
    show: ({ versions }) => <Version version={versions.join(", ")} />,
  },
];

function restartsOf(pods: App["pods"]): number {
  return pods.reduce((sum, { restarts }) => sum + restarts, 0);
}

/** Which apps are listed, by the parameter `show`. */
const FILTERS = new Map<
  string,
  readonly [title: string, filter: (app: App) => boolean]
>([
  ["", ["all", () => true]],
  ["bad", ["with problems", (app) => appSummary(app).status === "bad"]],
  [
    "short",
    [
      "with fewer pods than wanted",
      ({ groups }) => groups.some((group) => missingPods(group) > 0),
    ],
  ],
]);

export function AppsView({ model, params }: { model: Model; params: Params }) {
  const { show = "" } = params;
  const apps = useMemo(() => {
    const all = [...model.apps.values()];
    return show === "" ? all : sortByUrgency(all, appUrgency);
  }, [model.apps, show]);
  const change = (next: Params) => setQuery(["apps"], next);
  return (
    <>
      <h1>Apps</h1>
      <Table
        label="Apps"
        columns={COLUMNS}
        items={apps}
        keyOf={({ name }) => name}
        only={FILTERS.get(show)?.[1]}
        params={params}
        onParams={change}
        empty="No apps."
      >
        <label>
          show{" "}
          <select
            value={show}
            onChange={({ currentTarget: { value } }) =>
              change({ ...params, show: value })}
          >
            {Array.from(
              FILTERS,
              ([value, [title]]) => (
                <option key={value} value={value}>{title}</option>
              ),
            )}
          </select>
        </label>
      </Table>
    </>
  );
}

/** One app: its groups and their pods, its mount points and dependencies. */
export function AppView({ model, app }: { model: Model; app: App }) {
  const { groups, name, versions } = app;
  const portals = model.portals.filter((portal) => portal.app === name);
  return (
    <>
      <h1>{name}</h1>
      <Facts
        facts={[
          ["state", <SummaryMark of={appSummary(app)} />],
          ["pods OK", readyText(podCounts(groups))],
          ["groups", groups.length],
          ["used by", <UsedBy model={model} app={app} />],
          [
            "version",
            <Version version={versions.join(", ") || "unknown"} />,
          ],
        ]}
      />
      <p>
        <a href={href([], { app: name })}>Show on the map</a>
      </p>
      <RecentChangesOfApp app={name} model={model} />
      {groups.map((group) => (
        <GroupSection key={group.name} model={model} group={group} />
      ))}
      <Portals
        title="Dependencies"
        label="Portals"
        portals={portals}
        beside="node"
      />
    </>
  );
}

function GroupSection({ model, group }: { model: Model; group: Group }) {
  const { annotation, mountpoints, name, pods, wanted } = group;
  const image = pods[0]?.containers[0]?.info.Image;
  return (
    <section>
      <h2>{name}</h2>
      <Facts
        facts={[
          ["state", <SummaryMark of={groupSummary(group)} />],
          [
            "pods",
            wanted === undefined || wanted === pods.length
              ? plural(pods.length, "pod")
              : `${pods.length} of ${wanted}`,
          ],
          ["mount points", mountpoints.join(", ") || "none"],
          ["uses", <Uses model={model} group={group} />],
          ["image", image ? <Copyable text={image} /> : "unknown"],
        ]}
      />
      <Table
        label={`Pods of ${name}`}
        columns={PODS}
        items={pods}
        keyOf={keyOf}
        empty="No pods."
      />
      {annotation !== "" && (
        <details>
          <summary>Annotation</summary>
          <Value value={annotation} />
        </details>
      )}
    </section>
  );
}
