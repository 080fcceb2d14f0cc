// A time chart by uPlot, in the page's colours, with its text alternative. Colours are read from the style sheet.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { painted } from "../theme/theme.ts";

export interface Line {
  label: string;
  color: string; // the name of a custom property
  values: (number | null)[];
  width?: number;
  dash?: number[];
  fill?: boolean;
  gaps?: boolean; // joined across moments at which it has no value
}

export interface ChartProps {
  times: number[];
  lines: Line[];
  text: string;
  format: (value: number) => string;
  height?: number;
  max?: number;
  limits?: { value: number; color: string; label: string }[];
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
}

export function Chart({ times, lines, text, format, height = 180, max, limits = [] }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shape = `${lines.map((line) => line.label + line.color).join("|")}/${painted.value}/${height}/${limits.map((l) => l.value).join()}`;
  const data = [times, ...lines.map((line) => line.values)] as uPlot.AlignedData;

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    plot.current = new uPlot(options(element, lines, format, height, max, limits), data, element);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);

  // The page is drawn anew more often than there is something new to plot.
  useEffect(() => plot.current?.setData(data), [shape, times.length, times.at(-1)]);

  return (
    <figure class="chart">
      <div ref={host} aria-hidden="true" style={{ minHeight: `${height}px` }} />
      <figcaption class="visually-hidden">{text}</figcaption>
    </figure>
  );
}

function options(
  element: HTMLElement,
  lines: Line[],
  format: (value: number) => string,
  height: number,
  max: number | undefined,
  limits: NonNullable<ChartProps["limits"]>,
): uPlot.Options {
  const grid = { stroke: token("--line"), width: 1 };
  const font = "12px 'Instrument Sans Variable', system-ui, sans-serif";
  const axis = { stroke: token("--ink-3"), font, ticks: { show: false } };
  return {
    width: element.clientWidth || 300,
    height,
    padding: [10, 26, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true }, y: { range: (_, __, high) => [0, top(high, max, limits)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 70, values: (_, ticks) => ticks.map(timeOf) },
      { ...axis, grid, size: 52, space: 36, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))) },
    ],
    series: [
      {},
      ...lines.map((line): uPlot.Series => {
        const color = token(line.color);
        return {
          label: line.label,
          stroke: color,
          width: line.width ?? 2,
          points: { show: false },
          spanGaps: line.gaps ?? false,
          ...(line.dash ? { dash: line.dash } : {}),
          ...(line.fill ? { fill: `color-mix(in srgb, ${color} 14%, transparent)` } : {}),
        };
      }),
    ],
    hooks: { draw: [(chart) => limits.forEach((limit) => drawLimit(chart, limit, font))] },
  };
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function top(high: number | null, max: number | undefined, limits: { value: number }[]): number {
  const most = Math.max(high ?? 0, ...limits.map((limit) => limit.value));
  return max ?? (most > 0 ? most * 1.15 : 1);
}

function drawLimit(chart: uPlot, limit: { value: number; color: string; label: string }, font: string): void {
  const { ctx, bbox } = chart;
  const y = Math.round(chart.valToPos(limit.value, "y", true));
  ctx.save();
  ctx.strokeStyle = token(limit.color);
  ctx.fillStyle = token(limit.color);
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = font.replace("12px", `${11 * devicePixelRatio}px`);
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  ctx.fillText(limit.label, bbox.left + bbox.width - 4, y - 2);
  ctx.restore();
}

/** A line without axes, drawn as SVG: for lists. */
export function Sparkline({ values, label, role }: { values: (number | null)[]; label: string; role?: string }) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return <span class="sparkline" aria-hidden="true" />;
  const high = Math.max(...known) || 1;
  const points = values
    .map((value, index) => (value === null ? "" : `${((index / (values.length - 1)) * 100).toFixed(1)},${(26 - (value / high) * 24).toFixed(1)}`))
    .filter(Boolean)
    .join(" ");
  return (
    <svg class={`sparkline ${role ?? ""}`} viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label={label}>
      <polyline points={points} fill="none" vector-effect="non-scaling-stroke" />
    </svg>
  );
}
