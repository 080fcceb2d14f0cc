// The judge: its word, how far the evidence has come, and how it got there.
import type { RolloutView, ServiceView } from "../api/types.ts";
import { readEvidence } from "../words/evidence.ts";
import { duration } from "../words/format.ts";
import { Card, Pill } from "./bits.tsx";
import { EvidenceChart, useMeasurements } from "./EvidenceCard.tsx";
import type { Tone } from "../words/standing.ts";

const AGAIN_SECONDS = 5;
const VERDICT_TONES: Record<string, Tone> = { pass: "ok", fail: "bad", error: "wait", insufficient: "wait" };
const VERDICT_WORDS: Record<string, string> = {
  pass: "Pass",
  fail: "Fail",
  error: "No evidence",
  insufficient: "Too little to weigh",
  continue: "Gathering evidence",
};

export function Judge({ view, rollout }: { view: ServiceView; rollout: RolloutView }) {
  const evidence = readEvidence(rollout.evidence);
  const verdict = rollout.verdict ?? "";
  const series = useMeasurements(rollout.id, Math.floor(view.at / AGAIN_SECONDS));
  const word = VERDICT_WORDS[verdict] ?? "Not asked yet";
  return (
    <Card title="The judge" name="judge" aside={<Pill tone={VERDICT_TONES[verdict] ?? "busy"}>{word}</Pill>}>
      <p class="judge-reason">{rollout.verdict_reason || "It speaks when the candidate meets users."}</p>
      {evidence?.guard && <p class="notice bad">Guard: {evidence.guard}</p>}
      {(evidence?.harm ?? null) !== null && (
        <div class="meters">
          <Meter name="Harm" tone="bad" part={evidence?.harm ?? 0} at="taken back at 100%" />
          {(evidence?.passing ?? null) !== null && (
            <Meter name="Proof to go on" tone="ok" part={evidence?.passing ?? 0} at="goes on at 100%" />
          )}
        </div>
      )}
      {evidence?.expectedSeconds ? (
        <p class="quiet-text small">At this traffic a pass takes about {duration(evidence.expectedSeconds)} more.</p>
      ) : null}
      {series && <EvidenceChart series={series} />}
    </Card>
  );
}

function Meter({ name, part, tone, at }: { name: string; part: number; tone: "bad" | "ok"; at: string }) {
  const value = Math.round(part * 100);
  return (
    <div class="meter">
      <span class="meter-name">{name}</span>
      <span class="num">{value}%</span>
      <span class={`meter-bar ${tone}`} role="meter" aria-label={`${name}, ${at}`} aria-valuenow={value} aria-valuemin={0} aria-valuemax={100}>
        <span style={{ width: `${value}%` }} />
      </span>
    </div>
  );
}
