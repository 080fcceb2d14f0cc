// The table that the whole page is about: stable and candidate, the difference, and how sure that is.
import type { ServiceView } from "../api/types.ts";
import { rows, type Mark, type Row } from "../words/compare.ts";
import { readEvidence, type Metric } from "../words/evidence.ts";
import { count } from "../words/format.ts";
import { sides } from "../words/standing.ts";
import { Dot } from "./bits.tsx";

const SIGNS: Record<Mark, string> = { ok: "✓", warn: "▲", bad: "✗", "": "" };
const SAID: Record<Mark, string> = { ok: "fine", warn: "worth a look", bad: "bad", "": "" };

export function Compare({ view }: { view: ServiceView }) {
  const { stable, candidate } = sides(view);
  const evidence = view.rollout ? readEvidence(view.rollout.evidence) : null;
  const compared = candidate?.role === "candidate";
  return (
    <table class="compare">
      <caption class="visually-hidden">Figures of the last ten seconds, version beside version</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="visually-hidden">Figure</span>
          </th>
          {[stable, candidate].map(
            (side) =>
              side && (
                <th scope="col" key={side.revision}>
                  <Dot role={side.role} /> {side.label} <small>{side.role}</small>
                </th>
              ),
          )}
          {compared && <th scope="col">Difference</th>}
          {compared && (
            <th scope="col" class="sure">
              Surely within
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {rows(view, evidence).map((row) => (
          <Line key={row.name} row={row} both={candidate !== undefined} compared={compared} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ row, both, compared }: { row: Row; both: boolean; compared: boolean }) {
  return (
    <tr class={row.mark}>
      <th scope="row">{row.name}</th>
      <td class="num">{row.left}</td>
      {both && <td class="num">{row.right}</td>}
      {compared && (
        <td class={`num delta ${row.mark}`}>
          {row.delta}{" "}
          <span class="sign" title={SAID[row.mark]}>
            <span aria-hidden="true">{SIGNS[row.mark]}</span>
            <span class="visually-hidden">{SAID[row.mark]}</span>
          </span>
        </td>
      )}
      {compared && <td class="sure">{row.metric && <Interval metric={row.metric} />}</td>}
    </tr>
  );
}

const HIGHEST = 21.6; // the judge's grid ends here: no upper end yet
const SCALE_LOW = 0.25;
const SCALE_HIGH = 8;

function place(ratio: number): number {
  const clamped = Math.min(SCALE_HIGH, Math.max(SCALE_LOW, ratio));
  return (100 * Math.log(clamped / SCALE_LOW)) / Math.log(SCALE_HIGH / SCALE_LOW);
}

/** The interval of the true ratio on a logarithmic line: 1 is "the same", the tick is what counts as harm. */
function Interval({ metric }: { metric: Metric }) {
  const { low, high, ratio, margin } = metric;
  const open = (low ?? 0) <= 0 && (high ?? HIGHEST) >= HIGHEST;
  if (open) return <span class="quiet-text small">{ratio === null && low === null ? "" : "not known yet"}</span>;
  const from = place(low ?? SCALE_LOW);
  const to = place(high ?? SCALE_HIGH);
  const text = `${end(low, "0")}–${end(high, "∞")}×`;
  const n = `${count(metric.candidateN ?? 0)} of ${count((metric.stableN ?? 0) + (metric.candidateN ?? 0))} requests`;
  return (
    <span class="interval" title={`true ratio ${text}; ${n}${margin === null ? "" : `; harm is more than ${margin}×`}`}>
      <span class="interval-line" aria-hidden="true">
        <i class="one" style={{ left: `${place(1)}%` }} />
        {margin !== null && <i class="margin" style={{ left: `${place(margin)}%` }} />}
        <i class="range" style={{ left: `${from}%`, width: `${Math.max(2, to - from)}%` }} />
        {ratio !== null && <i class="point" style={{ left: `${place(ratio)}%` }} />}
      </span>
      <span class="num small">{text}</span>
    </span>
  );
}

function end(value: number | null, open: string): string {
  if (value === null || value <= 0) return open;
  return value >= HIGHEST ? "∞" : value.toFixed(2);
}
