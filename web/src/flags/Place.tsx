// One flag in one environment: what it serves to whom, how far it is rolled out, how it is used, and the kill.
import { useState } from "preact/hooks";

import { post } from "../api/client.ts";
import type { FlagEverywhere, PlaceView, SlotView } from "../api/types.ts";
import { fresh } from "../live/state.ts";
import { Ago, Card, Pill } from "../parts/bits.tsx";
import { say } from "../parts/say.tsx";
import { paths } from "../router.ts";
import { Ask, mayTurn } from "./Ask.tsx";
import { Exposure } from "./Exposure.tsx";
import { flagPath } from "./live.ts";
import { Chip, Usage } from "./Use.tsx";
import { breakerTone, capital, colourOf, served, share, standing } from "./words.ts";

export function Place({ flag, at, refresh }: { flag: FlagEverywhere; at: PlaceView; refresh: () => void }) {
  const { cell } = at;
  const name = flag.row.key;
  const variants = flag.variants.map((each) => each.name);
  const { word, tone, divided } = served(cell);
  const colour = (variant: string): number => colourOf(variant, flag.off, variants);
  return (
    <Card title={cell.environment} name={`place place-${cell.environment}`} aside={mayTurn() && <Kill flag={flag} at={at} refresh={refresh} />}>
      <p class="place-standing">
        <Pill tone={tone}>{divided ? "In part" : word}</Pill> {capital(standing(cell, flag.off))}.
      </p>
      {at.override && (
        <p class="notice bad">
          {capital(at.override.kind)} by <b>{at.override.by}</b> <Ago at={at.override.since} />
          {at.override.reason && `: ${at.override.reason}`}
        </p>
      )}
      {at.override && <p class="small quiet-text">Intended, and served again afterwards:</p>}
      {cell.state !== "disabled" && <Slots slots={at.slots} colour={colour} />}
      <ol class="flag-rules" aria-label={`Who gets what in ${cell.environment}`}>
        {at.rules.map((rule, index) => (
          <li key={index}>
            <span>{capital(rule.who)}</span>
            <Chip variant={rule.serves} colour={colour(rule.serves)} />
          </li>
        ))}
      </ol>
      <Breaker at={at} />
      {at.needed_by.length > 0 && (
        <p class="small">
          Needed by{" "}
          {at.needed_by.map((key, index) => (
            <span key={key}>
              {index > 0 && ", "}
              <a href={paths.flag(key)}>{key}</a>
            </span>
          ))}
        </p>
      )}
      {at.driver && (
        <p class="notice wait">
          The release <a href={paths.rollout(at.driver.slice(0, at.driver.lastIndexOf("-")), at.driver)}>{at.driver}</a> sees to its exposure.
        </p>
      )}
      {at.exposure_percent !== null && mayTurn() && <Exposure name={name} at={at} refresh={refresh} />}
      <Usage name={name} at={at} off={flag.off} variants={variants} />
    </Card>
  );
}

function Breaker({ at }: { at: PlaceView }) {
  if (!at.breaker) return null;
  const watched = at.watched;
  const value = watched?.value ?? null;
  return (
    <p class="flag-breaker small">
      <b>Breaker</b>
      {watched && <Pill tone={breakerTone(watched.state)}>{watched.state}</Pill>}
      <span>{at.breaker}</span>
      {watched && <span class="quiet-text num">{watched.trouble || (value === null ? "no data" : `now ${Number(value.toPrecision(4))}`)}</span>}
    </p>
  );
}

/** The users whom no rule decides about, in the order of the slots: growth fills each from its start. */
function Slots({ slots, colour }: { slots: readonly SlotView[]; colour: (variant: string) => number }) {
  const text = slots.map((slot) => `${slot.variant} ${share(slot.percent)}`).join(", ");
  return (
    <div class="slots" role="img" aria-label={`All users by slot: ${text}`}>
      {slots.map((slot, index) => (
        <i key={index} class={`of-${colour(slot.variant)}`} style={{ flexGrow: slot.percent }} title={`${slot.variant} ${share(slot.percent)}`} />
      ))}
    </div>
  );
}

function Kill({ flag, at, refresh }: { flag: FlagEverywhere; at: PlaceView; refresh: () => void }) {
  const [asking, ask] = useState(false);
  const name = flag.row.key;
  const environment = at.cell.environment;
  const killed = at.override?.kind === "killed";

  async function submit(reason: string): Promise<void> {
    await post(`${flagPath(environment, name)}/${killed ? "unkill" : "kill"}`, { reason });
    say(killed ? `The kill of ${name} in ${environment} has ended.` : `${name} in ${environment} is killed: everybody gets ${flag.off}.`, killed ? "ok" : "wait");
    refresh();
  }

  return (
    <>
      <button type="button" class={`${killed ? "plain" : "danger"} small`} aria-disabled={!fresh.value} onClick={() => fresh.value && ask(true)}>
        {killed ? "End the kill" : "Kill"}
        <span class="visually-hidden"> in {environment}</span>
      </button>
      {asking && (
        <Ask
          title={killed ? `End the kill of ${name} in ${environment}` : `Kill ${name} in ${environment}`}
          label={killed ? "End the kill" : "Kill"}
          kind={killed ? "main" : "danger"}
          needsReason={!killed}
          submit={submit}
          onClose={() => ask(false)}
        >
          <p>
            {killed
              ? "What was intended counts again, for everybody at once."
              : `Everybody gets ${flag.off}, at once, past approvals, windows and freezes. What was intended stays, and counts again when the kill ends.`}
          </p>
        </Ask>
      )}
    </>
  );
}
