// One flag in all its environments.
import type { FlagEverywhere } from "../api/types.ts";
import { Card, Command, Empty, Pill } from "../parts/bits.tsx";
import { Title } from "../pages/Title.tsx";
import { paths } from "../router.ts";
import { MayNot } from "./Ask.tsx";
import { Explain } from "./Explain.tsx";
import { useFlag } from "./live.ts";
import { Place } from "./Place.tsx";
import { Requests } from "./Requests.tsx";
import { Why } from "./Stale.tsx";
import { Timeline } from "./Timeline.tsx";
import { Chip } from "./Use.tsx";
import { colourOf, headline, valueText } from "./words.ts";

const CRUMBS: [string, string][] = [["Flags", paths.flags()]];

export function Flag({ name }: { name: string }) {
  const [found, refresh] = useFlag(name);
  if (found.state === "loading") return <Title name={name} text="Asking the controller…" crumbs={CRUMBS} />;
  if (found.state !== "there") {
    return (
      <>
        <Title name={name} crumbs={CRUMBS} />
        {found.state === "failed" ? (
          <p class="notice bad">{found.why}</p>
        ) : (
          <Empty title="There is no such flag.">
            <p>It may have been taken away; the audit log knows.</p>
          </Empty>
        )}
      </>
    );
  }
  const { flag } = found;
  return (
    <>
      <Title name={name} text={headline(flag.row, flag.off)} crumbs={CRUMBS}>
        <Pill tone="off">{flag.row.kind}</Pill>
      </Title>
      {flag.trouble && <p class="notice bad">The log cannot be used; the flag is served as last known: {flag.trouble}</p>}
      <Facts flag={flag} />
      <MayNot />
      <div class="columns wide-left flag-columns">
        <div class="flag-places">
          {flag.places.map((at) => (
            <Place key={at.cell.environment} flag={flag} at={at} refresh={refresh} />
          ))}
        </div>
        <div class="flag-side">
          <Requests requests={flag.requests} refresh={refresh} />
          {flag.row.stale.length > 0 && <ShouldGo flag={flag} />}
          {flag.places.length > 0 && <Explain flag={flag} />}
          {flag.places.length > 0 && <Timeline flag={flag} refresh={refresh} />}
        </div>
      </div>
    </>
  );
}

function Facts({ flag }: { flag: FlagEverywhere }) {
  const { row } = flag;
  const names = flag.variants.map((each) => each.name);
  const plain: [string, string][] = [
    ["Owner", row.owner],
    ["Expires", row.expires],
    ["About", row.description],
  ];
  return (
    <dl class="facts flag-facts">
      {plain
        .filter(([, value]) => value)
        .map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      <div>
        <dt>Variants</dt>
        <dd class="flag-variants">
          {flag.variants.map((each) => (
            <span key={each.name}>
              <Chip variant={each.name} colour={colourOf(each.name, flag.off, names)} /> <code class="small">{valueText(each.value)}</code>
            </span>
          ))}
        </dd>
      </div>
    </dl>
  );
}

function ShouldGo({ flag }: { flag: FlagEverywhere }) {
  const commands = [...new Set(flag.row.stale.map((each) => each.command))];
  return (
    <Card title="It has done its work" name="flag-stale">
      <ul class="stale-whys">
        {flag.row.stale.map((each) => (
          <Why key={each.code} view={each} />
        ))}
      </ul>
      <p class="stale-commands">
        {commands.map((each) => (
          <Command key={each} text={each} />
        ))}
      </p>
    </Card>
  );
}
