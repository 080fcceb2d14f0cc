// Sign-in by a token, or by the company's own sign-in where the controller offers it.
import { useEffect, useState } from "preact/hooks";

import { ApiError, said } from "../api/client.ts";
import { session, signIn } from "../live/session.ts";
import { restart } from "../live/start.ts";
import { Command } from "../parts/bits.tsx";
import { go, place } from "../router.ts";
import { Title } from "./Title.tsx";

const OIDC = "/v1/oidc/start";

export function SignIn() {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(refusedThere(place.value.query.get("error")));
  const next = safe(place.value.query.get("next"));

  // A link of the owner: its code stands behind the #, where no server and no log sees it, and leaves the address at once.
  useEffect(() => {
    const code = location.hash.slice(1);
    if (!code.startsWith("once_")) return;
    history.replaceState({}, "", location.pathname + location.search);
    setBusy(true);
    signIn(code)
      .then(() => {
        restart();
        go(next, { replace: true });
      })
      .catch((problem: unknown) => {
        setTrouble(said(problem));
        setBusy(false);
      });
  }, []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const token = new FormData(form).get("token");
    if (busy || typeof token !== "string" || !token.trim()) return;
    setBusy(true);
    setTrouble("");
    try {
      await signIn(token.trim());
      restart();
      go(next, { replace: true });
    } catch (problem) {
      form.reset();
      form.querySelector("input")?.focus();
      setTrouble(explain(problem));
      setBusy(false);
    }
  }

  return (
    <div class="sign-in">
      <Title name="Sign in" text="Who is at the helm?" />
      <form onSubmit={(event) => void submit(event)}>
        <label class="field">
          <span>Token</span>
          <input
            name="token"
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            maxLength={200}
            required
            aria-describedby="sign-in-help"
            aria-invalid={trouble ? "true" : undefined}
          />
        </label>
        {trouble && (
          <p class="notice bad" role="alert">
            {trouble}
          </p>
        )}
        <button type="submit" class="main" disabled={busy}>
          {busy ? "Asking…" : "Sign in"}
        </button>
        {session.value?.oidc && (
          <a class="button other" href={`${OIDC}?${new URLSearchParams({ next }).toString()}`} data-plain="1">
            Sign in with your organisation
          </a>
        )}
      </form>
      <p id="sign-in-help" class="quiet-text">
        Whoever runs the controller makes tokens, each with a role: <Command text="ferry token create --name ana --role operator" />
      </p>
    </div>
  );
}

const REFUSED: Record<string, string> = {
  oidc_state: "That sign-in was over, used before, or begun in another browser. Begin it again.",
  oidc_denied: "Your organisation did not sign you in.",
  oidc_token: "What your organisation answered could not be trusted. The log of the controller says why.",
  oidc_no_role: "Your organisation knows you, but you have no role here. Ask whoever runs the controller: roles are in its ferry.yaml.",
  oidc_provider: "Your organisation's sign-in cannot be reached now. Try again, or use a token.",
};

/** Why the sign-in elsewhere came to nothing. Only codes are taken from the address: anybody can write one. */
function refusedThere(code: string | null): string {
  return code === null ? "" : (REFUSED[code] ?? "That sign-in came to nothing. Begin it again, or use a token.");
}

function explain(problem: unknown): string {
  if (problem instanceof ApiError && problem.status === 429) return `Too many tries. ${said(problem)}`;
  if (problem instanceof ApiError && problem.status === 401) return `That token is not known here. ${said(problem)}`;
  return said(problem);
}

/** A path of this page only: whoever made the link must not lead anybody elsewhere. */
function safe(next: string | null): string {
  if (!next?.startsWith("/") || next.startsWith("//") || next.startsWith("/\\") || next.startsWith("/sign-in")) return "/";
  return new URL(next, location.href).origin === location.origin ? next : "/";
}
