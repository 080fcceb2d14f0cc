// Who did what, when and why, over all streams; and the check that nobody changed it afterwards.
import { useEffect, useState } from "preact/hooks";

import { get, said } from "../api/client.ts";
import type { AuditLine, AuditPage, ChainsView } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { events, services } from "../live/state.ts";
import { Card, Empty, Pill } from "../parts/bits.tsx";
import { go, paths, place } from "../router.ts";
import { count, exactly, moment } from "../words/format.ts";
import { Title } from "./Title.tsx";

const LIMIT = "100";

export function Audit() {
  const query = place.value.query;
  const filter = { service: query.get("service") ?? "", actor: query.get("actor") ?? "", everything: query.get("everything") ?? "" };
  return (
    <div class="service-page">
      <Title name="Audit" text="Who did what" />
      <Chains />
      <Filter {...filter} />
      <Lines {...filter} />
    </div>
  );
}

interface Asked {
  service: string;
  actor: string;
  everything: string;
}

function Filter(asked: Asked) {
  const set = (change: Record<string, string>): void => go(paths.audit({ ...asked, ...change }), { replace: true, quiet: true });
  return (
    <form class="filter" role="search" aria-label="Audit" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>Service</span>
        <select value={asked.service} onChange={(event) => set({ service: event.currentTarget.value })}>
          <option value="">all</option>
          {[...new Set([...services.value.keys(), asked.service])].filter(Boolean).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        <span>By</span>
        <input type="search" value={asked.actor} placeholder="anybody" onChange={(event) => set({ actor: event.currentTarget.value.trim() })} />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={asked.everything === "1"}
          onChange={(event) => set({ everything: event.currentTarget.checked ? "1" : "" })}
        />
        What Ferryman did by itself too
      </label>
    </form>
  );
}

function Lines({ service, actor, everything }: Asked) {
  const [lines, setLines] = useState<AuditLine[] | null>(null);
  const [before, setBefore] = useState("");
  const [trouble, setTrouble] = useState("");
  const newest = events.value.findLast((event) => everything || event.actor !== "ferryman")?.position ?? 0;
  const query = { limit: LIMIT, people: everything ? "false" : "true", ...(service ? { service } : {}), ...(actor ? { actor } : {}) };

  async function read(more: string, stop?: AbortSignal): Promise<void> {
    try {
      const asked = new URLSearchParams({ ...query, ...(more ? { before: more } : {}) });
      const page = await get<AuditPage>(`/v1/audit?${asked.toString()}`, stop ? { signal: stop } : {});
      const found = page.lines.toReversed();
      setLines((old) => (more && old ? [...old, ...found] : found));
      setBefore(page.before);
      setTrouble("");
    } catch (problem) {
      if (!stop?.aborted) setTrouble(said(problem));
    }
  }

  useEffect(() => {
    const stop = new AbortController();
    void read("", stop.signal);
    return () => stop.abort();
  }, [service, actor, everything, newest]);

  if (trouble) return <p class="notice bad">{trouble}</p>;
  if (lines === null) return <p class="quiet-text">Reading the log…</p>;
  if (!lines.length) return <Empty title="Nobody did anything that fits." />;
  return (
    <Card title="Deeds" name="deeds" aside={<span class="quiet-text small">newest first</span>}>
      <ol class="events audit" aria-label="Deeds, newest first" reversed>
        {lines.map((line) => (
          <Line key={`${line.stream}/${line.seq}`} line={line} />
        ))}
      </ol>
      {before && (
        <button type="button" class="quiet" onClick={() => void read(before)}>
          Older ones
        </button>
      )}
    </Card>
  );
}

function Line({ line }: { line: AuditLine }) {
  return (
    <li>
      <time dateTime={new Date(line.at * 1000).toISOString()} title={exactly(line.at)} class="num">
        {moment(line.at, now.peek())}
      </time>
      <span class="actor">{line.actor}</span>
      <span class="event-text">
        {line.service ? (
          <a href={line.rollout ? paths.rollout(line.service, line.rollout) : paths.service(line.service)}>{line.rollout || line.service}</a>
        ) : (
          line.stream
        )}
        : {line.text}
        {line.reason && !line.text.includes(line.reason) && <span class="quiet-text">: {line.reason}</span>}
      </span>
      <code class="kind" title={`Number ${line.seq} of ${line.stream}, hash ${line.hash}`}>
        {line.hash.slice(0, 10)}
      </code>
    </li>
  );
}

function Chains() {
  const [busy, setBusy] = useState(false);
  const [found, setFound] = useState<ChainsView | null>(null);
  const [trouble, setTrouble] = useState("");

  function check(): void {
    setBusy(true);
    get<ChainsView>("/v1/audit/verify", { ms: 120_000 })
      .then((view) => {
        setFound(view);
        setTrouble("");
      })
      .catch((problem: unknown) => setTrouble(said(problem)))
      .finally(() => setBusy(false));
  }

  const broken = found?.chains.filter((chain) => chain.problem) ?? [];
  const links = found?.chains.reduce((sum, chain) => sum + chain.count, 0) ?? 0;
  return (
    <Card
      title="Is the log as it was written?"
      name="chains"
      aside={
        <button type="button" class="plain small" disabled={busy} onClick={check}>
          {busy ? "Checking…" : "Check every chain"}
        </button>
      }
    >
      <div role="status">
        {!found && !trouble && (
          <p class="quiet-text">Each event holds the hash of the one before: what is changed afterwards breaks the chain.</p>
        )}
        {trouble && <p class="notice bad">{trouble}</p>}
        {found && (
          <p>
            <Pill tone={broken.length ? "bad" : "ok"}>{broken.length ? "Broken" : "Whole"}</Pill> {count(links)} links in{" "}
            {count(found.chains.length)} {found.chains.length === 1 ? "chain" : "chains"} were recomputed.
          </p>
        )}
        {broken.map((chain) => (
          <p key={chain.stream} class="notice bad">
            {chain.stream}: {chain.problem}
          </p>
        ))}
      </div>
    </Card>
  );
}
