import { serviceOf } from "../../watcher/depends.ts";
import type { App, Group, Model } from "../../model/mod.ts";
import { sortNaturally } from "../../model/natural.ts";
import { AppLink } from "../parts.tsx";

/** What a group uses, by the names of the portals, each of which leads to the app that offers it. */
export function Uses({ model, group }: { model: Model; group: Group }) {
  return (
    <Listed
      items={group.dependencies.map((portal) => [portal, serviceOf(portal)])}
      model={model}
    />
  );
}

/** The apps that use what an app offers. */
export function UsedBy({ model, app }: { model: Model; app: App }) {
  const users = [
    ...[...model.apps.values()].filter(({ groups }) =>
      groups.some(({ dependencies }) =>
        dependencies.some((portal) => serviceOf(portal) === app.name)
      )
    ).map(({ name }) => name),
    // A portal is there for longer than what it is for says so.
    ...model.portals.filter(({ service }) => serviceOf(service) === app.name)
      .map((portal) => portal.app),
  ];
  const names = sortNaturally(new Set(users), (name) => name);
  return <Listed items={names.map((name) => [name, name])} model={model} />;
}

function Listed({ items, model }: {
  items: readonly (readonly [text: string, app: string])[];
  model: Model;
}) {
  if (items.length === 0) return <span class="dim">none</span>;
  return (
    <>
      {items.map(([text, app], i) => (
        <span key={text}>
          {i > 0 && ", "}
          {model.apps.has(app)
            ? <AppLink name={app}>{text}</AppLink>
            : <>{text} (there is no such app)</>}
        </span>
      ))}
    </>
  );
}
