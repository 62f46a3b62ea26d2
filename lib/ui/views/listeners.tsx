import { useMemo } from "preact/hooks";
import type { Data } from "../../client/client.ts";
import { Ago, Mark } from "../marks.tsx";
import { AppLink, seconds } from "../parts.tsx";
import type { Params } from "../../model/place.ts";
import { setQuery } from "../route.ts";
import type { Column } from "../column.tsx";
import { Table } from "../table.tsx";
import { useView } from "../watch.ts";

type Listener = Data<"listeners">[string];
type Numbered = readonly [number: string, listener: Listener];

const COLUMNS: readonly Column<Numbered>[] = [
  { name: "peer", width: 18, text: ([, { peer }]) => peer },
  {
    name: "state",
    width: 16,
    text: ([, one]) => stateOf(one),
    order: ([, { behind, behindFor }]) => Number(behind) + behindFor,
    show: ([, one]) => (
      <Mark
        look={one.behindFor > 0 ? "bad" : "good"}
        text={stateOf(one)}
      />
    ),
  },
  {
    name: "app",
    width: 16,
    text: ([, { app = "" }]) => app,
    show: ([, { app }]) => app ? <AppLink name={app} /> : "",
    isMinor: true,
  },
  { name: "endpoint", width: 22, text: ([, { endpoint }]) => endpoint },
  {
    name: "parameters",
    width: 16,
    text: ([, { params }]) =>
      Object.entries(params).filter(([name]) => name !== "watch")
        .map((pair) => pair.join("=")).join(" "),
    isMinor: true,
  },
  {
    name: "since",
    width: 10,
    text: ([, { since }]) => String(since),
    order: ([, { since }]) => since,
    show: ([, { since }]) => <Ago time={since * 1000} />,
    isMinor: true,
  },
  {
    name: "frames",
    width: 8,
    text: ([, { sent }]) => String(sent),
    order: ([, { sent }]) => sent,
    isMinor: true,
    isNumber: true,
  },
];

function stateOf({ behind, behindFor, slow }: Listener): string {
  // What is behind for less than a second is on its way.
  if (!behind || behindFor === 0) return "up to date";
  return `behind for ${seconds(behindFor)}${slow ? ", slow" : ""}`;
}

/** Who listens, those behind first. */
export function Listeners({ params }: { params: Params }) {
  const { data, problem } = useView("listeners", {});
  const items = useMemo(() => Object.entries(data ?? {}), [data]);
  return (
    <section>
      <h2>Who listens</h2>
      {problem !== undefined && <p class="bad">{problem}</p>}
      <Table
        label="Listeners"
        columns={COLUMNS}
        items={items}
        keyOf={([number]) => number}
        params={{ ...params, sort: params.sort ?? "-state" }}
        onParams={(next) => setQuery(["lainlet"], next)}
        empty={data === undefined ? "Asking lainlet …" : "Nobody."}
      />
    </section>
  );
}
