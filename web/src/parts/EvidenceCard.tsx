// How the evidence of a rollout went, from the log: the judge's lines where they are kept, else its changes of mind.
import type { EventView } from "../api/types.ts";
import { clock } from "../words/format.ts";
import { Card } from "./bits.tsx";

export function EvidenceCard({ events }: { rollout: string; events: readonly EventView[] }) {
  const verdicts = events.filter((event) => event.kind === "verdict_changed");
  return (
    <Card title="The judge" name="judge">
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
