import { useMemo } from "preact/hooks";
import { Chart } from "../chart.tsx";
import type { Model } from "../../model/mod.ts";
import { brief, bytes, Facts, round, seconds, stamp } from "../parts.tsx";
import type { Params } from "../../model/place.ts";
import type { Standing } from "../standing.ts";
import type { Column } from "../column.tsx";
import { Table } from "../table.tsx";
import { Listeners } from "./listeners.tsx";

type Sample = Model["samples"][number][1];

/** What is drawn: of each line its name, and what it is of a sample. */
const CHARTS: readonly {
  readonly title: string;
  readonly lines: readonly (readonly [name: string, key: keyof Sample])[];
  readonly format: (value: number) => string;
  /** The least that the chart is high. */
  readonly least?: number;
  readonly isBinary?: boolean;
  /** From where on it is bad. */
  readonly limit?: "staleAfter";
}[] = [
  {
    title: "Confirmed",
    lines: [["seconds ago", "lag"]],
    format: round,
    limit: "staleAfter",
  },
  {
    title: "Events a second",
    lines: [["changes", "changes"], ["deliveries", "deliveries"]],
    format: round,
  },
  {
    title: "Delivered after",
    lines: [["median", "delay50"], ["99 %", "delay99"]],
    format: brief,
    least: 0.001,
  },
  { title: "Listeners", lines: [["streams", "listeners"]], format: round },
  { title: "CPU", lines: [["cores", "cpu"]], format: round },
  {
    title: "Memory",
    lines: [["resident", "memory"]],
    format: bytes,
    isBinary: true,
  },
];

const STREAMS: readonly Column<[path: string, count: number]>[] = [
  { name: "endpoint", width: 60, text: ([path]) => path },
  {
    name: "streams",
    width: 40,
    text: ([, count]) => String(count),
    order: ([, count]) => count,
  },
];

const REJECTED: readonly Column<[key: string, why: string]>[] = [
  { name: "key", width: 50, text: ([key]) => key },
  { name: "why", width: 50, text: ([, why]) => why },
];

/** How this lainlet is, and was in the last hour. */
export function LainletView(
  { model, params, standing }: {
    model: Model;
    params: Params;
    standing: Standing;
  },
) {
  const { present, samples } = model;
  const newest = samples.at(-1)?.[0];
  // A second is too short for a line to move: charts are drawn anew with each sample.
  const charts = useMemo(() => {
    // In the first seconds there is nothing but the present.
    const points = samples.length > 0
      ? samples
      : [[Date.now() / 1000, present] as const];
    const times = points.map(([time]) => time);
    return CHARTS.map(({ lines, limit, ...chart }) => ({
      ...chart,
      limit: limit && {
        name: "stale",
        value: present[limit],
      },
      times,
      names: lines.map(([name]) => name),
      values: lines.map(([, key]) => points.map(([, sample]) => sample[key])),
    }));
  }, [newest]);
  const rejected = Object.entries(present.rejected);
  return (
    <>
      <h1>lainlet {present.version}</h1>
      <Facts
        facts={[
          [
            "state",
            standing.kind === "good"
              ? <>in step, confirmed {seconds(present.lag)} ago</>
              : <strong class="bad">{standing.words}</strong>,
          ],
          ["source", <span class="mono">{present.source || "none"}</span>],
          ["revision", present.revision],
          ["reconnects", present.reconnects],
          ["missed changes", <Counted count={present.missed} />],
          ["mirror differences", <Counted count={present.differences} />],
          ["rejected values", <Counted count={rejected.length} />],
          ["listeners", present.listeners],
          ["refused requests", <Counted count={present.refused} />],
          ["slow listeners", <Counted count={present.slow} />],
          ["changes a second", round(present.changes)],
          ["deliveries a second", round(present.deliveries)],
          [
            "99 % delivered after",
            present.delay99 === 0 ? "none lately" : brief(present.delay99),
          ],
          ["sent a second", bytes(present.bytes)],
          ["CPU", `${round(present.cpu * 100)} % of a core`],
          ["memory", bytes(present.memory)],
          [
            "up since",
            <time>{stamp(new Date(present.started * 1000))}</time>,
          ],
        ]}
      />
      {present.problems.map((problem) => (
        <p key={problem} class="bad">{problem}</p>
      ))}
      <Listeners params={params} />
      <section class="charts" aria-label="The last hour">
        {charts.map((chart) => <Chart key={chart.title} {...chart} />)}
      </section>
      <section>
        <h2>Listeners by endpoint</h2>
        <Table
          label="Listeners by endpoint"
          columns={STREAMS}
          items={Object.entries(present.endpoints)
            .filter(([, count]) => count > 0)}
          keyOf={([path]) => path}
        />
      </section>
      {rejected.length > 0 && (
        <section>
          <h2>Values that are not taken</h2>
          <Table
            label="Rejected values"
            columns={REJECTED}
            items={rejected}
            keyOf={([key]) => key}
          />
        </section>
      )}
    </>
  );
}

/** A count that should be 0. */
function Counted({ count }: { count: number }) {
  return count === 0 ? <>0</> : <strong class="bad">{count}</strong>;
}
