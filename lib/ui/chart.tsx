import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** Values at times, in seconds since 1970; one list for each line. */
export interface Series {
  readonly title: string;
  readonly names: readonly string[];
  readonly times: readonly number[];
  readonly values: readonly (readonly number[])[];
  readonly format: (value: number) => string;
  /** The least that the chart is high, whatever the values are. */
  readonly least?: number;
}

const HEIGHT = 160;

/** In seconds. */
const HOUR = 3600;

/** A chart over time; what it shows is also said in words. */
export function Chart(series: Series) {
  const { title, names, times, values, format, least = 0.1 } = series;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const nothing = (): uPlot.AlignedData => [[], ...names.map(() => [])];
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        {
          ...options(element, names, format, least),
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

  return (
    <figure class="chart">
      <figcaption>
        {title}{" "}
        {names.map((name, i) => (
          <span key={name} class={`mono line-${i + 1}`}>
            {name} {format(values[i]?.at(-1) ?? 0)}
            {" "}
          </span>
        ))}
      </figcaption>
      <div ref={place} role="img" aria-label={`${title} in the last hour`} />
    </figure>
  );
}

/** With the page's colours, which follow the light: a canvas takes no variables. */
function options(
  place: HTMLElement,
  names: readonly string[],
  format: (value: number) => string,
  least: number,
): Omit<uPlot.Options, "width" | "height"> {
  const colour = (name: string) => {
    const probe = place.appendChild(document.createElement("i"));
    probe.className = name;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  const axis = {
    stroke: colour("dim"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_plot, _min, max) => [max - HOUR, max] },
      y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, least)] },
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
      { ...axis, size: 28, values: (_plot, ticks) => ticks.map(clock) },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) },
    ],
  };
}

/** @param time in seconds since 1970 */
function clock(time: number): string {
  return new Date(time * 1000).toTimeString().slice(0, 5);
}
