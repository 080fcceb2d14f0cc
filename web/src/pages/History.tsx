// What was released, when, by whom, and how it ended; with a filter, and two of them can be compared.
import { useEffect, useRef, useState } from "preact/hooks";

import { get, said } from "../api/client.ts";
import type { RolloutSummary } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { events, loaded, services } from "../live/state.ts";
import { Empty, Pill } from "../parts/bits.tsx";
import { go, paths, place } from "../router.ts";
import { duration, exactly, moment, weight } from "../words/format.ts";
import { outcome } from "../words/outcome.ts";
import { Title } from "./Title.tsx";

const LIMIT = 50;

interface Row extends RolloutSummary {
  service: string;
}

export function History() {
  const query = place.value.query;
  const [service, kind, text] = [query.get("service") ?? "", query.get("outcome") ?? "", query.get("q") ?? ""];
  const { rows, trouble, older } = useHistory(service);
  const shown = rows?.filter((row) => (!kind || row.outcome === kind) && matches(row, text));
  return (
    <>
      <Title name="History" text={service ? `What ${service} went through` : "What was released"} />
      <Filter service={service} outcome={kind} text={text} />
      {trouble && <p class="notice bad">{trouble}</p>}
      {shown && <List rows={shown} compare={Boolean(service)} />}
      {older && (
        <p>
          <button type="button" class="quiet" onClick={older}>
            Older ones
          </button>
        </p>
      )}
    </>
  );
}

interface Found {
  rows: Row[] | null;
  trouble: string;
  /** Reads what is older, if there is anything. */
  older: (() => void) | null;
}

/** The newest part, read again when a rollout begins or ends, and as many older ones as were asked for. */
function useHistory(service: string): Found {
  const [rows, setRows] = useState<Row[] | null>(null);
  const [more, setMore] = useState(false);
  const [trouble, setTrouble] = useState("");
  const path = service ? `/v1/services/${encodeURIComponent(service)}/history` : "/v1/history";
  const shown = useRef(path);
  const ended = events.value.findLast((event) => event.kind === "rollout_ended" || event.kind === "rollout_created");
  useEffect(() => {
    if (!loaded.value) return undefined;
    const stop = new AbortController();
    const anew = shown.current !== path || rows === null;
    part(`${path}?limit=${LIMIT}`, stop.signal)
      .then((found) => {
        shown.current = path;
        const ids = new Set(found.map((row) => row.id));
        setRows((before) => (anew ? found : [...found, ...(before ?? []).filter((row) => !ids.has(row.id))]));
        if (anew) setMore(found.length === LIMIT);
        setTrouble("");
      })
      .catch((problem: unknown) => !stop.signal.aborted && setTrouble(said(problem)));
    return () => stop.abort();
  }, [path, ended?.position ?? 0, loaded.value]);
  const last = rows?.at(-1)?.id ?? "";
  const older = (): void => {
    part(`${path}?limit=${LIMIT}&after=${encodeURIComponent(last)}`)
      .then((found) => {
        if (shown.current !== path) return;
        setRows((before) => [...(before ?? []), ...found]);
        setMore(found.length === LIMIT);
      })
      .catch((problem: unknown) => setTrouble(said(problem)));
  };
  return { rows, trouble, older: more && shown.current === path ? older : null };
}

async function part(path: string, signal?: AbortSignal): Promise<Row[]> {
  const found = await get<RolloutSummary[]>(path, signal ? { signal } : {});
  return found.map((each) => ({ ...each, service: each.id.slice(0, each.id.lastIndexOf("-")) }));
}

function matches(row: Row, text: string): boolean {
  const whole = [row.id, row.candidate, row.stable, row.reason, row.created_by, row.strategy, row.kind].join(" ");
  return whole.toLowerCase().includes(text.trim().toLowerCase());
}

function Filter({ service, outcome: kind, text }: { service: string; outcome: string; text: string }) {
  const set = (change: Record<string, string>): void =>
    go(paths.history({ service, outcome: kind, q: text, ...change }), { replace: true, quiet: true });
  return (
    <form class="filter" role="search" aria-label="History" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>Service</span>
        <select value={service} onChange={(event) => set({ service: event.currentTarget.value })}>
          <option value="">all</option>
          {[...new Set([...services.value.keys(), service])].filter(Boolean).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        <span>Ended</span>
        <select value={kind} onChange={(event) => set({ outcome: event.currentTarget.value })}>
          <option value="">any way</option>
          {["promoted", "rolled_back", "superseded", "failed", "running", "waiting", "stopped"].map((each) => (
            <option key={each} value={each}>
              {outcome(each).word.toLowerCase()}
            </option>
          ))}
        </select>
      </label>
      <label class="grow">
        <span>Text</span>
        <input
          type="search"
          value={text}
          placeholder="version, reason, person"
          onInput={(event) => set({ q: event.currentTarget.value })}
        />
      </label>
    </form>
  );
}

function List({ rows, compare }: { rows: Row[]; compare: boolean }) {
  const [picked, pick] = useState<string[]>([]);
  if (!rows.length) return <Empty title="Nothing fits this filter." />;
  const [left, right] = [...picked].sort((a, b) => numberOf(a) - numberOf(b));
  const service = rows[0]?.service ?? "";
  return (
    <>
      {compare && (
        <p class="compare-hint">
          {left && right ? (
            <a class="button" href={paths.compare(service, left, right)}>
              Compare {left} with {right}
            </a>
          ) : (
            <span class="quiet-text">Pick two to compare what they ran.</span>
          )}
        </p>
      )}
      <ol class="history">
        {rows.map((row) => (
          <li key={row.service + row.id}>
            {compare && (
              <input
                type="checkbox"
                aria-label={`Compare ${row.id}`}
                checked={picked.includes(row.id)}
                onChange={(event) => pick(event.currentTarget.checked ? [...picked, row.id].slice(-2) : picked.filter((id) => id !== row.id))}
              />
            )}
            <a href={paths.rollout(row.service, row.id)}>
              <Line row={row} />
            </a>
          </li>
        ))}
      </ol>
    </>
  );
}

function numberOf(id: string): number {
  return Number(id.split("-").at(-1));
}

function Line({ row }: { row: Row }) {
  const { word, tone } = outcome(row.outcome);
  return (
    <>
      <span class="history-what">
        <b>{row.service}</b>{" "}
        <span class="num">
          {row.stable ? `${row.stable} → ` : ""}
          {row.candidate}
        </span>
        <Pill tone={tone}>{word}</Pill>
      </span>
      <span class="history-how quiet-text small">
        {row.kind === "deploy" ? row.strategy : `${row.kind}, ${row.strategy}`} by {row.created_by}
        {row.attempt > 1 ? `, attempt ${row.attempt}` : ""}
      </span>
      <span class="history-why">{row.reason}</span>
      <span class="history-when quiet-text small num">
        <time dateTime={new Date(row.created_at * 1000).toISOString()} title={exactly(row.created_at)}>
          {moment(row.created_at, now.peek())}
        </time>
        {row.seconds !== null && ` · ${duration(row.seconds)}`}
        {row.outcome !== "promoted" && row.max_exposure_percent > 0 && ` · ${weight(row.max_exposure_percent)} at most`}
        {row.rollback_seconds !== null && ` · back in ${duration(row.rollback_seconds)}`}
      </span>
    </>
  );
}
