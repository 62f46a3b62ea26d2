import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clock } from "./parts.tsx";
import "./chart.css";

/** Values at times, in seconds since 1970; one list for each line. */
export interface Series {
  readonly title: string;
  readonly names: readonly string[];
  readonly times: readonly number[];
  readonly values: readonly (readonly number[])[];
  readonly format: (value: number) => string;
  /** The least that the chart is high, whatever the values are. */
  readonly least?: number;
  /** Round values are powers of two. */
  readonly isBinary?: boolean;
  /** A line from which on it is bad, and its name. */
  readonly limit?: { readonly name: string; readonly value: number };
}

const HEIGHT = 160;

/** In seconds. */
const HOUR = 3600;

/** How far round values in bytes are from each other. */
const POWERS = Array.from({ length: 40 }, (_, i) => 2 ** i);

/** A chart over time; what it shows, at present or under the pointer, is also said in words. */
export function Chart(series: Series) {
  const { title, names, times, values, format, limit } = series;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  /** Under the pointer; the newest when it is elsewhere. */
  const [index, setIndex] = useState<number | null>(null);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const nothing = (): uPlot.AlignedData => [[], ...names.map(() => [])];
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        {
          ...options(element, series, setIndex),
          width: element.clientWidth,
          height: HEIGHT,
        },
        plot.current?.data ?? nothing(),
        element,
      );
    };
    draw();
    const size = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT })
    );
    size.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      scheme.removeEventListener("change", draw);
      size.disconnect();
      plot.current?.destroy();
    };
  }, []);

  useEffect(() => {
    plot.current?.setData([[...times], ...values.map((line) => [...line])]);
  }, [times, values]);

  const at = index ?? times.length - 1;
  const time = times[at];
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        {names.map((name, i) => (
          <span key={name} class={`mono line-${i + 1}`}>
            {name} {format(values[i]?.[at] ?? 0)}
          </span>
        ))}
        {limit && (
          <span class="mono line-limit">
            {limit.name} from {format(limit.value)}
          </span>
        )}
        {index !== null && time !== undefined && (
          <time>{clock(new Date(time * 1000))}</time>
        )}
      </figcaption>
      <div ref={place} role="img" aria-label={`${title} in the last hour`} />
    </figure>
  );
}

/** With the page's colours, which follow the light: a canvas takes no variables. */
function options(
  place: HTMLElement,
  { format, isBinary, least = 0.1, limit, names }: Series,
  onIndex: (index: number | null) => void,
): Omit<uPlot.Options, "width" | "height"> {
  const colour = (name: string) => {
    const probe = place.appendChild(document.createElement("i"));
    probe.className = name;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  /** From one side to the other, whatever is known of the time. */
  const drawLimit = ({ bbox, ctx, valToPos }: uPlot) => {
    if (limit === undefined) return;
    const y = valToPos(limit.value, "y", true);
    ctx.save();
    ctx.strokeStyle = colour("line-limit");
    ctx.setLineDash([6, 4]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  };
  const most = (max: number) => Math.max(max, limit?.value ?? 0) * 1.1;
  const axis = {
    stroke: colour("dim"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    hooks: {
      draw: [drawLimit],
      setCursor: [({ cursor }) => onIndex(cursor.idx ?? null)],
    },
    legend: { show: false },
    cursor: { y: false, drag: { x: false }, points: { size: 6 } },
    scales: {
      x: { range: (_plot, _min, max) => [max - HOUR, max] },
      y: { range: (_plot, _min, max) => [0, Math.max(most(max), least)] },
    },
    series: [
      {},
      ...names.map((label, i) => ({
        label,
        stroke: colour(`line-${i + 1}`),
        width: 1.5,
      })),
    ],
    axes: [
      { ...axis, size: 28, values: (_plot, ticks) => ticks.map(hour) },
      {
        ...axis,
        size: 72,
        values: (_plot, ticks) => ticks.map(format),
        ...isBinary ? { incrs: POWERS } : {},
      },
    ],
  };
}

/** @param time in seconds since 1970 */
function hour(time: number): string {
  return clock(new Date(time * 1000)).slice(0, 5);
}
