import { useMemo } from "preact/hooks";
import type { Data } from "../../client/client.ts";
import {
  bytes,
  duration,
  measured,
  number,
  percent,
  timestamp,
} from "../../model/format.ts";
import type { Model, Params } from "../../model/mod.ts";
import { Chart } from "../chart.tsx";
import { browserName } from "../browser_name.ts";
import type { ConnectionState } from "../connection_state.ts";
import { useView } from "../live.ts";
import { Age, AppLink, Facts, Figures, Loading, Mark } from "../parts.tsx";
import { setQuery } from "../route.ts";
import { type Column, Table } from "../table.tsx";

type Sample = Model["samples"][number][1];

/** A time in seconds as text. */
function seconds(value: number): string {
  return duration(value * 1000);
}

/** Charts of samples, and their lines. */
const CHARTS: readonly {
  readonly title: string;
  readonly lines: readonly (readonly [name: string, key: keyof Sample])[];
  readonly format: (value: number) => string;
  /** Least upper end of the scale. */
  readonly minTop?: number;
  readonly isBinary?: boolean;
  /** The value above which it is bad. */
  readonly limit?: "staleAfter";
}[] = [
  {
    title: "Confirmed",
    lines: [["seconds ago", "lag"]],
    format: measured,
    limit: "staleAfter",
  },
  {
    title: "Events per second",
    lines: [["changes", "changes"], ["deliveries", "deliveries"]],
    format: measured,
  },
  {
    title: "Delivered within",
    lines: [["median", "delay50"], ["p99", "delay99"]],
    format: seconds,
    minTop: 0.001,
  },
  { title: "Listeners", lines: [["streams", "listeners"]], format: measured },
  { title: "CPU", lines: [["cores", "cpu"]], format: measured },
  {
    title: "Memory",
    lines: [["resident", "memory"]],
    format: bytes,
    isBinary: true,
  },
];

const STREAMS: readonly Column<[path: string, count: number]>[] = [
  { name: "endpoint", text: ([path]) => path },
  {
    name: "streams",
    width: "6rem",
    isNumber: true,
    text: ([, count]) => String(count),
    order: ([, count]) => count,
  },
];

const INVALID: readonly Column<[key: string, reason: string]>[] = [
  { name: "key", width: "50%", text: ([key]) => key },
  { name: "reason", text: ([, reason]) => reason },
];

/** The status of this lainlet, and its last hour. */
export function LainletView(
  { model, params, state }: {
    model: Model;
    params: Params;
    state: ConnectionState;
  },
) {
  const { present, samples } = model;
  const newest = samples.at(-1)?.[0];
  // Charts are drawn again with each sample, not each second.
  const charts = useMemo(() => {
    // Before the first sample there is only the current state.
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
  }, [newest, present.staleAfter]);
  // One frame of several is measured: in the last seconds there may be none.
  const [, { delay99 }] = [...samples, [0, present] as const]
    .findLast(([, { delay99 }]) => delay99 > 0) ?? [0, present];
  const rejected = Object.entries(present.rejected);
  return (
    <>
      <h1>lainlet {present.version}</h1>
      <Figures
        figures={[
          {
            name: "delivered within (p99)",
            value: delay99 === 0 ? "–" : seconds(delay99),
          },
          {
            name: "since the state was confirmed",
            value: seconds(present.lag),
            isBad: present.stale,
          },
          {
            name: "slow listeners",
            value: number(present.slow),
            isBad: present.slow > 0,
          },
          { name: "listeners", value: number(present.listeners) },
          { name: "changes/s", value: measured(present.changes) },
          { name: "deliveries/s", value: measured(present.deliveries) },
        ]}
      />
      {present.problems.map((problem) => (
        <p key={problem} class="bad">{problem}</p>
      ))}
      <section class="charts" aria-label="The last hour">
        {charts.map((chart) => <Chart key={chart.title} {...chart} />)}
      </section>
      <Listeners params={params} />
      <section>
        <h2>State</h2>
        <Facts
          facts={[
            [
              "state",
              state.kind === "current"
                ? state.text
                : <strong class="bad">{state.text}</strong>,
            ],
            ["source", <span class="mono">{present.source || "none"}</span>],
            ["revision", present.revision],
            ["reconnects", present.reconnects],
            ["missed changes", <ErrorCount count={present.missed} />],
            [
              "differences found by verification",
              <ErrorCount count={present.differences} />,
            ],
            ["invalid values", <ErrorCount count={rejected.length} />],
            ["refused requests", <ErrorCount count={present.refused} />],
            ["bytes/s", bytes(present.bytes)],
            ["CPU", `${percent(present.cpu)} of a core`],
            ["memory", bytes(present.memory)],
            [
              "up since",
              <time>{timestamp(new Date(present.started * 1000))}</time>,
            ],
          ]}
        />
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
          <h2>Invalid values, ignored</h2>
          <Table
            label="Invalid values"
            columns={INVALID}
            items={rejected}
            keyOf={([key]) => key}
          />
        </section>
      )}
    </>
  );
}

/** A count that should be 0. */
function ErrorCount({ count }: { count: number }) {
  return count === 0 ? <>0</> : <strong class="bad">{count}</strong>;
}

type Listener = Data<"listeners">[string];
type Numbered = readonly [number: string, listener: Listener];

const LISTENER_COLUMNS: readonly Column<Numbered>[] = [
  {
    name: "peer",
    width: "18%",
    text: ([, one]) => isOwn(one) ? `${one.peer}, this browser` : one.peer,
    show: ([, one]) => (
      <>
        {one.peer}
        {isOwn(one) && <span class="own">this browser</span>}
      </>
    ),
  },
  {
    name: "state",
    text: ([, one]) => listenerText(one),
    order: ([, { behind, behindFor }]) => Number(behind) + behindFor,
    show: ([, one]) => (
      <Mark
        status={one.behindFor > 0 ? "bad" : "good"}
        text={listenerText(one)}
      />
    ),
  },
  {
    name: "app",
    width: "14%",
    text: ([, { app = "" }]) => app,
    show: ([, { app }]) => app ? <AppLink name={app} /> : "",
    isMinor: true,
  },
  { name: "endpoint", width: "24%", text: ([, { endpoint }]) => endpoint },
  {
    name: "parameters",
    width: "18%",
    isWide: true,
    text: ([, { params }]) =>
      Object.entries(params)
        .filter(([name]) => name !== "watch" && name !== "client")
        .map((pair) => pair.join("=")).join(" "),
  },
  {
    name: "since",
    width: "5.5rem",
    text: () => "",
    order: ([, { since }]) => since,
    show: ([, { since }]) => <Age time={since * 1000} />,
    isMinor: true,
  },
  {
    name: "frames",
    width: "5.5rem",
    text: ([, { sent }]) => String(sent),
    order: ([, { sent }]) => sent,
    isMinor: true,
    isNumber: true,
  },
];

/** Whether a stream is one of this page, which shares it with the browser's other windows. */
function isOwn({ params }: Listener): boolean {
  return params.client === browserName();
}

function listenerText({ behind, behindFor, slow }: Listener): string {
  // For less than a second its data is on the way.
  if (!behind || behindFor === 0) return "up to date";
  return `behind for ${seconds(behindFor)}${slow ? ", slow" : ""}`;
}

/** Listeners, those that are behind first. */
function Listeners({ params }: { params: Params }) {
  const { data, problem } = useView("listeners", {});
  const items = useMemo(() => Object.entries(data ?? {}), [data]);
  return (
    <section>
      <h2>Listeners</h2>
      {problem !== undefined && <p class="bad">{problem}</p>}
      {data === undefined ? problem === undefined && <Loading /> : (
        <Table
          label="Listeners"
          columns={LISTENER_COLUMNS}
          items={items}
          keyOf={([number]) => number}
          params={{ ...params, sort: params.sort ?? "-state" }}
          onParams={(next) => setQuery(["lainlet"], next)}
          empty="No listeners."
        />
      )}
    </section>
  );
}
