// Changes of a flag that wait for people, and their word.
import { useState } from "preact/hooks";

import { post } from "../api/client.ts";
import type { RequestView, WaitingView } from "../api/types.ts";
import { session } from "../live/session.ts";
import { Ago, Card, Pill } from "../parts/bits.tsx";
import { say } from "../parts/say.tsx";
import { clock } from "../words/format.ts";
import { Ask, mayTurn, Plans } from "./Ask.tsx";

type Deed = "approve" | "deny";

export function Requests({ requests, refresh }: { requests: readonly WaitingView[]; refresh: () => void }) {
  const [asked, ask] = useState<{ request: WaitingView; deed: Deed } | null>(null);
  if (!requests.length) return null;
  return (
    <Card title="Waits for people" name="flag-requests">
      <ul class="approvals">
        {requests.map((request) => (
          <li key={request.number}>
            <Waiting request={request} />
            {mayTurn() && <Buttons request={request} ask={(deed) => ask({ request, deed })} />}
          </li>
        ))}
      </ul>
      {asked && <Answer {...asked} refresh={refresh} onClose={() => ask(null)} />}
    </Card>
  );
}

function own(request: WaitingView): boolean {
  return session.value?.name === request.author;
}

function Waiting({ request }: { request: WaitingView }) {
  return (
    <>
      <p>
        <Pill tone="wait">Request {request.number}</Pill> <b>{request.author}</b> {request.summary}
        <span class="quiet-text small">
          {" "}
          · <Ago at={request.at} />
        </span>
      </p>
      {request.reason && <p>{request.reason}</p>}
      <p class="small quiet-text">
        {request.given.length} of {request.needed} have agreed, role {request.role} or above
      </p>
      {request.given.map((given) => (
        <p key={given.at} class="small">
          <span class="num quiet-text">{clock(given.at)}</span> <b>{given.by}</b> ({given.role}) agreed
          {given.reason && `: ${given.reason}`}
        </p>
      ))}
      {request.trouble ? <p class="notice bad">It cannot be made any more: {request.trouble}</p> : <Plans plans={request.plans} />}
    </>
  );
}

function Buttons({ request, ask }: { request: WaitingView; ask: (deed: Deed) => void }) {
  return (
    <div class="actions" role="group" aria-label={`Answer request ${request.number}`}>
      {!own(request) && (
        <button type="button" class="main" onClick={() => ask("approve")}>
          Approve
        </button>
      )}
      <button type="button" class="danger" onClick={() => ask("deny")}>
        {own(request) ? "Take it back" : "Deny"}
      </button>
    </div>
  );
}

function Answer({ request, deed, refresh, onClose }: { request: WaitingView; deed: Deed; refresh: () => void; onClose: () => void }) {
  const agrees = deed === "approve";
  const label = agrees ? "Approve" : own(request) ? "Take it back" : "Deny";

  async function submit(reason: string): Promise<void> {
    const path = `/v1/flags/requests/${request.number}/${deed}`;
    const found = await post<RequestView>(path, { digest: request.digest, reason }).finally(refresh);
    const open = `${found.given.length} of ${found.needed} have agreed`;
    say(`Request ${found.number}: ${found.state === "open" ? open : found.state}.`, found.state === "open" ? "wait" : "ok");
  }

  return (
    <Ask title={`${label}: request ${request.number} of ${request.author}`} label={label} kind={agrees ? "main" : "danger"} submit={submit} onClose={onClose}>
      <p>{agrees ? "With the last word it is written, and served at once." : "One word ends it; nothing is written."}</p>
      <Plans plans={request.plans} />
    </Ask>
  );
}
