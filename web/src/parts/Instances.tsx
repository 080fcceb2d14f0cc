// The instances of a service, one by one.
import type { ServiceView } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { percent, roughly, size } from "../words/format.ts";
import { Card, Dot } from "./bits.tsx";

export function Instances({ view }: { view: ServiceView }) {
  const roles = new Map(view.sides.map((side) => [side.label, side.role]));
  const ready = view.instances.filter((each) => each.state === "ready").length;
  return (
    <Card
      title="Instances"
      name="instances"
      aside={
        <span class="quiet-text small num">
          {ready} of {view.instances.length} ready
        </span>
      }
    >
      {view.instances.length === 0 ? (
        <p class="quiet-text">None runs.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Instances, one by one">
          <table class="instances">
            <thead>
              <tr>
                <th scope="col">Instance</th>
                <th scope="col">State</th>
                <th scope="col" class="right">
                  Up
                </th>
                <th scope="col" class="right">
                  CPU
                </th>
                <th scope="col" class="right">
                  Memory
                </th>
              </tr>
            </thead>
            <tbody>
              {view.instances.map((each) => (
                <tr key={each.id} class={each.state}>
                  <th scope="row">
                    <Dot role={roles.get(each.label) ?? "old"} /> {each.id}
                    {each.port !== null && <span class="quiet-text small"> :{each.port}</span>}
                  </th>
                  <td>
                    {each.state}
                    {each.reason && <span class="reason small">{each.reason}</span>}
                  </td>
                  <td class="num right">{roughly(now.value - each.started_at)}</td>
                  <td class="num right">{percent(each.cpu_percent)}</td>
                  <td class="num right">{size(each.memory_bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
