import type { Model } from "../model.ts";
import { AppLink, Table } from "../parts.tsx";

/** All apps, with what of them runs. */
export function AppsView({ model }: { model: Model }) {
  return (
    <>
      <h1>Apps</h1>
      <Table
        label="Apps"
        columns={["app", "version", "groups", "instances", "without address"]}
        rows={[...model.apps.values()].map((app) => [
          app.name,
          <AppLink name={app.name} />,
          <span class="mono">{app.version}</span>,
          app.groups.length,
          sum(app.groups, ({ instances }) => instances),
          <Missing
            count={sum(app.groups, ({ containers }) =>
              containers.filter(({ ip }) => ip === "").length)}
          />,
        ])}
      />
    </>
  );
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}

function Missing({ count }: { count: number }) {
  return count > 0 ? <strong class="bad">{count}</strong> : <>0</>;
}
