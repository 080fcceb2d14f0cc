// Who gets how much: what was asked for, and what is really served.
import type { ServiceView } from "../api/types.ts";
import { weight } from "../words/format.ts";
import { sides } from "../words/standing.ts";
import { Dot } from "./bits.tsx";

export function Split({ view }: { view: ServiceView }) {
  const { stable, candidate } = sides(view);
  const shown = [stable, candidate].filter((side) => side !== undefined);
  const total = shown.reduce((sum, side) => sum + side.weight_seen, 0);
  if (!shown.length || (!total && !view.url)) {
    return <p class="quiet-text">{view.url ? "No traffic is routed." : "No traffic is routed: it works without requests."}</p>;
  }
  const text = shown
    .map((side) => `${side.label}: asked ${weight(side.weight_asked)}, served ${weight(side.weight_seen)}`)
    .join("; ");
  return (
    <div class="split" role="group" aria-label="Share of the traffic">
      <p class="visually-hidden">{text}</p>
      <div class="split-heads" aria-hidden="true">
        {shown.map((side) => (
          <span key={side.revision} class={`split-head ${side.role}`}>
            <Dot role={side.role} />
            <b>{side.label}</b> <span class="quiet-text">{side.role}</span>
            <span class="split-figure num">{weight(side.weight_seen)}</span>
            {Math.abs(side.weight_seen - side.weight_asked) > 0.5 && (
              <span class="quiet-text num"> asked {weight(side.weight_asked)}</span>
            )}
          </span>
        ))}
      </div>
      <div class="split-bar" aria-hidden="true">
        {shown.map((side) => (
          <span key={side.revision} class={side.role} style={{ flexGrow: side.weight_seen, flexBasis: 0 }} />
        ))}
        {stable && candidate && candidate.weight_asked > 0 && candidate.weight_asked < 100 && (
          <i class="asked" style={{ left: `${100 - candidate.weight_asked}%` }} />
        )}
      </div>
    </div>
  );
}

/** A bar alone, for lists. */
export function SmallSplit({ view }: { view: ServiceView }) {
  const { stable, candidate } = sides(view);
  return (
    <span class="split-bar small-bar" aria-hidden="true">
      {[stable, candidate].map(
        (side) => side && <span key={side.revision} class={side.role} style={{ flexGrow: side.weight_seen, flexBasis: 0 }} />,
      )}
    </span>
  );
}
