import { useMemo } from "preact/hooks";
import { number } from "../../model/format.ts";
import { type Issue, issuesOf } from "../../model/issues.ts";
import type { Model, Params } from "../../model/mod.ts";
import {
  type ConnectionState,
  isOutdated,
  useNow,
} from "../connection_state.ts";
import { type Figure, Figures, Mark } from "../parts.tsx";
import { href } from "../route.ts";
import { Placement } from "./placement.tsx";
import "./cluster.css";

/** What needs attention, and the nodes as a map of their pods. */
export function ClusterView(
  { model, params, state }: {
    model: Model;
    params: Params;
    state: ConnectionState;
  },
) {
  return (
    <>
      <h1>Cluster</h1>
      <div class="summary">
        <Figures
          figures={[
            figure(model.nodes.size, "node", ["nodes"]),
            figure(model.apps.size, "app", ["apps"]),
            figure(model.pods.length, "pod", ["pods"]),
          ]}
        />
        <p>
          <a href={href(["changes"], { since: "5m" })}>
            Changes of the last 5 minutes
          </a>, <a href={href(["lainlet"])}>listeners</a>
        </p>
      </div>
      <Issues model={model} isOld={isOutdated(state)} />
      <Placement model={model} params={params} />
    </>
  );
}

function figure(
  count: number,
  name: string,
  path: readonly string[],
): Figure {
  return { value: number(count), name: count === 1 ? name : `${name}s`, path };
}

/** Items of an issue that are listed, at most. */
const MAX_ITEMS = 4;

/** What needs attention. */
function Issues({ model, isOld }: { model: Model; isOld: boolean }) {
  const issues = useMemo(() => issuesOf(model), [model]);
  const isOk = issues.every(({ status }) => status === "note");
  const none = isOld ? "No known problems" : "No problems";
  return (
    <section class="issues" aria-label="Needs attention">
      <h2>{isOk ? none : "Needs attention"}</h2>
      {isOk && (
        <p>
          <Mark status="good" text={allOkText(model.pods.length)} />
        </p>
      )}
      <ul>
        {issues.map((issue) => <IssueCard key={issue.title} issue={issue} />)}
      </ul>
    </section>
  );
}

function allOkText(pods: number): string {
  if (pods === 0) return "No pods";
  return pods === 1 ? "1 pod is OK" : `All ${number(pods)} pods are OK`;
}

function IssueCard({ issue }: { issue: Issue }) {
  const { all, items, parts, status, title } = issue;
  const now = useNow();
  const more = items.length - MAX_ITEMS;
  return (
    <li class={`issue ${status}`}>
      <h3>
        <a href={href(all.path, all.params)}>
          <Mark status={status} text={title} />
        </a>
      </h3>
      {parts.length > 1 && (
        <p class="parts">
          {parts.map(({ params, path, text }) => (
            <a key={text} href={href(path, params)}>{text}</a>
          ))}
        </p>
      )}
      <ul>
        {items.slice(0, MAX_ITEMS).map(({ name, params, path, reason }) => {
          const text = reason(now);
          return (
            <li key={name} title={`${name}: ${text}`}>
              <a href={href(path, params)}>{name}</a> {text}
            </li>
          );
        })}
      </ul>
      {more > 0 && (
        <p>
          <a href={href(all.path, all.params)}>and {more} more</a>
        </p>
      )}
    </li>
  );
}
