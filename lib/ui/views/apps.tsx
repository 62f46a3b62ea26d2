/// <reference lib="dom" />
import { useMemo } from "preact/hooks";
import { type Look, Mark, StateMark, Version } from "../marks.tsx";
import type { App, Group, Model } from "../../model/mod.ts";
import { isIncomplete, severity } from "../../model/issues.ts";
import { AppLink, Facts, Value } from "../parts.tsx";
import type { Params } from "../../model/place.ts";
import { href, setQuery } from "../route.ts";
import type { Column } from "../column.tsx";
import { Table } from "../table.tsx";
import { plural } from "../../model/format.ts";
import { keyOf, PODS } from "./pods.tsx";
import { Portals } from "./portals.tsx";
import { RecentOfApp } from "./recent.tsx";
import { UsedBy, Uses } from "./uses.tsx";

const COLUMNS: readonly Column<App>[] = [
  {
    name: "app",
    width: 30,
    text: ({ name }) => name,
    show: ({ name }) => <AppLink name={name} />,
  },
  {
    name: "state",
    width: 26,
    text: stateOf,
    order: (app) => Math.min(...app.pods.map(severity)),
    show: (app) => <Mark look={lookOf(app)} text={stateOf(app)} />,
  },
  {
    name: "pods",
    width: 10,
    text: ({ groups, pods }) => {
      const wanted = wantedOf(groups);
      return wanted === pods.length
        ? String(wanted)
        : `${pods.length} of ${wanted}`;
    },
    order: ({ pods }) => pods.length,
    isNumber: true,
  },
  {
    name: "groups",
    width: 10,
    text: ({ groups }) => String(groups.length),
    order: ({ groups }) => groups.length,
    isNumber: true,
    isMinor: true,
  },
  {
    name: "restarts",
    width: 10,
    text: ({ pods }) => String(restartsOf(pods)),
    order: ({ pods }) => restartsOf(pods),
    isNumber: true,
    isMinor: true,
  },
  {
    name: "version",
    width: 20,
    text: ({ versions }) => versions.join(", "),
    show: ({ versions }) => <Version version={versions.join(", ")} />,
    isMinor: true,
  },
];

function restartsOf(pods: App["pods"]): number {
  return pods.reduce((sum, { restarts }) => sum + restarts, 0);
}

function wantedOf(groups: readonly Group[]): number {
  return groups.reduce(
    (sum, { instances, wanted = instances }) => sum + wanted,
    0,
  );
}

function badOf({ pods }: App): number {
  return pods.filter(({ problems }) => problems.length > 0).length;
}

function stateOf(app: App): string {
  const bad = badOf(app);
  if (bad > 0) return `${bad} not well`;
  if (app.groups.some(isIncomplete)) return "fewer than asked for";
  return app.pods.every(({ isStopped }) => isStopped) ? "stopped" : "well";
}

function lookOf(app: App): Look {
  if (badOf(app) > 0 || app.groups.some(isIncomplete)) return "bad";
  return app.pods.every(({ isStopped }) => isStopped) ? "off" : "good";
}

/** Which apps are listed, by what is asked for in the URL. */
const SHOWN: Readonly<
  Record<string, readonly [string, (app: App) => boolean]>
> = {
  "": ["all", () => true],
  bad: ["not well", (app) => badOf(app) > 0],
  short: [
    "with fewer than asked for",
    ({ groups }) => groups.some(isIncomplete),
  ],
};

/** All apps, with what of them runs. */
export function AppsView({ model, params }: { model: Model; params: Params }) {
  const { show = "" } = params;
  const apps = useMemo(() => [...model.apps.values()], [model.apps]);
  const change = (next: Params) => setQuery(["apps"], next);
  return (
    <>
      <h1>Apps</h1>
      <Table
        label="Apps"
        columns={COLUMNS}
        items={apps}
        keyOf={({ name }) => name}
        only={SHOWN[show]?.[1]}
        params={params}
        onParams={change}
        empty="There are no apps."
      >
        <label>
          show{" "}
          <select
            value={show}
            onChange={({ currentTarget: { value } }) =>
              change({ ...params, show: value })}
          >
            {Object.entries(SHOWN).map(([value, [text]]) => (
              <option key={value} value={value}>{text}</option>
            ))}
          </select>
        </label>
      </Table>
    </>
  );
}

/** One app: its groups and their pods, where it is mounted, what it uses. */
export function AppView({ model, app }: { model: Model; app: App }) {
  const { groups, name, pods, versions } = app;
  const portals = model.portals.filter((portal) => portal.app === name);
  const wanted = wantedOf(groups);
  return (
    <>
      <h1>{name}</h1>
      <Facts
        facts={[
          ["state", <Mark look={lookOf(app)} text={stateOf(app)} />],
          [
            "pods",
            wanted === pods.length ? wanted : `${pods.length} of ${wanted}`,
          ],
          ["groups", groups.length],
          ["used by", <UsedBy model={model} app={app} />],
          [
            "version",
            <Version version={versions.join(", ") || "unknown"} />,
          ],
        ]}
      />
      <p>
        <a href={href([], { app: name })}>On the map</a>
      </p>
      <RecentOfApp app={name} />
      {groups.map((group) => (
        <GroupPart key={group.name} model={model} group={group} />
      ))}
      <Portals
        title="Portals to what it uses"
        label="Portals"
        portals={portals}
        beside="node"
      />
    </>
  );
}

function GroupPart({ model, group }: { model: Model; group: Group }) {
  const { annotation, mountpoints, name, pods } = group;
  const { containers: [first], instances, wanted = instances } = group;
  return (
    <section>
      <h2>{name}</h2>
      <Facts
        facts={[
          ["state", <StateMark of={group} />],
          [
            "pods",
            isIncomplete(group)
              ? <Mark look="bad" text={`${instances} of ${wanted}`} />
              : plural(instances, "pod"),
          ],
          ["mount points", mountpoints.join(", ") || "none"],
          ["uses", <Uses model={model} group={group} />],
          ["image", <span class="mono">{first?.info.Image ?? "unknown"}</span>],
        ]}
      />
      <Table
        label={`Pods of ${name}`}
        columns={PODS}
        items={pods}
        keyOf={keyOf}
        empty="It has no pods."
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
