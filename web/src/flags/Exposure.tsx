// The slider of a rollout: while it moves, the controller is asked what that would do to users.
import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError, post, said } from "../api/client.ts";
import type { FlagsAnswer, PlaceView } from "../api/types.ts";
import { fresh } from "../live/state.ts";
import { say } from "../parts/say.tsx";
import { REASON_CHARACTERS_MAX, Rebucket } from "./Ask.tsx";
import { flagPath } from "./live.ts";
import { planWords, share } from "./words.ts";

const QUIET_MS = 120; // asked once the hand rests for so long
const EXACT = 0.001;

interface Looked {
  version: number;
  percent: number;
}

export function Exposure({ name, at, refresh }: { name: string; at: PlaceView; refresh: () => void }) {
  const environment = at.cell.environment;
  const now: Looked = { version: at.cell.version, percent: at.exposure_percent ?? 0 };
  // What was looked at when the hand came: null while nobody has touched it.
  const [looked, look] = useState<Looked | null>(null);
  const [wanted, want] = useState(0);
  const [reason, setReason] = useState("");
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const value = looked ? wanted : now.percent;
  const plan = usePlan(name, environment, looked, wanted);
  const moved = looked !== null && looked.version !== now.version;
  const id = `exposure-${environment}`;

  function turn(percent: number): void {
    if (!Number.isFinite(percent)) return;
    look((before) => before ?? now);
    want(Math.min(100, Math.max(0, percent)));
    setTrouble("");
  }

  function leave(): void {
    look(null);
    setReason("");
    setSure(false);
    setTrouble("");
    document.getElementById(id)?.focus();
  }

  async function apply(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (busy || !looked || !fresh.value) return;
    setBusy(true);
    setTrouble("");
    try {
      const body = { parent: looked.version, exposure_percent: wanted, reason: reason.trim(), rebucket: sure };
      const answer = await post<FlagsAnswer>(`${flagPath(environment, name)}/change`, body);
      tell(answer, `${name} in ${environment} is at ${share(wanted)}`);
      leave();
    } catch (problem) {
      setTrouble(said(problem));
    }
    setBusy(false);
    refresh();
  }

  return (
    <form class="exposure" onSubmit={(event) => void apply(event)} aria-label={`Exposure in ${environment}`}>
      <label for={id}>Exposure</label>
      <input
        id={id}
        type="range"
        min={0}
        max={100}
        step={1}
        value={value}
        aria-valuetext={share(value)}
        aria-describedby={`${id}-plan`}
        onInput={(event) => turn(event.currentTarget.valueAsNumber)}
      />
      <span class="exposure-number">
        <input
          type="number"
          min={0}
          max={100}
          step={EXACT}
          value={value}
          aria-label={`Exposure in ${environment}, percent`}
          onInput={(event) => turn(event.currentTarget.valueAsNumber)}
        />{" "}
        %
      </span>
      <div id={`${id}-plan`} class="exposure-plan" role="status">
        {looked && plan.answer && <PlanLine answer={plan.answer} wanted={wanted} from={looked.percent} />}
        {looked && plan.why && <span class="notice bad">{plan.why}</span>}
        {!looked && at.override && <span class="quiet-text small">What is set here counts when the flag is served again.</span>}
      </div>
      {looked && (
        <div class="exposure-apply">
          <Rebucket keys={plan.answer?.needs_rebucket ?? []} checked={sure} onChange={setSure} />
          {(moved || trouble) && (
            <p class={`notice ${trouble ? "bad" : "wait"}`} role="alert">
              {moved && `Changed by ${at.cell.changed_by} meanwhile, look again: it is at ${share(now.percent)} now. `}
              {trouble}
              {moved && (
                <button type="button" class="plain small" onClick={() => { look(now); setTrouble(""); }}>
                  I have looked
                </button>
              )}
            </p>
          )}
          <input
            name="reason"
            aria-label="Reason"
            placeholder="Reason (optional, kept in the log)"
            maxLength={REASON_CHARACTERS_MAX}
            value={reason}
            autocomplete="off"
            onInput={(event) => setReason(event.currentTarget.value)}
          />
          <span class="exposure-buttons">
            <button type="button" class="plain" onClick={leave}>
              Leave it
            </button>
            <button type="submit" class="main" disabled={busy} aria-disabled={!fresh.value}>
              {busy ? "Asking…" : `Apply ${share(wanted)}`}
            </button>
          </span>
        </div>
      )}
    </form>
  );
}

/** Says what came of a write. */
export function tell(answer: FlagsAnswer, done: string): void {
  if (answer.request) say(`Request ${answer.request} waits for people to agree.`, "wait");
  else if (answer.version) say(`${done}: version ${answer.version}.`);
  else say("It was so already; nothing changed.");
}

function PlanLine({ answer, wanted, from }: { answer: FlagsAnswer; wanted: number; from: number }) {
  const [plan] = answer.plans;
  const words = plan ? planWords(plan) : ["users moved: 0"];
  return (
    <span class="num">
      {share(from)} → {share(wanted)}: <b class={plan?.moved ? "bad" : "ok"}>{words[0]}</b>
      {words.slice(1).map((each) => ` · ${each}`)}
    </span>
  );
}

interface Planned {
  answer: FlagsAnswer | null;
  why: string;
}

/** Asks what `wanted` would do; of many questions only the last is answered. */
function usePlan(name: string, environment: string, looked: Looked | null, wanted: number): Planned {
  const [planned, setPlanned] = useState<Planned>({ answer: null, why: "" });
  const turn = useRef(0);
  useEffect(() => {
    if (!looked) return setPlanned({ answer: null, why: "" });
    const mine = ++turn.current;
    const timer = setTimeout(() => {
      const body = { parent: looked.version, exposure_percent: wanted, dry_run: true };
      post<FlagsAnswer>(`${flagPath(environment, name)}/change`, body)
        .then((answer) => mine === turn.current && setPlanned({ answer, why: "" }))
        .catch((problem: unknown) => {
          if (mine === turn.current) setPlanned({ answer: null, why: problem instanceof ApiError ? said(problem) : String(problem) });
        });
    }, QUIET_MS);
    return () => clearTimeout(timer);
  }, [looked?.version, looked !== null, wanted]);
  return planned;
}
