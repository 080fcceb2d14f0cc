// A version that users met and that was taken back: where the post-mortem is, or that there is none yet.
import { useState } from "preact/hooks";

import { post, said } from "../api/client.ts";
import type { AnswerView, IncidentView } from "../api/types.ts";
import { maySteer } from "../live/session.ts";
import { paths } from "../router.ts";
import { Dialog, DialogFoot } from "./Dialog.tsx";
import { say } from "./say.tsx";

const URL_CHARACTERS_MAX = 500;

export function Incident({ service, incident }: { service: string; incident: IncidentView }) {
  const { label, rollout } = incident;
  const [asks, ask] = useState(false);
  if (incident.postmortem) {
    return (
      <p class="incident">
        Users met {label} before it was taken back. It was written about:{" "}
        <a href={incident.postmortem} rel="noreferrer">
          post-mortem of {rollout}
        </a>
      </p>
    );
  }
  return (
    <div class="incident notice wait">
      <p>
        Users met {label} before it was taken back (<a href={paths.rollout(service, rollout)}>{rollout}</a>), and nobody has
        written about it yet. <code>ferry postmortem {rollout}</code>{" "}
        writes the report to begin with.
      </p>
      {maySteer(service) && (
        <button type="button" class="plain small" onClick={() => ask(true)}>
          Link the post-mortem
        </button>
      )}
      {asks && <Link service={service} rollout={rollout} onClose={() => ask(false)} />}
    </div>
  );
}

function Link({ service, rollout, onClose }: { service: string; rollout: string; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const url = new FormData(event.currentTarget as HTMLFormElement).get("url");
    setBusy(true);
    setTrouble("");
    try {
      say((await post<AnswerView>(`/v1/services/${encodeURIComponent(service)}/postmortem`, { rollout, url: String(url).trim() })).text);
      onClose();
    } catch (problem) {
      setTrouble(said(problem));
      setBusy(false);
    }
  }

  return (
    <Dialog title={`Post-mortem of ${rollout}`} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p>Where it is to be read. The checklist asks for it until it is there.</p>
        <label class="field">
          <span>Address</span>
          <input
            name="url"
            type="url"
            required
            pattern="https?://.+"
            title="https://…"
            maxLength={URL_CHARACTERS_MAX}
            placeholder="https://wiki.example/42"
            data-first
          />
        </label>
        <DialogFoot trouble={trouble} label="Link it" busy={busy} onClose={onClose} />
      </form>
    </Dialog>
  );
}
