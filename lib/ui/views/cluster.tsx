import { number, plural } from "../../model/format.ts";
import { type Issue, issuesOf } from "../../model/issues.ts";
<<<<<<< HEAD
import type { Model, Node, Params, Pod } from "../../model/mod.ts";
import { podLink } from "../../model/search.ts";
import { badPods, maxReserved, worstUrgency } from "../../model/status.ts";
import {
  type ConnectionState,
  isOutdated,
  useNow,
} from "../connection_state.ts";
import { highlight, Mark, ReservationBar } from "../parts.tsx";
import { href, setQuery } from "../route.ts";
=======
import type { Model, Params } from "../../model/mod.ts";
import { type ConnectionState, isOutdated } from "../connection_state.ts";
import { Mark } from "../parts.tsx";
import { href } from "../route.ts";
import { Placement } from "./placement.tsx";
>>>>>>> d73fc03 (wip)
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
      <p class="summary">
        <a href={href(["nodes"])}>{plural(model.nodes.size, "node")}</a>,{" "}
        <a href={href(["apps"])}>{plural(model.apps.size, "app")}</a>,{" "}
        <a href={href(["pods"])}>{plural(model.pods.length, "pod")}</a>;{" "}
        <a href={href(["changes"], { since: "5m" })}>
          changes of the last 5 minutes
        </a>, <a href={href(["lainlet"])}>listeners</a>
      </p>
      <Issues model={model} isOld={isOutdated(state)} />
      <Placement model={model} params={params} />
    </>
  );
}

<<<<<<< HEAD
/** @param sort one of {@linkcode ORDERS}; any other is the first */
function ordered(nodes: readonly Node[], sort: string): readonly Node[] {
  if (sort === "reserved") {
    return nodes.toSorted((a, b) => maxReserved(b) - maxReserved(a));
  }
  if (sort !== "problems") return sortNaturally(nodes, ({ name }) => name);
  const counts = new Map(nodes.map((node) => [node, badPods(node)]));
  return nodes.toSorted((a, b) =>
    (counts.get(b) ?? 0) - (counts.get(a) ?? 0) ||
    worstUrgency(a.pods) - worstUrgency(b.pods)
  );
}

/** The legend of the map. */
function Key() {
  return (
    <ul class="key">
      <li>
        <span class="cell" /> OK
      </li>
      <li>
        <span class="cell bad" /> problem
      </li>
      <li>
        <span class="cell off" /> stopped
      </li>
    </ul>
  );
}

function NodeCard({ node }: { node: Node }) {
  const { cpu, ip, memory, name, pods } = node;
  const bad = badPods(node);
  return (
    <li class="node">
      <div class="title">
        <h3>
          <a href={href(["node", name])}>{name}</a>
        </h3>
        <small>{ip}</small>
        {bad > 0 && (
          <a
            href={href(["pods"], { node: name, state: "bad" })}
            title={`${bad} of ${plural(pods.length, "pod")} with a problem`}
          >
            <Mark status="bad" text={String(bad)} />
          </a>
        )}
        <small>{plural(pods.length, "pod")}</small>
      </div>
      <ReservationBar resource="CPU" reservation={cpu} />
      <ReservationBar resource="memory" reservation={memory} />
      <NodeMap pods={pods} />
    </li>
  );
}

=======
>>>>>>> d73fc03 (wip)
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
