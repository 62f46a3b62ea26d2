import { useEffect, useRef, useState } from "preact/hooks";
import "./language.ts";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clock } from "../model/format.ts";
import "./chart.css";

/** Values of each line, at times in seconds since 1970. */
export interface Series {
  readonly title: string;
  readonly names: readonly string[];
  readonly times: readonly number[];
  readonly values: readonly (readonly number[])[];
  readonly format: (value: number) => string;
  /** Least upper end of the scale. */
  readonly minTop?: number;
  /** Marks of the scale are powers of two. */
  readonly isBinary?: boolean;
  /** A line above which values are bad, and its name. */
  readonly limit?: { readonly name: string; readonly value: number };
}

const HEIGHT = 160;

/** In seconds. */
const HOUR = 3600;

/** Distances between marks of a scale of bytes. */
const POWERS = Array.from({ length: 40 }, (_, i) => 2 ** i);

/** A chart over time; its caption has the values under the pointer, or the newest. */
export function Chart(series: Series) {
  const { title, names, times, values, format, limit } = series;
  const newest = useRef(series);
  newest.current = series;
  const container = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  /** Of the values under the pointer; null without one. */
  const [index, setIndex] = useState<number | null>(null);

  useEffect(() => {
    const element = container.current;
    if (element === null) return;
    const emptyData = (): uPlot.AlignedData => [[], ...names.map(() => [])];
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        {
          ...options(element, newest, setIndex),
          width: element.clientWidth,
          height: HEIGHT,
        },
        plot.current?.data ?? emptyData(),
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
  }, [times, values, limit?.value]);

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
      <div
        ref={container}
        role="img"
        aria-label={`${title} in the last hour`}
      />
    </figure>
  );
}

/**
 * Options with the page's colours: a canvas takes no variables of CSS.
 *
 * @param series the newest, whose limit may differ from that of the first
 */
function options(
  container: HTMLElement,
  series: { readonly current: Series },
  onIndex: (index: number | null) => void,
): Omit<uPlot.Options, "width" | "height"> {
  const { format, isBinary, minTop = 0.1, names } = series.current;
  const colour = (name: string) => {
    const probe = container.appendChild(document.createElement("i"));
    probe.className = name;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  const drawLimit = ({ bbox, ctx, valToPos }: uPlot) => {
    const { limit } = series.current;
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
  const top = (max: number) =>
    Math.max(max, series.current.limit?.value ?? 0) * 1.1;
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
      y: { range: (_plot, _min, max) => [0, Math.max(top(max), minTop)] },
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
