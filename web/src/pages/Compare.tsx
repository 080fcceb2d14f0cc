// Two rollouts of a service, what they ran side by side; what differs stands out.
import type { RolloutDetail } from "../api/types.ts";
import { Empty } from "../parts/bits.tsx";
import { entries, type Entry } from "../parts/Revision.tsx";
import { go, paths, place } from "../router.ts";
import { useLoaded, type Loaded } from "./load.ts";
import { Title } from "./Title.tsx";

interface Pair {
  group: string;
  name: string;
  left: string | null;
  right: string | null;
}

export function Compare({ service }: { service: string }) {
  const query = place.value.query;
  const [left, right, all] = [query.get("left") ?? "", query.get("right") ?? "", query.get("all") === "1"];
  const one = useLoaded<RolloutDetail>(left && `/v1/rollouts/${encodeURIComponent(left)}`);
  const other = useLoaded<RolloutDetail>(right && `/v1/rollouts/${encodeURIComponent(right)}`);
  const crumbs: [string, string][] = [
    ["Services", "/"],
    [service, paths.service(service)],
    ["History", paths.history({ service })],
  ];
  const trouble = [said(one, left), said(other, right)].filter(Boolean).join(" ");
  if (one.state !== "there" || other.state !== "there") {
    return (
      <>
        <Title name="Compare" crumbs={crumbs} />
        {trouble ? <Empty title={trouble} /> : <p class="quiet-text">Reading the log…</p>}
      </>
    );
  }
  const pairs = paired(entries(one.value), entries(other.value));
  const differ = pairs.filter((pair) => pair.left !== pair.right);
  const text = one.value.revision.digest === other.value.revision.digest ? "The same content." : `${differ.length} differences.`;
  return (
    <>
      <Title name={`${left} and ${right}`} text={text} crumbs={crumbs} />
      <label class="check">
        <input
          type="checkbox"
          checked={all}
          onChange={(event) => go(`${paths.compare(service, left, right)}${event.currentTarget.checked ? "&all=1" : ""}`, { replace: true, quiet: true })}
        />
        Show what is the same too
      </label>
      <Table pairs={all ? pairs : differ} left={one.value} right={other.value} />
    </>
  );
}

function said(found: Loaded<RolloutDetail>, id: string): string {
  if (!id) return "Name two rollouts: pick them in the history.";
  if (found.state === "missing") return `There is no rollout ${id}.`;
  return found.state === "failed" ? found.why : "";
}

function paired(left: Entry[], right: Entry[]): Pair[] {
  const key = (entry: Entry): string => `${entry.group}\n${entry.name}`;
  const others = new Map(right.map((entry) => [key(entry), entry]));
  const pairs: Pair[] = left.map((entry) => ({
    group: entry.group,
    name: entry.name,
    left: entry.value,
    right: others.get(key(entry))?.value ?? null,
  }));
  const known = new Set(left.map(key));
  for (const entry of right) {
    if (known.has(key(entry))) continue;
    const last = pairs.findLastIndex((pair) => pair.group === entry.group);
    pairs.splice(last < 0 ? pairs.length : last + 1, 0, { group: entry.group, name: entry.name, left: null, right: entry.value });
  }
  return pairs;
}

function Table({ pairs, left, right }: { pairs: Pair[]; left: RolloutDetail; right: RolloutDetail }) {
  if (!pairs.length) return <Empty title="They do not differ." />;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Differences">
      <table class="diff">
        <thead>
          <tr>
            <th scope="col">Field</th>
            {[left, right].map((each, index) => (
              <th scope="col" key={index}>
                {each.summary.id} <small class="quiet-text">{each.revision.label}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {pairs.map((pair) => (
            <tr key={pair.group + pair.name} class={pair.left === pair.right ? "same" : "differs"}>
              <th scope="row">
                <span class="quiet-text small">{pair.group}</span> {pair.name}
              </th>
              <Cell value={pair.left} sign="−" tone="left" changed={pair.left !== pair.right} />
              <Cell value={pair.right} sign="+" tone="right" changed={pair.left !== pair.right} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ value, sign, tone, changed }: { value: string | null; sign: string; tone: string; changed: boolean }) {
  if (value === null) return <td class="quiet-text">not there</td>;
  return (
    <td class={changed ? tone : ""}>
      {changed && <span aria-hidden="true">{sign} </span>}
      <code>{value}</code>
    </td>
  );
}
