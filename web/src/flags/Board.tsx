// Every flag in every environment: what is served there, at one glance.
import type { FlagCell, FlagRow, FlagsBoard } from "../api/types.ts";
import { exactly } from "../words/format.ts";
import { Command, Empty, Pill } from "../parts/bits.tsx";
import { Title } from "../pages/Title.tsx";
import { go, paths, place } from "../router.ts";
import { boardTrouble, readAt, useBoard } from "./live.ts";
import { Tabs } from "./Tabs.tsx";
import { served, share } from "./words.ts";

const SHOWN_MAX = 300;
const KINDS = ["release", "ops", "experiment", "permission"];

export function Board() {
  const found = useBoard();
  const query = place.value.query;
  const [text, kind, stale] = [query.get("q") ?? "", query.get("kind") ?? "", query.get("stale") === "1"];
  if (!found) {
    return (
      <>
        <Title name="Flags" text={boardTrouble.value ? "" : "Asking the controller…"} />
        {boardTrouble.value && <p class="notice bad">{boardTrouble.value}</p>}
      </>
    );
  }
  if (!found.flags.length) return <Nothing />;
  const rows = found.flags.filter((row) => (!kind || row.kind === kind) && (!stale || row.stale.length) && matches(row, text));
  return (
    <>
      <Title name="Flags" text={summary(found)} />
      <Tabs board={found} />
      {found.trouble && <p class="notice bad">The log cannot be used; flags are served as last known: {found.trouble}</p>}
      <Filter text={text} kind={kind} stale={stale} />
      {rows.length ? <Grid board={found} rows={rows.slice(0, SHOWN_MAX)} /> : <Empty title="No flag fits this filter." />}
      {rows.length > SHOWN_MAX && (
        <p class="quiet-text">
          {SHOWN_MAX} of {rows.length} are shown; the filter finds the others.
        </p>
      )}
    </>
  );
}

function summary(board: FlagsBoard): string {
  const cells = board.flags.flatMap((row) => row.cells);
  const off = cells.filter((cell) => cell.state === "killed" || cell.state === "tripped");
  const waiting = board.flags.filter((row) => row.requests).length;
  if (off.length) return off.length === 1 ? "One flag is killed or tripped." : `${off.length} flags are killed or tripped.`;
  if (waiting) return waiting === 1 ? "A change of one flag waits for people." : `Changes of ${waiting} flags wait for people.`;
  return "Everything is served as intended.";
}

function matches(row: FlagRow, text: string): boolean {
  return [row.key, row.owner, row.description].join(" ").toLowerCase().includes(text.trim().toLowerCase());
}

function Filter({ text, kind, stale }: { text: string; kind: string; stale: boolean }) {
  const set = (change: Record<string, string>): void =>
    go(paths.flags({ q: text, kind, stale: stale ? "1" : "", ...change }), { replace: true, quiet: true });
  return (
    <form class="filter" role="search" aria-label="Flags" onSubmit={(event) => event.preventDefault()}>
      <label class="grow">
        <span>Text</span>
        <input type="search" value={text} placeholder="key, owner, description" onInput={(event) => set({ q: event.currentTarget.value })} />
      </label>
      <label>
        <span>Kind</span>
        <select value={kind} onChange={(event) => set({ kind: event.currentTarget.value })}>
          <option value="">all</option>
          {KINDS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" checked={stale} onChange={(event) => set({ stale: event.currentTarget.checked ? "1" : "" })} /> Only what should go
      </label>
    </form>
  );
}

function Grid({ board, rows }: { board: FlagsBoard; rows: FlagRow[] }) {
  const names = board.environments.map((each) => each.name);
  return (
    <div class="scroll flag-grid" tabIndex={0} role="region" aria-label="Flags by environment">
      <table>
        <thead>
          <tr>
            {["Flag", ...names, "Owner", "Expires"].map((name) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key}>
              <th scope="row">
                <a href={paths.flag(row.key)}>{row.key}</a>
                <span class="flag-marks small quiet-text">
                  {row.kind}
                  {row.stale.length > 0 && <Pill tone="wait">should go</Pill>}
                  {row.requests > 0 && <Pill tone="wait">{row.requests} waiting</Pill>}
                </span>
                {row.description && <span class="flag-about small quiet-text">{row.description}</span>}
              </th>
              {names.map((name) => (
                <Cell key={name} name={name} cell={row.cells.find((each) => each.environment === name)} />
              ))}
              <td class="small" data-label="Owner">
                {row.owner || "–"}
              </td>
              <td class="small num" data-label="Expires">
                {row.expires || "–"}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ name, cell }: { name: string; cell: FlagCell | undefined }) {
  if (!cell) {
    return (
      <td data-label={name} class="quiet-text">
        <span aria-label="not there">–</span>
      </td>
    );
  }
  const { word, tone, divided } = served(cell);
  return (
    <td data-label={name} title={`version ${cell.version} by ${cell.changed_by}, ${exactly(cell.changed_at)}`}>
      <span class={`flag-cell${cell.version > readAt ? " changed" : ""}`} key={cell.version}>
        {divided ? (
          <>
            <b class="num">{word}</b>
            <meter min={0} max={100} value={cell.exposed_percent} aria-label={`${share(cell.exposed_percent)} exposed in ${name}`} />
          </>
        ) : (
          <Pill tone={tone}>{word}</Pill>
        )}
        {cell.rules > 0 && cell.state === "enabled" && (
          <span class="small quiet-text">
            +{cell.rules} {cell.rules === 1 ? "rule" : "rules"}
          </span>
        )}
      </span>
    </td>
  );
}

function Nothing() {
  return (
    <>
      <Title name="Flags" text="No flag yet." />
      <Empty title="Release without deploying">
        <p>Write a flags file, look at what it would do, then write it:</p>
        <ol class="howto">
          <li>
            <Command text="ferry spec --flags > flags.yaml" />
          </li>
          <li>
            <Command text="ferry flags plan flags.yaml" />
          </li>
          <li>
            <Command text="ferry flags set flags.yaml" />
          </li>
        </ol>
      </Empty>
    </>
  );
}
