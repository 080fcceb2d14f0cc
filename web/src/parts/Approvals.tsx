// What people were asked to agree to, and what they said.
import type { ApprovalView, GivenView } from "../api/types.ts";
import { clock } from "../words/format.ts";
import type { Tone } from "../words/standing.ts";
import { Card, Countdown, Pill } from "./bits.tsx";

const STATES: Record<string, { word: string; tone: Tone }> = {
  open: { word: "Asked", tone: "wait" },
  granted: { word: "Granted", tone: "ok" },
  denied: { word: "Denied", tone: "bad" },
};

export function Approvals({ approvals }: { approvals: readonly ApprovalView[] }) {
  if (!approvals.length) return null;
  return (
    <Card title="Approvals" name="approvals">
      <ul class="approvals">
        {approvals.map((each) => {
          const { word, tone } = STATES[each.state] ?? { word: each.state, tone: "off" as Tone };
          return (
            <li key={each.key}>
              <p>
                <Pill tone={tone}>{word}</Pill> <b>{each.step_name}</b>: {each.given.length} of {each.needed} have agreed
                <span class="quiet-text">, role {each.role} or above</span>
                {each.state === "open" && each.until !== null && (
                  <span class="quiet-text">
                    {" "}
                    · counts as denied in <Countdown until={each.until} />
                  </span>
                )}
              </p>
              {each.given.map((given) => (
                <Given key={given.at} given={given} word="agreed" />
              ))}
              {each.denied && <Given given={each.denied} word="denied" />}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Given({ given, word }: { given: GivenView; word: string }) {
  return (
    <p class="small">
      <span class="num quiet-text">{clock(given.at)}</span> <b>{given.by}</b> ({given.role}) {word}
      {given.reason && `: ${given.reason}`}
    </p>
  );
}
