// The plan as a track: what is done, where it stands, what is ahead, and what must hold before each next step.
import { now } from "../live/clock.ts";
import { countdown, weight } from "../words/format.ts";
import { goingBack, running } from "../words/standing.ts";
import type { RolloutView, StepView } from "../api/types.ts";

const STATE_WORDS: Record<string, string> = { done: "done", current: "now", ahead: "ahead" };

export function Track({ rollout }: { rollout: RolloutView }) {
  const back = goingBack(rollout);
  const many = rollout.steps.length > 8;
  return (
    <div class={`track ${back ? "back" : ""} ${rollout.phase === "paused" ? "paused" : ""} ${many ? "many" : ""}`}>
      <ol aria-label={back ? "The way back, step by step" : "The plan, step by step"}>
        {rollout.steps.map((step, index) => (
          <Step key={index} step={step} rollout={rollout} />
        ))}
      </ol>
    </div>
  );
}

function Step({ step, rollout }: { step: StepView; rollout: RolloutView }) {
  const here = step.state === "current" && running(rollout);
  return (
    <li class={step.state} aria-current={here ? "step" : undefined}>
      <span class="node" aria-hidden="true">
        {step.state === "done" ? "✓" : ""}
      </span>
      <span class="name">{step.name}</span>
      <span class="visually-hidden">, {STATE_WORDS[step.state] ?? step.state}</span>
      <span class="gates">
        {showShare(step) && <span class="share">{weight(step.exposure_percent)} of users</span>}
        {step.gates.map((gate) => (
          <span class="gate" key={gate}>
            {gateText(gate)}
          </span>
        ))}
      </span>
      {here && <Progress rollout={rollout} />}
    </li>
  );
}

function showShare(step: StepView): boolean {
  return step.exposure_percent > 0 && step.name !== weight(step.exposure_percent);
}

function gateText(gate: string): string {
  const held = /^hold (.+)s$/.exec(gate);
  if (held) return `≥ ${countdown(Number(held[1]))}`;
  return gate === "a person" ? "a person’s word" : gate;
}

/** How much of the step's time has passed. */
function Progress({ rollout }: { rollout: RolloutView }) {
  const { until, reached_at: from } = rollout;
  if (until === null || from === null || until <= from) return null;
  const part = Math.min(1, Math.max(0, (now.value - from) / (until - from)));
  return (
    <span class="progress" aria-hidden="true">
      <span style={{ width: `${(part * 100).toFixed(1)}%` }} />
    </span>
  );
}

/** The same in one line of dots, for lists. */
export function SmallTrack({ rollout }: { rollout: RolloutView }) {
  const at = Math.min(rollout.step + 1, rollout.steps.length);
  const name = rollout.steps[rollout.step]?.name ?? "";
  const back = goingBack(rollout);
  return (
    <span class={`small-track ${back ? "back" : ""} ${rollout.phase === "paused" ? "paused" : ""}`}>
      <span class="dots" aria-hidden="true">
        {rollout.steps.map((step, index) => (
          <i key={index} class={step.state} />
        ))}
      </span>
      <span class="small">
        {back ? "back, " : ""}
        {at}/{rollout.steps.length} {name}
      </span>
    </span>
  );
}
