// What was done to a flag, by whom and why, with the way back to each version.
import { useEffect, useState } from "preact/hooks";

import { get, post, said } from "../api/client.ts";
import type { DoneView, FlagDifference, FlagEverywhere, FlagsAnswer } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { Card, Pill } from "../parts/bits.tsx";
import { useLoaded } from "../pages/load.ts";
import { exactly, moment } from "../words/format.ts";
import { Ask, mayTurn, Plans, Rebucket } from "./Ask.tsx";
import { tell } from "./Exposure.tsx";
import { flagPath } from "./live.ts";
import { deed, writtenLast } from "./words.ts";

const PART = 20; // what a flag comes with, of each environment

interface Entry extends DoneView {
  environment: string;
}

export function Timeline({ flag, refresh }: { flag: FlagEverywhere; refresh: () => void }) {
  const [whole, setWhole] = useState(false);
  const [older, setOlder] = useState<readonly Entry[]>([]);
  const [trouble, setTrouble] = useState("");
  const [back, goBack] = useState<Entry | null>(null);
  const recent = flag.places.flatMap((at) => at.history.map((each) => ({ ...each, environment: at.cell.environment })));
  const shown = new Set(recent.map(keyOf));
  const entries = [...recent, ...older.filter((each) => !shown.has(keyOf(each)))].sort((a, b) => b.version - a.version);
  const last = new Map(flag.places.map((at) => [at.cell.environment, writtenLast(at)]));

  async function readOlder(): Promise<void> {
    try {
      const parts = flag.places.map(async ({ cell }) => {
        const found = await get<DoneView[]>(`${flagPath(cell.environment, flag.row.key)}/history`);
        return found.map((each) => ({ ...each, environment: cell.environment }));
      });
      setOlder((await Promise.all(parts)).flat());
      setWhole(true);
    } catch (problem) {
      setTrouble(said(problem));
    }
  }

  return (
    <Card title="History" name="flag-history" aside={<span class="quiet-text small">newest first</span>}>
      <ol class="timeline" aria-label="What was done, newest first" reversed>
        {entries.map((entry) => (
          <Line
            key={keyOf(entry)}
            name={flag.row.key}
            entry={entry}
            several={flag.places.length > 1}
            revert={mayTurn() && isWritten(entry) && entry.version !== last.get(entry.environment) ? () => goBack(entry) : null}
          />
        ))}
      </ol>
      {trouble && <p class="notice bad">{trouble}</p>}
      {!whole && flag.places.some((at) => at.history.length >= PART) && (
        <button type="button" class="quiet" onClick={() => void readOlder()}>
          Everything
        </button>
      )}
      {back && <Revert name={flag.row.key} entry={back} flag={flag} refresh={refresh} onClose={() => goBack(null)} />}
    </Card>
  );
}

function keyOf(entry: Entry): string {
  return `${entry.version}/${entry.environment}`;
}

function isWritten(entry: Entry): boolean {
  return entry.kind === "created" || entry.kind === "written";
}

function Line({ name, entry, several, revert }: { name: string; entry: Entry; several: boolean; revert: (() => void) | null }) {
  const { word, tone } = deed(entry.kind);
  const [open, setOpen] = useState(false);
  return (
    <li>
      <p>
        <Pill tone={tone}>{word}</Pill> by <b>{entry.actor}</b>
        {several && <span class="quiet-text"> in {entry.environment}</span>}
      </p>
      {entry.reason && <p class="timeline-reason">{entry.reason}</p>}
      <p class="small quiet-text num">
        <time dateTime={new Date(entry.at * 1000).toISOString()} title={exactly(entry.at)}>
          {moment(entry.at, now.peek())}
        </time>{" "}
        · version {entry.version}
      </p>
      <p class="timeline-buttons">
        {entry.kind === "written" && (
          <button type="button" class="quiet small" aria-expanded={open} onClick={() => setOpen(!open)}>
            What changed
            <span class="visually-hidden">
              {" "}
              in version {entry.version} in {entry.environment}
            </span>
          </button>
        )}
        {revert && (
          <button type="button" class="plain small" onClick={revert}>
            Go back to this
            <span class="visually-hidden">
              {" "}
              version {entry.version} in {entry.environment}
            </span>
          </button>
        )}
      </p>
      {open && <Difference path={`${flagPath(entry.environment, name)}/versions/${entry.version}/difference`} />}
    </li>
  );
}

/** What a write changed, as lines of a flags file. */
function Difference({ path }: { path: string }) {
  const found = useLoaded<FlagDifference>(path);
  if (found.state === "loading") return <p class="small quiet-text">Reading…</p>;
  if (found.state !== "there") return <p class="notice bad">{found.state === "failed" ? found.why : "It is not kept any more."}</p>;
  const lines = found.value.text.split("\n").slice(2);
  return (
    <pre class="block difference" tabIndex={0} aria-label="What changed">
      {lines.map((line, index) => (
        <span key={index} class={line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : ""}>
          {line + "\n"}
        </span>
      ))}
    </pre>
  );
}

function Revert({ name, entry, flag, refresh, onClose }: { name: string; entry: Entry; flag: FlagEverywhere; refresh: () => void; onClose: () => void }) {
  const [planned, setPlanned] = useState<FlagsAnswer | null>(null);
  const [trouble, setTrouble] = useState("");
  const [sure, setSure] = useState(false);
  const [parent] = useState(() => flag.places.find((at) => at.cell.environment === entry.environment)?.cell.version ?? 0);
  const path = `${flagPath(entry.environment, name)}/revert`;
  const body = { parent, version: entry.version };

  useEffect(() => {
    post<FlagsAnswer>(path, { ...body, dry_run: true }).then(setPlanned, (problem: unknown) => setTrouble(said(problem)));
  }, []);

  async function submit(reason: string): Promise<void> {
    const answer = await post<FlagsAnswer>(path, { ...body, reason, rebucket: sure }).finally(refresh);
    tell(answer, `${name} in ${entry.environment} is as in version ${entry.version} again`);
  }

  return (
    <Ask title={`${name} in ${entry.environment}, as in version ${entry.version}`} label="Go back" ready={planned !== null} submit={submit} onClose={onClose}>
      <p>It is written again as it was then; nothing is taken out of the history.</p>
      {planned && <Plans plans={planned.plans} />}
      {trouble && (
        <p class="notice bad" role="alert">
          {trouble}
        </p>
      )}
      <Rebucket keys={planned?.needs_rebucket ?? []} checked={sure} onChange={setSure} />
    </Ask>
  );
}
