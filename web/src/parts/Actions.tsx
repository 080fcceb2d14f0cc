// The buttons that steer a release, and the dialog that asks why.
import { useEffect, useState } from "preact/hooks";

import { get, post, said } from "../api/client.ts";
import type { AnswerView, RolloutSummary, ServiceView } from "../api/types.ts";
import { fresh, setView } from "../live/state.ts";
import { maySteer, known, session } from "../live/session.ts";
import { paths, place } from "../router.ts";
import { verbs, type VerbText } from "../words/verbs.ts";
import { Dialog, DialogFoot } from "./Dialog.tsx";
import { FreezeFields } from "./FreezeFields.tsx";
import { say } from "./say.tsx";

const REASON_CHARACTERS_MAX = 2000;
const NEVER_LATE = new Set(["abort", "freeze", "unfreeze"]);

export function Actions({ view }: { view: ServiceView }) {
  const [asked, ask] = useState<VerbText | null>(null);
  const offered = verbs(view);
  if (!offered.length) return null;
  if (session.value !== null && !maySteer(view.service)) return <MayNot />;
  return (
    <div class="actions" role="group" aria-label={`Steer ${view.service}`}>
      {offered.map((verb) => (
        <button
          key={verb.verb}
          type="button"
          class={verb.kind}
          // A button that is really disabled would lose the focus whenever the connection is lost for a moment.
          aria-disabled={!fresh.value}
          onClick={() => fresh.value && ask(verb)}
        >
          {verb.label}
        </button>
      ))}
      {asked && <Ask verb={asked} view={view} onClose={() => ask(null)} />}
    </div>
  );
}

function MayNot() {
  if (known.value) return <p class="may-not quiet-text">You may look at this service, not steer it.</p>;
  return (
    <p class="may-not">
      <a class="button" href={paths.signIn(place.value.path)}>
        Sign in to steer
      </a>
    </p>
  );
}

/** What is shown follows the verb at once, instead of with the next news. */
function refresh(service: string): void {
  get<ServiceView>(`/v1/services/${encodeURIComponent(service)}`).then(setView, () => {});
}

function Ask({ verb, view, onClose }: { verb: VerbText; view: ServiceView; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  // What the person looked at when the dialog opened, or after a refusal: somebody else may act in the meantime.
  const [before, look] = useState(view);
  const other = overtaken(before, view);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const body: Record<string, string | number | boolean> = { reason: text(form, "reason").trim() };
    // Going back and holding are never too late; everything else is meant for what was looked at.
    const gate = before.rollout?.approvals.find((each) => each.state === "open");
    if (verb.verb === "approve" || verb.verb === "deny") body["gate"] = gate?.key ?? "";
    else if (!NEVER_LATE.has(verb.verb)) body["standing"] = before.standing;
    if (form.get("full")) body["full"] = true;
    if (form.get("with_steps")) body["with_steps"] = true;
    if (text(form, "to")) body["to"] = text(form, "to");
    if (text(form, "until")) body["until"] = Number(text(form, "until"));
    if (form.get("rollback")) body["rollback"] = true;
    setBusy(true);
    setTrouble("");
    try {
      const path = `/v1/services/${encodeURIComponent(view.service)}/${verb.verb}`;
      const answer = await post<AnswerView>(path, body);
      say(answer.held ? `${answer.text}. It is held ${answer.held}` : answer.text, answer.held ? "wait" : "ok");
      refresh(view.service);
      onClose();
    } catch (problem) {
      setTrouble(said(problem));
      look(view);
      refresh(view.service);
      setBusy(false);
    }
  }

  return (
    <Dialog title={verb.title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p>{verb.what}</p>
        {verb.verb === "undo" && <Targets view={view} />}
        {verb.verb === "freeze" && <FreezeFields runs={view.legal.includes("abort")} />}
        {(verb.verb === "promote" && view.legal.includes("promote --full")) || verb.verb === "retry" ? (
          <label class="check">
            <input type="checkbox" name="full" /> In full: pass over every step, wait and verdict that is left
          </label>
        ) : null}
        <label class="field">
          <span>
            Reason <small class="quiet-text">{verb.needsReason ? "kept in the log" : "optional, kept in the log"}</small>
          </span>
          <textarea
            name="reason"
            rows={2}
            maxLength={REASON_CHARACTERS_MAX}
            required={verb.needsReason}
            data-first
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
        </label>
        {other && (
          <p class="notice wait" role="status">
            {other}
          </p>
        )}
        <DialogFoot
          trouble={trouble}
          label={verb.label}
          kind={verb.kind === "danger" ? "danger" : "main"}
          busy={busy}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

/** What happened since the dialog opened, if it changes what the button would do. */
function overtaken(before: ServiceView, view: ServiceView): string {
  const moved = before.standing !== view.standing;
  const person = view.recent.find((event) => event.position > before.position && event.actor !== "ferryman");
  if (person) return `Meanwhile: ${person.actor}: ${person.text}`;
  return moved ? "Meanwhile the rollout has moved on; look again before you go on." : "";
}

/** Versions that served before, newest first. */
function Targets({ view }: { view: ServiceView }) {
  const [labels, setLabels] = useState<string[]>([]);
  useEffect(() => {
    get<RolloutSummary[]>(`/v1/services/${encodeURIComponent(view.service)}/history?limit=50`)
      .then((found) => {
        const promoted = found.filter((each) => each.outcome === "promoted").map((each) => each.candidate);
        setLabels([...new Set(promoted)].filter((label) => label !== view.serving));
      })
      .catch(() => setLabels([]));
  }, [view.service]);
  return (
    <>
      <label class="field">
        <span>Back to</span>
        <select name="to">
          <option value="">the version before this one</option>
          {labels.map((label) => (
            <option key={label}>{label}</option>
          ))}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" name="with_steps" /> Step by step, judged, as a release
      </label>
    </>
  );
}
