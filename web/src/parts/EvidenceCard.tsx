// How the evidence of a rollout went, from the judge's own lines, against the two thresholds at which it decides.
import type { EventView, MeasurementSeries } from "../api/types.ts";
import { useLoaded } from "../pages/load.ts";
import { clock, milliseconds, percent } from "../words/format.ts";
import { Card } from "./bits.tsx";
import { Chart } from "./Chart.tsx";
import { Legend } from "./Legend.tsx";

const POINTS = 400;

/** The judge's lines about a rollout; read anew when `again` changes. */
export function useMeasurements(rollout: string, again: unknown): MeasurementSeries | null {
  const found = useLoaded<MeasurementSeries>(rollout && `/v1/rollouts/${encodeURIComponent(rollout)}/measurements?points=${POINTS}`, again);
  return found.state === "there" && found.value.at.length > 1 ? found.value : null;
}

/** Harm and proof, each in percent of what decides. */
export function EvidenceChart({ series }: { series: MeasurementSeries }) {
  const times = [...new Set([...series.at, ...series.promote.at])].sort((a, b) => a - b);
  const harm = along(times, series.at, share(series.log_e, series.fail_at));
  const proof = along(times, series.promote.at, share(series.promote.log_e, series.pass_at));
  const said = (values: (number | null)[]): string => percent(values.findLast((value) => value !== null) ?? null);
  return (
    <Chart
      times={times}
      lines={[
        { label: "harm", color: "--bad", values: harm, gaps: true },
        { label: "proof", color: "--ok", values: proof, gaps: true, dash: [6, 3] },
      ]}
      limits={[{ value: 100, color: "--ink-2", label: "here it decides" }]}
      max={118}
      height={170}
      format={(value) => `${value}%`}
      text={`Evidence over time, in percent of what decides. Harm is at ${said(harm)}: at 100% the release is taken back. Proof to go on is at ${said(proof)}: at 100% the step passes.`}
    />
  );
}

function share(values: readonly (number | null)[], limit: number | null): (number | null)[] {
  if (!limit) return values.map(() => null);
  return values.map((value) => (value === null ? null : Math.min(112, Math.max(0, (100 * value) / limit))));
}

function along(times: number[], own: readonly number[], values: (number | null)[]): (number | null)[] {
  const known = new Map(own.map((at, index) => [at, values[index] ?? null]));
  return times.map((at) => known.get(at) ?? null);
}

export function EvidenceLegend() {
  return (
    <span class="legend small" aria-hidden="true">
      <span>
        <i class="stroke bad" /> harm
      </span>
      <span>
        <i class="stroke ok dashed" /> proof to go on
      </span>
    </span>
  );
}

/** Errors and latency of both sides, as the judge was given them. */
export function SideCharts({ series }: { series: MeasurementSeries }) {
  const { at, stable, candidate } = series;
  const lines = (figure: "error_percent" | "p95_ms") => [
    { label: "stable", color: "--stable", values: stable[figure], fill: true, gaps: true },
    { label: "candidate", color: "--candidate", values: candidate[figure], gaps: true },
  ];
  const last = (values: readonly (number | null)[]): number | null => values.findLast((value) => value !== null) ?? null;
  return (
    <div class="columns">
      <Card title="Errors" name="errors-chart" aside={<Legend />}>
        <Chart
          times={at}
          lines={lines("error_percent")}
          format={(value) => `${value}%`}
          text={`Errors in percent of requests. Stable ${percent(last(stable.error_percent))}, candidate ${percent(last(candidate.error_percent))} at the end.`}
        />
      </Card>
      <Card title="Latency p95" name="latency-chart" aside={<Legend />}>
        <Chart
          times={at}
          lines={lines("p95_ms")}
          format={(value) => milliseconds(value)}
          text={`Latency that 95 percent of requests stay below. Stable ${milliseconds(last(stable.p95_ms))}, candidate ${milliseconds(last(candidate.p95_ms))} at the end.`}
        />
      </Card>
    </div>
  );
}

export function EvidenceCard({ rollout, events, series }: { rollout: string; events: readonly EventView[]; series: MeasurementSeries | null }) {
  const verdicts = events.filter((event) => event.kind === "verdict_changed" && event.rollout === rollout);
  return (
    <Card title="The judge" name="judge" aside={series && <EvidenceLegend />}>
      {series && <EvidenceChart series={series} />}
      {verdicts.length === 0 ? (
        <p class="quiet-text">It was not asked.</p>
      ) : (
        <ol class="verdicts">
          {verdicts.map((event) => (
            <li key={event.position}>
              <time class="num quiet-text">{clock(event.at)}</time> <b>{String(event.body["verdict"])}</b> {String(event.body["reason"])}
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
