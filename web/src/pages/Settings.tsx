// Who may come in: tokens for admins; and what this controller is.
import { useState } from "preact/hooks";

import type { TokenView } from "../api/types.ts";
import { post, said } from "../api/client.ts";
import type { HealthView } from "../api/types.ts";
import { isAdmin, known, session, signOut } from "../live/session.ts";
import { restart } from "../live/start.ts";
import { services } from "../live/state.ts";
import { Ago, Card, Command, Pill } from "../parts/bits.tsx";
import { Dialog, DialogFoot } from "../parts/Dialog.tsx";
import { say } from "../parts/say.tsx";
import { paths } from "../router.ts";
import { exactly } from "../words/format.ts";
import type { Tone } from "../words/standing.ts";
import { useLoaded } from "./load.ts";
import { Title } from "./Title.tsx";

export function Settings() {
  return (
    <div class="service-page">
      <Title name="Settings" text="Who may what" />
      <You />
      {isAdmin() ? (
        <Tokens />
      ) : (
        <Card title="Tokens" name="tokens">
          <p class="quiet-text">
            Admins make and revoke tokens here. In a terminal on the controller’s machine:{" "}
            <Command text="ferry token create --name ana --role operator" />
          </p>
        </Card>
      )}
      <Controller />
    </div>
  );
}

function You() {
  const who = session.value;
  if (!who) return null;
  const roles = Object.entries(who.roles).map(([service, role]) => `${role} of ${service === "*" ? "every service" : service}`);
  return (
    <Card title="You" name="you">
      {known.value ? (
        <>
          <p>
            <b>{who.name}</b>, {roles.join(", ")}
            {who.expires_at !== null && <span class="quiet-text">; signed in until {exactly(who.expires_at)}</span>}
          </p>
          <p class="buttons">
            <button
              type="button"
              class="plain"
              onClick={() => {
                signOut()
                  .then(() => restart())
                  .catch((problem: unknown) => say(said(problem), "bad"));
              }}
            >
              Sign out
            </button>
          </p>
        </>
      ) : (
        <p>
          You may look: reading is open on this machine. To steer, <a href={paths.signIn("/settings")}>sign in</a>.
        </p>
      )}
    </Card>
  );
}

const STATES: Record<string, Tone> = { live: "ok", expired: "off", revoked: "off" };

function Tokens() {
  const [again, setAgain] = useState(0);
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<TokenView | null>(null);
  const found = useLoaded<TokenView[]>("/v1/tokens", again);
  return (
    <Card
      title="Tokens"
      name="tokens"
      aside={
        <button type="button" class="main small" onClick={() => setMaking(true)}>
          New token
        </button>
      }
    >
      {found.state === "failed" && <p class="notice bad">{found.why}</p>}
      {found.state === "there" && found.value.length === 0 && <p class="quiet-text">None yet.</p>}
      {found.state === "there" && found.value.length > 0 && <TokenTable tokens={found.value} revoke={setRevoking} />}
      {making && (
        <MakeToken
          onClose={() => {
            setMaking(false);
            setAgain(again + 1);
          }}
        />
      )}
      {revoking && (
        <Revoke
          token={revoking}
          onClose={() => {
            setRevoking(null);
            setAgain(again + 1);
          }}
        />
      )}
    </Card>
  );
}

function TokenTable({ tokens, revoke }: { tokens: TokenView[]; revoke: (token: TokenView) => void }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Tokens">
      <table class="tokens">
        <thead>
          <tr>
            {["Name", "Role", "State", "Made", "Last used", ""].map((name) => (
              <th scope="col" key={name}>
                {name || <span class="visually-hidden">Revoke</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tokens.map((token) => (
            <tr key={token.id}>
              <th scope="row">
                <b>{token.name}</b> <code class="quiet-text small">{token.id}</code>
              </th>
              <td>
                {Object.entries(token.roles)
                  .map(([service, role]) => (service === "*" ? role : `${role} of ${service}`))
                  .join(", ")}
              </td>
              <td>
                <Pill tone={STATES[token.state] ?? "wait"}>{token.state}</Pill>
                {token.state === "live" && token.expires_at !== null && <span class="quiet-text small"> until {exactly(token.expires_at)}</span>}
              </td>
              <td class="small">
                <Ago at={token.created_at} /> by {token.created_by}
              </td>
              <td class="small">{token.used_at === null ? "never" : <Ago at={token.used_at} />}</td>
              <td class="right">
                {token.state === "live" && (
                  <button type="button" class="danger small" onClick={() => revoke(token)}>
                    Revoke<span class="visually-hidden"> {token.name}</span>
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const DAY = 86_400;
const LENGTHS: [string, number][] = [
  ["30 days", 30 * DAY],
  ["90 days", 90 * DAY],
  ["a year", 365 * DAY],
  ["never", 0],
];

function MakeToken({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState("");
  const [trouble, setTrouble] = useState("");

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const seconds = Number(form.get("expires"));
    const body = { name: form.get("name"), role: form.get("role"), service: form.get("service"), expires_seconds: seconds || null };
    try {
      setMade((await post<{ token: string }>("/v1/tokens", body)).token);
      setTrouble("");
    } catch (problem) {
      setTrouble(said(problem));
    }
  }

  if (made) {
    return (
      <Dialog title="Copy it now" onClose={onClose}>
        <p>This is the only time that the token is shown. A hash of it is kept.</p>
        <p class="made-token">
          <Command text={made} />
        </p>
        <div class="dialog-buttons">
          <button type="button" class="main" onClick={onClose} data-first>
            Done
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New token" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p class="quiet-text">Whoever holds it acts under its name, and the log says so.</p>
        <label class="field">
          <span>Name</span>
          <input name="name" required maxLength={100} autocomplete="off" data-first />
        </label>
        <label class="field">
          <span>Role</span>
          <select name="role">
            <option value="viewer">viewer: may look</option>
            <option value="operator">operator: may steer releases</option>
            <option value="admin">admin: may make tokens and stop the controller</option>
          </select>
        </label>
        <label class="field">
          <span>For</span>
          <select name="service">
            <option value="*">every service</option>
            {[...services.value.keys()].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>Ends after</span>
          <select name="expires">
            {LENGTHS.map(([name, seconds]) => (
              <option key={name} value={seconds}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <DialogFoot trouble={trouble} label="Make it" onClose={onClose} />
      </form>
    </Dialog>
  );
}

function Revoke({ token, onClose }: { token: TokenView; onClose: () => void }) {
  const [trouble, setTrouble] = useState("");

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const reason = new FormData(event.currentTarget as HTMLFormElement).get("reason");
    try {
      await post(`/v1/tokens/${encodeURIComponent(token.id)}/revoke`, { reason });
      say(`The token of ${token.name} is revoked.`);
      onClose();
    } catch (problem) {
      setTrouble(said(problem));
    }
  }

  return (
    <Dialog title={`Revoke the token of ${token.name}`} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p>It stops working at once, and sessions that were begun with it end.</p>
        <label class="field">
          <span>Reason</span>
          <input name="reason" maxLength={2000} autocomplete="off" data-first />
        </label>
        <DialogFoot trouble={trouble} label="Revoke" kind="danger" onClose={onClose} />
      </form>
    </Dialog>
  );
}

function Controller() {
  const found = useLoaded<HealthView>("/v1/health");
  return (
    <Card title="This controller" name="controller">
      {found.state === "there" && (
        <dl class="facts plain">
          <div>
            <dt>Version</dt>
            <dd>{found.value.version}</dd>
          </div>
          <div>
            <dt>Project</dt>
            <dd>
              <code>{found.value.project}</code>
            </dd>
          </div>
          <div>
            <dt>Since</dt>
            <dd>
              <Ago at={found.value.started_at} />, process {found.value.pid}
            </dd>
          </div>
        </dl>
      )}
      <p class="quiet-text small">
        <a href="/licences.txt" data-plain="1">
          Licences of what this page is made of
        </a>
      </p>
    </Card>
  );
}
