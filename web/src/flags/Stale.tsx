// Flags that have done their work, and the command that takes each out of the code.
import type { FlagRow, StaleView } from "../api/types.ts";
import { Ago, Command, Empty, Pill } from "../parts/bits.tsx";
import { Title } from "../pages/Title.tsx";
import { paths } from "../router.ts";
import { boardTrouble, useBoard } from "./live.ts";
import { Tabs } from "./Tabs.tsx";
import { whyStale } from "./words.ts";

export function Stale() {
  const found = useBoard();
  const rows = found?.flags.filter((row) => row.stale.length) ?? [];
  const some = rows.length === 1 ? "1 flag has done its work." : `${rows.length} flags have done their work.`;
  const text = !found ? "Asking the controller…" : rows.length ? some : "No flag has outlived its work.";
  return (
    <>
      <Title name="To be taken out" text={text} crumbs={[["Flags", paths.flags()]]} />
      {found && <Tabs board={found} />}
      {boardTrouble.value && <p class="notice bad">{boardTrouble.value}</p>}
      {found && !rows.length && (
        <Empty title="Nothing is left over.">
          <p class="quiet-text">A flag shows up here when it expired, when everybody gets the same, or when no program asked for it for 30 days.</p>
        </Empty>
      )}
      {rows.length > 0 && (
        <ul class="rows stale-flags">
          {rows.map((row) => (
            <Line key={row.key} row={row} />
          ))}
        </ul>
      )}
      <p class="quiet-text small stale-note">
        Keys that stand nowhere in the code are found beside it: <Command text="ferry flags stale flags.yaml --path src" />
      </p>
    </>
  );
}

function Line({ row }: { row: FlagRow }) {
  const commands = [...new Set(row.stale.map((each) => each.command))];
  // One that names the value says more than one that leaves it open.
  const named = commands.filter((each) => !each.endsWith(" VALUE"));
  return (
    <li>
      <p class="stale-name">
        <a href={paths.flag(row.key)}>
          <b>{row.key}</b>
        </a>
        <span class="small quiet-text">
          {row.kind}
          {row.owner && `, ${row.owner}`}
        </span>
      </p>
      <ul class="stale-whys">
        {row.stale.map((each) => (
          <Why key={each.code} view={each} />
        ))}
      </ul>
      <p class="stale-commands">
        {(named.length ? named : commands).map((each) => (
          <Command key={each} text={each} />
        ))}
      </p>
    </li>
  );
}

export function Why({ view }: { view: StaleView }) {
  return (
    <li>
      <Pill tone="wait">{whyStale(view.code)}</Pill> {view.message}
      <span class="quiet-text small">
        {" "}
        · changed <Ago at={view.since} />
      </span>
    </li>
  );
}
