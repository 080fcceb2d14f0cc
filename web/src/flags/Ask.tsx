// A dialog that asks for a reason before something is done to a flag.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { said } from "../api/client.ts";
import type { ChangePlan } from "../api/types.ts";
import { known, maySteer, session } from "../live/session.ts";
import { Dialog, DialogFoot } from "../parts/Dialog.tsx";
import { paths, place } from "../router.ts";
import { planChange, planWords } from "./words.ts";

export const REASON_CHARACTERS_MAX = 2000;

/** Whether the buttons are for this person: flags belong to no service. */
export function mayTurn(): boolean {
  return session.value === null || maySteer("*");
}

export function MayNot() {
  if (mayTurn()) return null;
  if (known.value) return <p class="may-not quiet-text">You may look at flags, not change them.</p>;
  return (
    <p class="may-not">
      <a class="button" href={paths.signIn(place.value.path)}>
        Sign in to change flags
      </a>
    </p>
  );
}

export function Ask({
  title,
  label,
  kind = "main",
  needsReason = false,
  ready = true,
  submit,
  onClose,
  children,
}: {
  title: string;
  label: string;
  kind?: "main" | "danger";
  needsReason?: boolean;
  ready?: boolean;
  submit: (reason: string) => Promise<void>;
  onClose: () => void;
  children?: ComponentChildren;
}) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");

  async function send(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (busy || !ready) return;
    const reason = new FormData(event.currentTarget as HTMLFormElement).get("reason");
    setBusy(true);
    setTrouble("");
    try {
      await submit(typeof reason === "string" ? reason.trim() : "");
      onClose();
    } catch (problem) {
      setTrouble(said(problem));
      setBusy(false);
    }
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void send(event)}>
        {children}
        <label class="field">
          <span>
            Reason <small class="quiet-text">{needsReason ? "kept in the log" : "optional, kept in the log"}</small>
          </span>
          <textarea
            name="reason"
            rows={2}
            maxLength={REASON_CHARACTERS_MAX}
            required={needsReason}
            data-first
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
        </label>
        <DialogFoot trouble={trouble} label={label} kind={kind} busy={busy || !ready} onClose={onClose} />
      </form>
    </Dialog>
  );
}

/** What a write would do, a line for each flag and environment. */
export function Plans({ plans }: { plans: readonly ChangePlan[] }) {
  if (!plans.length) return <p class="plan quiet-text">Nothing changes.</p>;
  return (
    <ul class="plan">
      {plans.map((plan) => (
        <li key={plan.flag + plan.environment}>
          <span class="num">
            <b>{plan.flag}</b> in {plan.environment}: {planChange(plan)}
          </span>
          <span class="small">{planWords(plan).join(" · ")}</span>
        </li>
      ))}
    </ul>
  );
}

/** The word that lets users move, where a plan takes it. */
export function Rebucket({ keys, checked, onChange }: { keys: readonly string[]; checked: boolean; onChange: (checked: boolean) => void }) {
  if (!keys.length) return null;
  return (
    <label class="check notice wait">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>I mean it: users who are exposed may get another variant</span>
    </label>
  );
}
