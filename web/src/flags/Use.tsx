// How a flag is used: how often each variant is given, minute by minute, and which programs ask.
import type { PlaceView, VariantMinute } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { Ago } from "../parts/bits.tsx";
import { Sparkline } from "../parts/Chart.tsx";
import { count } from "../words/format.ts";
import { useUse } from "./live.ts";
import { colourOf, share } from "./words.ts";

const MINUTES = 60;

export function Usage({ name, at, off, variants }: { name: string; at: PlaceView; off: string; variants: readonly string[] }) {
  const environment = at.cell.environment;
  const use = useUse(environment, name);
  if (!use) return <p class="quiet-text small">Reading the counters…</p>;
  const total = use.minutes.reduce((sum, each) => sum + each.evaluations, 0);
  const given = [...new Set([...variants, ...use.minutes.map((each) => each.variant)])];
  return (
    <div class="usage">
      {total === 0 ? (
        <p class="quiet-text small">No program told of evaluations within the last hour.</p>
      ) : (
        <table>
          <caption class="visually-hidden">
            Evaluations of {name} in {environment} within the last hour
          </caption>
          <thead>
            <tr>
              <th scope="col">Given</th>
              <th scope="col">Last hour, by minute</th>
              <th scope="col" class="right">
                Evaluations
              </th>
              <th scope="col" class="right">
                Share
              </th>
            </tr>
          </thead>
          <tbody>
            {given.map((variant) => (
              <Line key={variant} variant={variant} minutes={use.minutes} total={total} colour={colourOf(variant, off, variants)} />
            ))}
          </tbody>
        </table>
      )}
      {use.askers.length > 0 && (
        <p class="small askers">
          <span class="quiet-text">Evaluated by</span>{" "}
          {use.askers.map((each) => (
            <span key={each.program} class="asker">
              <b>{each.program}</b>{" "}
              <span class="quiet-text">
                {each.version !== null && `version ${each.version}, `}
                <Ago at={each.at} />
              </span>
            </span>
          ))}
        </p>
      )}
    </div>
  );
}

function Line({ variant, minutes, total, colour }: { variant: string; minutes: readonly VariantMinute[]; total: number; colour: number }) {
  const last = Math.floor(now.value / 60) * 60;
  const values = new Array<number>(MINUTES).fill(0);
  let sum = 0;
  for (const each of minutes) {
    if (each.variant !== variant) continue;
    sum += each.evaluations;
    const index = MINUTES - 1 - Math.round((last - each.minute) / 60);
    if (index >= 0 && index < MINUTES) values[index] = (values[index] ?? 0) + each.evaluations;
  }
  return (
    <tr>
      <th scope="row">
        <Chip variant={variant} colour={colour} />
      </th>
      <td>
        <Sparkline values={values} role={`of-${colour}`} label={`${variant || "the default in code"}: ${count(sum)} evaluations within the last hour`} />
      </td>
      <td class="right num" data-count={sum}>
        {count(sum)}
      </td>
      <td class="right num">{share(Number(((sum * 100) / total).toFixed(1)))}</td>
    </tr>
  );
}

/** A variant with its colour. */
export function Chip({ variant, colour }: { variant: string; colour: number }) {
  return (
    <span class="chip">
      <i class={`swatch of-${colour}`} aria-hidden="true" />
      {variant || "default in code"}
    </span>
  );
}
